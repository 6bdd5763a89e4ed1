"""TLS on both sides of nginx: what a client, a load balancer and an application server notice."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

LOAD_BALANCER = "127.0.0.2"
WWW = {"port": 443, "tls": "www.foobar.com"}
NGINX = "DNS:web1,DNS:www.foobar.com,DNS:members.foobar.com"


@pytest.fixture
def handshake(host):
    """What openssl says of a handshake with these options; a failed one is told too."""

    def handshake(*options, name="www.foobar.com"):
        command = "openssl s_client -connect 127.0.0.1:443 -servername %s -CAfile /etc/webstack/tls/ca.pem"
        result = host.run(f"{command} {' '.join(options)} </dev/null", name)
        # After the handshake an HTTP/2 server speaks first, and not in letters.
        return (result.stdout_bytes + result.stderr_bytes).decode(errors="replace")

    return handshake


def upstream(requests, port):
    """What the upstream on ``port`` remembers, asked without nginx between."""
    answer = requests(
        port=port, tls={9445: "other.webstack.internal"}.get(port, "application.webstack.internal"), path="/seen"
    )
    return answer[0].json()


def test_site_answers_over_tls(request_):
    """The certificate is verified by name."""
    answer = request_(**WWW)
    assert (answer.status, answer.json()["server"]) == (200, "app-9001")
    assert request_(**WWW, path="/static/site.css").status == 200


def test_load_balancer_may_ask_for_the_host_by_its_own_name(request_):
    """As HAProxy does: it verifies web1, and asks for the site."""
    assert request_(port=443, tls="web1").json()["headers"]["host"] == "www.foobar.com"


def test_unknown_name_is_answered(request_):
    """Catches a listener that has a certificate for its sites alone, and breaks off the handshake."""
    assert request_(port=443, tls="web1", host="unknown.example").status == 404
    assert request_(port=443, tls="unknown.example", host="unknown.example").status == 404


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-tls1_2"], "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"),
        (["-tls1_3"], "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
        (["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], "alert protocol version"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], "alert handshake failure"),
    ],
)
def test_what_is_spoken(handshake, options, expected):
    """The client chooses among what is good; openssl likes 256 bits."""
    assert expected in handshake(*options)


def test_key_exchange_resists_quantum_computers_where_openssl_can(handshake, host):
    """OpenSSL 3.0 of Debian 12 cannot."""
    since_debian_13 = int(host.system_info.release.partition(".")[0]) >= 13
    assert ("X25519MLKEM768" if since_debian_13 else "Server Temp Key: X25519") in handshake("-tls1_3")


def test_http2_where_the_site_says_so(handshake, host):
    """Before 1.25.1, nginx (Debian 12 has 1.22) offers it at an address and port for all sites or for none."""
    a_site_alone = int(host.system_info.release.partition(".")[0]) >= 13
    assert "ALPN protocol: h2" in handshake("-alpn", "h2,http/1.1", name="members.foobar.com")
    assert f"ALPN protocol: {'http/1.1' if a_site_alone else 'h2'}" in handshake("-alpn", "h2,http/1.1")


def test_sessions_are_resumed_without_tickets(handshake):
    """A ticket's key would be the same until a restart, and open all that was ever recorded."""
    said = handshake("-tls1_2", "-reconnect")
    # Not all five: nginx keeps a session when the client has its last message already, and may have reconnected.
    assert said.count("Reused, TLSv1.2") > 0
    assert "TLS session ticket" not in said


@pytest.mark.parametrize(
    ("certificate", "tls", "status"),
    [
        ("member", "members.foobar.com", 200),
        (None, "members.foobar.com", 400),
        ("stranger", "members.foobar.com", 400),
        # Under another name's handshake, which asks for no certificate.
        (None, "www.foobar.com", 421),
    ],
)
def test_members_alone_are_let_in(request_, certificate, tls, status):
    assert request_(port=443, host="members.foobar.com", tls=tls, certificate=certificate).status == status


@pytest.mark.parametrize(
    ("source", "said", "port", "expected"),
    [
        # Nobody in front: it is this hop's.
        ("127.0.0.1", None, 80, "http"),
        ("127.0.0.1", None, 443, "https"),
        ("127.0.0.1", "http", 443, "https"),
        ("127.0.0.1", "https", 80, "http"),
        # Behind the load balancer: what the client spoke to that.
        (LOAD_BALANCER, "https", 443, "https"),
        (LOAD_BALANCER, "http", 443, "http"),
        (LOAD_BALANCER, "https", 80, "https"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/secure/"])
def test_application_is_told_the_clients_scheme(request_, source, said, port, expected, path):
    answer = request_(
        source=source,
        port=port,
        tls="www.foobar.com" if port == 443 else None,
        path=path,
        headers={"X-Forwarded-Proto": said} if said else {},
    )
    assert answer.json()["headers"]["x-forwarded-proto"] == expected


def test_application_is_asked_by_its_name(request_):
    answer = request_(**WWW, path="/secure/").json()
    assert (answer["server"], answer["server_name"]) == ("app-9443", "application.webstack.internal")
    assert answer["headers"]["host"] == "www.foobar.com"


def test_connections_to_the_application_are_reused(requests):
    """Or each request would cost a handshake."""
    before = upstream(requests, 9443)["connections"]
    assert all(answer.status == 200 for answer in requests(repeat=100, path="/secure/"))
    # Each worker keeps its own.
    assert upstream(requests, 9443)["connections"] - before <= 16


def test_sessions_with_the_application_are_resumed(requests):
    def several_at_once():
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda _: requests(repeat=20, path="/secure/"), range(8)))
        return upstream(requests, 9443)["resumed"]

    assert any(several_at_once() for _ in range(5))


@pytest.mark.parametrize(
    ("path", "port", "reason"),
    [
        ("/impostor", 9445, "upstream SSL certificate does not match"),
        ("/stranger", 9446, "upstream SSL certificate verify error"),
    ],
)
def test_application_server_that_cannot_show_who_it_is_gets_nothing(host, request_, requests, path, port, reason):
    """Catches proxy_ssl_verify off, which is nginx's default."""
    path = f"{path}/{uuid4()}"
    assert request_(path=path).status == 502
    assert reason in host.check_output("grep -F %s /var/log/nginx/error.log", path)
    if port == 9445:
        assert not [line for line in upstream(requests, port)["seen"] if path in line]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_such_a_server_is_passed_over(request_, method):
    """A POST too: nothing of it was sent."""
    answer = request_(method=method, path="/passed-over", body="entry" if method == "POST" else None)
    assert (answer.status, answer.json()["server"]) == (200, "app-9444")


def test_certificates_change_under_load_and_cost_no_request(host):
    """Each of ten goes live by a reload while clients come and go: every handshake and every request succeeds."""
    rotate = f"""
        serial() {{ openssl x509 -noout -serial; }}
        served() {{ openssl s_client -connect 127.0.0.1:443 -servername web1 </dev/null 2>/dev/null | serial; }}
        for turn in $(seq 10); do
            throwaway-ca /etc/webstack/tls/ca --folder=/etc/webstack/tls/nginx nginx {NGINX}
            systemctl reload nginx
            until test "$(served)" = "$(serial </etc/webstack/tls/nginx/certificate.pem)"; do :; done
        done"""
    how = "--name=www.foobar.com --ca=/etc/webstack/tls/ca.pem --pause=0 --repeat-closed --requests=1000"
    result = host.run(f"timeout 240 load {how} sh -euc %s", rotate)
    assert result.rc == 0, result.stderr
    report = json.loads(result.stdout)
    print(result.stdout)
    assert (report["status"], report["failures"]) == (0, []), report["output"]
    # Or it proves nothing.
    assert len(report["handshakes"]) >= 10
    assert report["during"] > 100


def test_half_of_a_new_pair_is_refused_and_the_old_goes_on(host, request_):
    """As when something reloads nginx between the two renames."""
    folder = "/etc/webstack/tls/nginx"
    host.run_expect(
        [0], f"cp --preserve {folder}/key.pem /root/key.pem && cp /etc/webstack/tls/member/key.pem {folder}"
    )
    try:
        assert host.run("systemctl reload nginx").rc != 0
        assert request_(**WWW).status == 200
    finally:
        host.run_expect([0], f"mv /root/key.pem {folder}/key.pem && systemctl reload nginx")
    assert request_(**WWW).status == 200


def test_missing_certificate_is_named(play, request_):
    site = {
        "name": "www",
        "default": True,
        "listen": [{"port": 443, "tls": True}],
        "tls": {"certificate": "/etc/webstack/tls/nowhere/certificate.pem", "key": "/etc/webstack/tls/nginx/key.pem"},
    }
    result = play(nginx_sites=[site])
    assert result.returncode != 0
    told = re.sub(r"\s+", " ", result.stdout)
    assert (
        "nginx-web: nginx_sites or nginx_upstreams uses /etc/webstack/tls/nowhere/certificate.pem, which does not exist"
        in told
    )
    assert request_(**WWW).status == 200
