"""A request on its way through the real HAProxy, nginx and gunicorn, each as its role configures it."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

TLS = "/etc/webstack/tls"
UPSTREAM = {"name": "app", "tls": {"ca_file": f"{TLS}/c.pem", "name": "app.internal"}}
SERVERS = [{"name": "one", "address": "127.0.0.1", "port": 8000}, {"name": "two", "address": "127.0.0.1", "port": 8001}]
PROXY = [
    {"location": "/", "upstream": "app"},
    {"location": "/live", "upstream": "app", "websocket": True},
    {"location": "/slow", "upstream": "app", "read_timeout": "1s"},
]
SITE = {
    "name": "www",
    "server_names": ["www.foobar.com"],
    "listen": [{"address": "127.0.0.1", "port": 8443, "tls": True}],
    "tls": {"certificate": f"{TLS}/c.pem", "key": f"{TLS}/k.pem"},
    "proxy": PROXY,
}
FRONTEND = {
    "name": "www",
    "bind": [{"address": "127.0.0.1", "port": 443, "tls": {"certificates": [f"{TLS}/both.pem"]}}],
    "default_backend": "www",
}
BACKEND = {
    "name": "www",
    "tls": {"ca_file": f"{TLS}/c.pem"},
    "timeout_server": "5s",
    "servers": [{"name": "web1", "address": "127.0.0.1", "port": 8443, "tls_name": "app.internal", "check": False}],
}

APPLICATION = """
import socket, time

def app(environ, start):
    path = environ["PATH_INFO"]
    open("/tmp/asked", "a").write(path + "\\n")
    if path == "/live":
        client = environ["gunicorn.socket"]
        head = ["HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket"]
        head += ["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "", ""]
        client.sendall("\\r\\n".join(head).encode())
        client.sendall(client.recv(100).upper())
        # Closed here, as gunicorn would say its own 500 into it.
        client.shutdown(socket.SHUT_RDWR)
        raise SystemExit
    if path == "/slow":
        time.sleep(2)
    headers = [("Content-Type", "text/plain")]
    if path == "/cookie":
        headers.append(("Set-Cookie", "a=" + "x" * 15000))
    if path == "/events":
        start("200 OK", [("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no")])
        return (time.sleep(number) or b"data: %d\\n\\n" % number for number in range(3))
    start("200 OK", headers)
    return [str(len(environ["QUERY_STRING"])).encode(), b" ", str(len(environ.get("HTTP_COOKIE", ""))).encode()]
"""

PROBE = """
import json, http.client, socket, ssl, time

# The example of RFC 6455.
UPGRADE = [("Host", "www.foobar.com"), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
           ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]

def connect():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", 443, context=tls, timeout=20)

def get(path, **headers):
    connection = connect()
    connection.request("GET", path, headers={"Host": "www.foobar.com", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), len(answer.headers.get("Set-Cookie", ""))

def first_event():
    connection = connect()
    started = time.monotonic()
    connection.request("GET", "/events", headers={"Host": "www.foobar.com"})
    connection.getresponse().readline()
    return time.monotonic() - started

def live():
    connection = connect()
    connection.connect()
    connection.putrequest("GET", "/live", skip_host=True)
    for header in UPGRADE:
        connection.putheader(*header)
    connection.endheaders()
    head = b""
    while not head.endswith(b"\\r\\n\\r\\n"):
        head += connection.sock.recv(1)
    connection.sock.sendall(b"hello")
    return head.split(b" ")[1].decode(), b"".join(iter(lambda: connection.sock.recv(100), b"")).decode()

for _ in range(100):
    try:
        if get("/")[0] == 200:
            break
    except OSError:
        pass
    time.sleep(0.1)
large = 15900
print(json.dumps({
    "url": get("/?" + "a" * large)[:2],
    "cookies": get("/", Cookie="a=" + "a" * (large - 2))[:2],
    "many headers": get("/", **{f"X-Number-{number}": "1" for number in range(90)})[0],
    "too long": get("/?" + "a" * 16400)[0],
    "too many cookies": get("/", Cookie="a" * 16400)[0],
    "its cookie": get("/cookie")[::2],
    "first event": first_event(),
    "live": live(),
    "slow": get("/slow")[0],
    "asked": open("/tmp/asked").read().split().count("/slow"),
}))
"""

START = """
mkdir --parents /run/haproxy
cd /srv/app
for port in 8000 8001; do python3 -m gunicorn --config /srv/$port.py --daemon --pid /run/$port; done
nginx && haproxy -D -f /etc/haproxy/haproxy.cfg && exec python3 /srv/probe.py
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("certificate")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=app"]
    names = ["-addext", "subjectAltName=DNS:app.internal,DNS:www.foobar.com"]
    files = ["-keyout", folder / "k.pem", "-out", folder / "c.pem"]
    subprocess.run(["openssl", "req", "-x509", *curve, *names, *files], check=True, capture_output=True)
    both = {name: (folder / name).read_text() for name in ("c.pem", "k.pem")}
    return {f"{TLS}/{name}": text for name, text in {**both, "both.pem": both["c.pem"] + both["k.pem"]}.items()}


@pytest.fixture(scope="module")
def told(certificate) -> Callable[..., dict[str, Any]]:
    """What a visitor sees. Made once, and read by each test."""
    found: dict[str, Any] = {}

    def ask(render_template, parser) -> dict[str, Any]:
        if found:
            return found
        files = {"/srv/app/shop.py": APPLICATION, "/srv/probe.py": PROBE, **certificate}
        for server in SERVERS:
            files[f"/srv/{server['port']}.py"] = render_template(
                "appserver",
                "gunicorn.conf.py.j2",
                {
                    "appserver_wsgi": "shop:app",
                    "appserver_workers": 2,
                    "appserver_bind": {"port": server["port"]},
                    "appserver_tls": {"certificate": f"{TLS}/c.pem", "key": f"{TLS}/k.pem"},
                },
            )
        nginx = {"nginx_upstreams": [UPSTREAM | {"servers": SERVERS}], "nginx_sites": [SITE]}
        files["/etc/nginx/nginx.conf"] = render_template("nginx", "nginx.conf.j2", nginx)
        haproxy = {"haproxy_frontends": [FRONTEND], "haproxy_backends": [BACKEND]}
        files["/etc/haproxy/haproxy.cfg"] = render_template("haproxy", "haproxy.cfg.j2", haproxy)
        done = parser(["sh", "-c", START], files)
        assert done.returncode == 0, done.stdout + done.stderr
        found.update(json.loads(done.stdout.splitlines()[-1]))
        return found

    return ask


@pytest.fixture
def seen(told, render_template, parser) -> dict[str, Any]:
    return told(render_template, parser)


def test_what_the_front_door_lets_pass_arrives(seen) -> None:
    """Red with gunicorn's own limits, 4094 bytes for a URL and 8190 for a header, and with 100 headers."""
    assert seen["url"] == [200, "15900 0"]
    assert seen["cookies"] == [200, "0 15900"]
    assert seen["many headers"] == 200


def test_what_is_too_much_is_refused_at_the_front_door(seen) -> None:
    assert (seen["too long"], seen["too many cookies"]) == (400, 400)


def test_cookies_come_back_as_large(seen) -> None:
    """Red with nginx's own buffer, one page of memory: 502."""
    assert seen["its cookie"] == [200, 15002]


def test_events_arrive_when_they_are_sent(seen) -> None:
    """The last one comes after three seconds."""
    assert seen["first event"] < 2


def test_a_connection_is_upgraded(seen) -> None:
    assert seen["live"] == ["101", "HELLO"]


def test_a_slow_page_is_made_once(seen) -> None:
    """By two servers, each asked by nginx, and all of it four times by HAProxy."""
    assert (seen["slow"], seen["asked"]) == (504, 1)
