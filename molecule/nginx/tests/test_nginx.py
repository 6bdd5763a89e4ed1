"""What the users of a web server notice: files, the application, its failures, and changes of the configuration."""

import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import uuid4

import pytest

LOAD_BALANCER = "127.0.0.2"
STRANGER = "127.0.0.3"


def eventually(condition, attempts=40):
    """Whether ``condition`` becomes true; looked at twice a second."""
    for _ in range(attempts):
        if condition():
            return True
        time.sleep(0.5)
    return False


def running_generation(request_):
    return request_(port=8081, path="/generation").text.strip()


def upstream(requests, port):
    """What the upstream on ``port`` remembers, asked without nginx between."""
    return requests(port=port, path="/seen")[0].json()


@pytest.fixture
def without_local_upstream(host, request_):
    """Give the test a way to kill the upstream that is preferred; afterwards it runs and is preferred again."""
    yield lambda: host.run_expect([0], "systemctl kill --signal=KILL upstream@9001")
    host.run_expect([0], "systemctl restart upstream@9001")
    assert eventually(lambda: request_().json()["server"] == "app-9001")


def test_static_file_may_be_cached_and_revalidated(request_):
    first = request_(path="/static/site.css")
    assert first.status == 200
    assert first.header("Content-Type") == "text/css"
    assert first.header("Cache-Control") == "max-age=3600"
    assert first.header("Last-Modified")
    again = request_(path="/static/site.css", headers={"If-None-Match": first.header("ETag")})
    assert (again.status, again.text) == (304, "")


def test_own_headers_of_a_location_do_not_drop_the_sites(request_):
    """Catches the add_header of a location that takes the place of the server's."""
    answer = request_(path="/forever/site.css")
    assert set(answer.all("Cache-Control")) == {"max-age=31536000", "immutable"}
    assert answer.all("X-Web-Server") == ["web1"]


@pytest.mark.parametrize("path", ["/", "/static/site.css", "/static/missing", "/nobody", "/old"])
def test_response_names_the_web_server_once(request_, path):
    """Whatever the status, and whatever the application says in the same header."""
    assert request_(path=path).all("X-Web-Server") == ["web1"]


def test_new_release_is_served_at_once(host, requests):
    """Catches an open_file_cache, of which each worker has its own, and goes on serving what the link pointed at."""

    def switch(release):
        host.run_expect([0], "cd /srv/www/app && ln -s releases/%s next && mv -T next current", str(release))

    assert all("release 1" in answer.text for answer in requests(path="/static/site.css", repeat=100))
    switch(2)
    try:
        assert all("release 2" in answer.text for answer in requests(path="/static/site.css", repeat=100))
    finally:
        switch(1)


@pytest.mark.parametrize("path", ["/static/site.css", "/packed/big"])
def test_text_is_compressed_for_whoever_asks(request_, path):
    plain = request_(path=path)
    packed = request_(path=path, headers={"Accept-Encoding": "gzip"})
    assert plain.header("Content-Encoding") is None
    assert packed.header("Content-Encoding") == "gzip"
    assert packed.header("Vary") == "Accept-Encoding"
    assert len(packed.body) < len(plain.body) / 2


def test_dynamic_answer_is_not_compressed(request_):
    """Catches BREACH: the length of a compressed answer tells how much of a secret in it a client has guessed."""
    assert request_(path="/big", headers={"Accept-Encoding": "gzip"}).header("Content-Encoding") is None


def test_small_answer_is_not_compressed(request_):
    assert request_(path="/packed/", headers={"Accept-Encoding": "gzip"}).header("Content-Encoding") is None


def test_unknown_name_is_not_answered_by_a_site(request_):
    assert request_(host="unknown.example").status == 404
    assert request_(host="unknown.example", path="/static/site.css").status == 404


def test_site_of_files(request_):
    assert "<title>Files" in request_(host="files.foobar.com").text
    assert request_(host="files.foobar.com", path="/.git/config").status == 404


def test_redirect_keeps_the_clients_scheme_and_port(request_):
    answer = request_(path="/old")
    assert (answer.status, answer.header("Location")) == (301, "/new")


POLICY, OWN_POLICY = "default-src 'self'; frame-ancestors 'none'", "the application's own"


@pytest.mark.parametrize(
    ("path", "status", "policy"),
    [
        ("/", 200, POLICY),
        ("/own-policy", 200, OWN_POLICY),
        ("/static/site.css", 200, POLICY),
        ("/forever/site.css", 200, POLICY),
        ("/static/missing", 404, POLICY),
        ("/nobody", 502, POLICY),
        ("/old", 301, POLICY),
    ],
)
def test_default_header_is_sent_unless_the_application_has_its_own(request_, path, status, policy):
    """Also with files and errors, which no application had a hand in."""
    answer = request_(path=path)
    assert answer.status == status
    assert answer.all("Content-Security-Policy") == [policy]
    assert answer.all("X-Content-Type-Options") == ["nosniff"]


@pytest.mark.parametrize(("size", "status"), [(10_000, 200), (20_000, 400)])
def test_long_header(request_, size, status):
    """What the load balancer lets pass, and no more."""
    assert request_(path="/static/site.css", headers={"Cookie": "x" * size}).status == status


def test_slow_client_is_sent_away(host):
    """Catches a header that may take for ever, a byte now and then: each holds a connection."""
    client = (
        "import socket, time; c = socket.create_connection(('127.0.0.1', 80), 60); start = time.monotonic();"
        "c.sendall(b'GET / HTTP/1.1\\r\\nHost: www.foobar.com\\r\\n'); c.recv(1); print(time.monotonic() - start)"
    )
    # 5s in converge.yml.
    assert 4 < float(host.check_output("python3 -c %s", client)) < 15


def test_nginx_does_not_tell_its_version(request_):
    assert request_(path="/static/missing").header("Server") == "nginx"


def test_application_is_told_the_client_by_the_load_balancer(request_):
    headers = request_(
        source=LOAD_BALANCER, headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    ).json()["headers"]
    assert headers["x-forwarded-for"] == "203.0.113.9"
    assert headers["x-real-ip"] == "203.0.113.9"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == "www.foobar.com"
    assert headers["x-web-server"] == "web1"


def test_client_cannot_add_to_what_the_load_balancer_says(request_):
    """The load balancer appends: what stands before its own entry is the client's invention."""
    headers = request_(source=LOAD_BALANCER, headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}).json()["headers"]
    assert headers["x-forwarded-for"] == "203.0.113.9"


def test_stranger_cannot_pretend_to_be_somebody_else(request_):
    """Catches a set_real_ip_from that is too wide, and headers that are passed on as they came."""
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Real-IP": "203.0.113.9",
        "X-Web-Server": "mine",
        "Forwarded": "for=203.0.113.9",
        "Proxy": "http://evil.example",
    }
    headers = request_(source=STRANGER, headers=forged).json()["headers"]
    assert headers["x-forwarded-for"] == STRANGER
    assert headers["x-real-ip"] == STRANGER
    assert headers["x-forwarded-host"] == "www.foobar.com"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-web-server"] == "web1"
    assert not {"forwarded", "proxy"} & set(headers)


def test_connections_to_the_application_are_reused(requests):
    """Catches HTTP/1.0 or Connection: close towards the upstream, either of which is one connection a request."""
    before = upstream(requests, 9001)["connections"]
    assert all(answer.status == 200 for answer in requests(repeat=100))
    # Each worker keeps its own.
    assert upstream(requests, 9001)["connections"] - before <= 16


def test_application_server_on_the_same_host_is_preferred(requests):
    assert Counter(answer.json()["server"] for answer in requests(repeat=50)) == {"app-9001": 50}


def test_killed_application_server_costs_no_request(requests, without_local_upstream):
    """GETs and POSTs alike: a POST that found nobody was never sent."""
    assert requests()[0].json()["server"] == "app-9001"
    without_local_upstream()
    answers = requests(repeat=100) + requests(repeat=100, method="POST", body="entry")
    assert Counter((answer.status, answer.json()["server"]) for answer in answers) == {(200, "app-9002"): 200}


def test_kill_under_load_costs_no_get(requests, without_local_upstream):
    """The kill comes while GETs are on their way; what it breaks off is asked of the other server."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        streams = [pool.submit(requests, repeat=1000, path="/stream") for _ in range(4)]
        assert eventually(lambda: upstream(requests, 9001)["seen"].count("GET /stream") > 100)
        without_local_upstream()
        answers = [answer for stream in streams for answer in stream.result()]
    assert Counter(answer.status for answer in answers) == {200: 4000}
    # Or the kill came too early or too late to prove anything.
    assert {answer.json()["server"] for answer in answers} == {"app-9001", "app-9002"}


def test_get_that_was_broken_off_is_asked_of_the_next_server(request_, requests):
    path = f"/break-off/{uuid4()}"
    request_(path=path)
    assert [upstream(requests, port)["seen"].count(f"GET {path}") for port in (9001, 9002)] == [1, 1]


def test_get_that_takes_too_long_is_not_sent_to_the_next(request_, requests):
    """Catches proxy_next_upstream timeout for what a server does not answer: a slow page is slow on each of them."""
    path = f"/silent/{uuid4()}"
    assert request_(path=path).status == 504
    assert [upstream(requests, port)["seen"].count(f"GET {path}") for port in (9001, 9002)] == [1, 0]


def test_post_that_was_sent_is_never_sent_again(request_, requests):
    """Catches proxy_next_upstream non_idempotent."""
    path = f"/break-off/{uuid4()}"
    assert request_(method="POST", path=path, body="entry").status == 502
    assert [upstream(requests, port)["seen"].count(f"POST {path}") for port in (9001, 9002)] == [1, 0]
    assert request_().status == 200


def test_error_log_is_reopened(host, request_):
    """As logrotate has it; the sandbox must let the master open and hand over what is the workers'."""
    log, probe = "/var/log/nginx/error.log", f"/static/{uuid4()}"
    host.run_expect([0], f"mv {log} {log}.1 && systemctl kill --kill-whom=main --signal=USR1 nginx")
    assert eventually(lambda: host.file(log).exists and host.file(log).user == "www-data")
    assert request_(path=probe).status == 404
    assert eventually(lambda: probe in host.file(log).content_string)


def test_a_request_is_one_json_object_in_the_journal(host, request_):
    """Catches a sandbox that keeps nginx from the journal, and anything of a request that is to be logged by nobody."""
    trace, secret = uuid4().hex, f"secret{uuid4().hex}"
    path = f'/a"b\\c/{uuid4()}'
    headers = {
        "X-Request-ID": "id-of-the-request",
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
        "Cookie": secret,
        "Authorization": secret,
        "Referer": f"/{secret}",
        "User-Agent": secret,
    }
    request_(path=f"{path}?{secret}", headers=headers)
    find = f"journalctl --unit=nginx --since=-1min --output=cat --grep={trace}"
    assert eventually(lambda: host.run(find).stdout)
    record = json.loads(host.check_output(find))
    assert datetime.fromisoformat(record["time"]).utcoffset() is not None
    assert re.fullmatch(r".*T[0-9:]{8}[.][0-9]{3}[+-].*", record["time"])
    assert {name: record[name] for name in ("tier", "host", "request_id", "trace_id", "method", "path")} == {
        "tier": "web",
        "host": "nginx-web",
        "request_id": "id-of-the-request",
        "trace_id": trace,
        "method": "GET",
        "path": path,
    }
    assert (type(record["status"]), type(record["seconds"])) == (int, float)
    assert host.run(f"journalctl --since=-1min | grep {secret}").stdout == ""


def test_changed_unit_holds_at_once(host, play):
    """Catches a sandbox that waits for the next boot."""
    unit = "/etc/systemd/system/nginx.service.d/webstack.conf"
    host.run_expect([0], f"sed --in-place /ProtectClock/d {unit} && systemctl daemon-reload && systemctl restart nginx")
    before = host.check_output("systemctl show --value --property=MainPID nginx")
    assert play().returncode == 0
    assert host.check_output("systemctl show --value --property=MainPID nginx") != before
    assert host.check_output("systemctl show --value --property=ProtectClock nginx") == "yes"


def test_killed_nginx_comes_back(host, request_):
    host.run_expect([0], "systemctl kill --kill-whom=main --signal=KILL nginx")
    assert eventually(lambda: request_().status == 200)


def test_files_left_by_others_neither_serve_nor_block(host):
    """The converge went past them; they are still there, and still broken."""
    for path in ("conf.d/left.conf", "modules-enabled/left.conf", "sites-enabled/left"):
        assert host.file(f"/etc/nginx/{path}").content_string == "left_behind and broken"
    assert host.run("nginx -t").rc == 0


def test_broken_configuration_stops_the_play_and_the_old_one_serves(host, play, request_):
    """Catches a configuration that is put in place before nginx has read it."""
    before = host.file("/etc/nginx/nginx.conf").sha256sum
    result = play(nginx_http_extra=["no_such_directive on;"])
    assert result.returncode != 0
    assert 'unknown directive "no_such_directive"' in result.stdout
    assert host.file("/etc/nginx/nginx.conf").sha256sum == before
    assert request_().status == 200


def test_bad_data_is_named_before_anything_changes(play, request_):
    result = play(nginx_sites=[{"name": "www", "default": True, "proxy": [{"location": "/", "upstream": "ap"}]}])
    assert result.returncode != 0
    assert 'passes / to the upstream "ap", which is not defined; use one of: app' in result.stdout
    assert request_().status == 200


@pytest.mark.usefixtures("afterwards_restored")
def test_reload_that_nginx_refuses_is_told(host, play, request_):
    """nginx -t and the reload both say yes to another key of a zone; only the running nginx shows that it said no."""
    live = host.file("/etc/nginx/nginx.conf")
    assert play(nginx_http_extra=["limit_req_zone $binary_remote_addr zone=probe:1m rate=1r/s;"]).returncode == 0
    before, folder = running_generation(request_), host.file("/etc/nginx").listdir()
    result = play(nginx_http_extra=["limit_req_zone $server_name zone=probe:1m rate=1r/s;"])
    assert result.returncode != 0
    assert 'limit_req "probe" uses the "$server_name" key while previously it used' in result.stdout
    assert (running_generation(request_), request_().status) == (before, 200)
    # The next start must not meet what was refused.
    assert f"# generation {before}\n" in live.content_string
    assert host.file("/etc/nginx").listdir() == folder


def test_missed_reload_is_made_good_by_the_next_run(host, play, request_):
    """As after a run that was interrupted between the new file and the reload: the file is right, nginx older."""
    wanted = running_generation(request_)
    live, copy = "/etc/nginx/nginx.conf", "/root/nginx.conf"
    host.run_expect([0], f"cp --preserve {live} {copy} && sed --in-place s/{wanted}/older/ {live}")
    host.run_expect([0], "systemctl reload nginx")
    assert eventually(lambda: running_generation(request_) == "older")
    host.run_expect([0], f"mv {copy} {live}")
    assert play().returncode == 0
    assert running_generation(request_) == wanted


def test_nginx_that_somebody_broke_by_hand_is_repaired(host, play, request_):
    """It neither runs nor starts, and systemd keeps trying; one run makes it good."""
    host.run_expect([0], "echo broken_by_hand >/etc/nginx/nginx.conf")
    assert host.run("systemctl restart nginx").rc != 0
    result = play()
    assert result.returncode == 0, result.stdout
    assert request_().status == 200


@pytest.mark.usefixtures("afterwards_restored")
def test_site_that_is_taken_out_of_the_data_is_gone(play, request_):
    other = {"name": "other", "server_names": ["other.foobar.com"], "root": "/srv/www/files"}
    assert play(nginx_sites=[other]).returncode == 0
    assert request_().status == 404
    assert request_(host="other.foobar.com").status == 200


def test_second_run_changes_nothing(play):
    """Also after all that the tests above did."""
    assert re.search(r"changed=0\b.*failed=0\b", play().stdout)
