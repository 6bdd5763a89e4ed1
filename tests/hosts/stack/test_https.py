"""HTTPS as a visitor and an attacker meet it, on any inventory. Nothing is written."""

import ssl

import pytest


def test_plain_http_leads_to_https(site):
    """Path and query survive. Catches a site that still answers in the clear."""
    answer = site.plain.get("/api/entries?limit=1")
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{site.host}/api/entries?limit=1")


def test_browsers_are_told_to_stay_with_https(site):
    """Two years: Mozilla's guidelines. Not in the clear, where anybody could have written it (RFC 6797, 7.2)."""
    assert site.get("/").headers["Strict-Transport-Security"].startswith("max-age=63072000")
    assert site.plain.get("/").headers["Strict-Transport-Security"] is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(("most", "taken"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)])
def test_versions_before_tls_1_2_are_refused(site, most, taken):
    context = ssl.create_default_context(cafile=str(site.ca))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = most
    try:
        site.handshake(context).close()
        agreed = True
    except (ssl.SSLError, ConnectionError):
        agreed = False
    assert agreed is taken


def test_http_2_is_spoken(site):
    context = ssl.create_default_context(cafile=str(site.ca))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with site.handshake(context) as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_a_client_that_asks_too_much_is_not_believed(site):
    """A body beyond the limit is refused by the load balancer. Catches a limit that only the application has."""
    assert site.request("POST", "/", b"x" * (2**20 + 2**16)).status == 413


@pytest.mark.parametrize("path", ["/", "/static/style.css", "/nothing", "/api/entries"])
def test_every_answer_says_what_a_browser_may_do_with_it(site, path):
    """Pages, static files, errors and the API alike. Catches headers that only one tier or one status sends."""
    headers = site.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"]
    assert headers["Permissions-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_cookie_never_travels_in_the_clear(site):
    refused = site.request("POST", "/", {"name": "", "message": ""})
    assert refused.status == 422, refused
    for cookie in refused.headers.get_all("Set-Cookie") or []:
        assert {"Secure", "HttpOnly"} <= {part.strip() for part in cookie.split(";")}
