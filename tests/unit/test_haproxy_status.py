"""Why a server of HAProxy is down, in words: of HAProxy's own statistics, and of handshakes with real servers."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from ansible_collections.foobar.webstack.plugins.module_utils._haproxy import probe, status
from throwaway_ca import Authority

HEADER = "# pxname,svname,status,lastchg,type,check_status,check_code,last_chk,addr,\n"
CONFIGURATION = """\
global
    server ignored 192.0.2.1:1 verifyhost x

frontend www
    bind *:443

backend www
    default-server ssl verify required ca-file /etc/webstack/tls/ca.pem alpn http/1.1
    server web1 198.18.0.21:443 sni str(web1) check-sni web1 verifyhost web1 check weight 100
    server own 198.18.0.22:443 ssl verify required ca-file /own.pem verifyhost own check

backend system
    default-server ssl verify required ca-file @system-ca
    server far 203.0.113.1:443 verifyhost far.example

backend plain
    server web1 198.18.0.21:80 check
"""


def server(state: str = "DOWN", check: str = "L4CON", code: str = "", detail: str = "") -> status.Server:
    [found] = status.servers(f"{HEADER}www,web1,{state},125,2,{check},{code},{detail},198.18.0.21:443,\n")
    return found


def test_a_server_without_a_check_of_its_own_names_the_one_it_follows() -> None:
    """Red where it reads "HAProxy says nothing"."""
    header = HEADER.replace("addr,", "addr,tracked,")
    [found] = status.servers(f"{header}extra,web1,DOWN (via www/web1),12,2,,,,198.18.0.21:443,www/web1,\n")
    assert found.sentence(found.reason).endswith("is down (DOWN (via www/web1) for 12 s): it follows www/web1")


def test_servers_alone_are_taken() -> None:
    lines = "www,FRONTEND,OPEN,,0,,,,,\nwww,web1,UP,7525,2,L7OK,200,,198.18.0.21:443,\nwww,BACKEND,UP,9,1,,,,,\n"
    [found] = status.servers(HEADER + lines)
    assert found.sentence(found.reason) == "www/web1 198.18.0.21:443 is up (UP for 2 h 5 min)"
    assert found.data("") == {
        "backend": "www",
        "server": "web1",
        "address": "198.18.0.21:443",
        "up": True,
        "state": "UP",
        "seconds": 7525,
        "reason": "",
        "follows": "",
    }


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (server(), "is down (DOWN for 2 min 5 s): the connection is refused, or there is no route"),
        (server(check="L4TOUT"), "or does a firewall drop the connection?"),
        (server(check="* L7STS", code="503"), ": it answered the check with status 503"),
        (server(check="L7TOUT"), "did not answer in time"),
        (server(check="L6RSP", detail="SSL handshake failure"), "the TLS handshake failed (SSL handshake failure)"),
        (server(check="PROCERR", detail="x"), ": HAProxy says PROCERR (x)"),
        (server("MAINT", ""), "is not in use (MAINT for 2 min 5 s): somebody has put it into maintenance"),
        (server("DRAIN", "L7OK"), "it gets no new visitors"),
        (server("UP 1/3", "L4TOUT"), "is up (UP 1/3 for 2 min 5 s)"),
        (server("no check", ""), "is up (no check for 2 min 5 s)"),
    ],
)
def test_a_state_is_said_in_words(found: status.Server, said: str) -> None:
    assert said in found.sentence(found.reason)
    assert found.up == (" is up " in found.sentence(found.reason))


def test_a_handshake_is_tried_where_one_failed() -> None:
    tried = [server(check=check).handshake_failed for check in ("L6RSP", "L6TOUT", "L4CON", "L7STS")]
    assert tried == [True, True, False, False]
    assert not server("UP", "L6OK").handshake_failed


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("its certificate expired on 2026-11-20; run site.yml", ". It is /tls/nginx/certificate.pem there"),
        ("the connection is refused", ""),
        ("", ""),
    ],
)
def test_a_wrong_certificate_is_named_by_its_file(reason: str, said: str) -> None:
    assert status.with_file(reason, "/tls/nginx/certificate.pem") == reason + said
    assert status.with_file(reason, "") == reason


def test_what_is_expected_of_a_certificate_stands_in_the_configuration() -> None:
    assert status.verified(CONFIGURATION) == {
        ("www", "web1"): status.Verified("web1", "/etc/webstack/tls/ca.pem"),
        ("www", "own"): status.Verified("own", "/own.pem"),
        ("system", "far"): status.Verified("far.example", None),
    }


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (3600, "1 h"), (3661, "1 h 1 min"), (90000, "1 d 1 h"), (86401, "1 d")],
)
def test_times(seconds: int, said: str) -> None:
    assert status.span(seconds) == said


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    found = Authority(tmp_path_factory.mktemp("authority") / "ca")
    found.make()
    return found


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A server with this certificate, or without TLS; its address."""
    sockets = []

    def start(certificate: str = "", key: str = "") -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        if certificate:
            (tmp_path / "pem").write_text(certificate + key)
            context.load_cert_chain(tmp_path / "pem")

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if not certificate:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        continue
                    try:
                        context.wrap_socket(connection, server_side=True).close()
                    except OSError:
                        continue

        threading.Thread(target=answer, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def said(address: str, authority: Authority, name: str = "web1") -> str:
    return probe.handshake(address, name, str(authority.certificate), 5)


def test_a_good_certificate(serve: Callable[..., str], authority: Authority) -> None:
    """It failed a moment ago and is mended: HAProxy's own words are left."""
    assert said(serve(*authority.issue("web1", ["DNS:web1"])), authority) == ""


def test_another_name(serve: Callable[..., str], authority: Authority) -> None:
    found = said(serve(*authority.issue("web2", ["DNS:web2", "IP:198.18.0.22"])), authority)
    assert found == "its certificate is not for web1, but for 198.18.0.22, web2; run site.yml"


def test_another_authority(serve: Callable[..., str], authority: Authority, tmp_path: Path) -> None:
    found = said(serve(*Authority(tmp_path / "stranger").issue("web1", ["DNS:web1"])), authority)
    assert found.startswith("its certificate was issued by a CA (CN=CA stranger) that this host does not trust")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (10, "its certificate expired on {after:%Y-%m-%d}; run site.yml, or playbooks/rotate_certificates.yml"),
        (9, "its certificate is not valid before {before:%Y-%m-%d %H:%M} UTC; compare the clocks of both hosts"),
    ],
)
def test_a_time_that_is_not_now(
    serve: Callable[..., str], authority: Authority, monkeypatch: pytest.MonkeyPatch, code: int, expected: str
) -> None:
    """The certificate is a real one; that OpenSSL finds it out of time is pretended."""
    real = probe._connect

    def connect(where: tuple[str, int], name: str, context: ssl.SSLContext, timeout: float) -> bytes:
        if context.check_hostname:
            error = ssl.SSLCertVerificationError("no")
            error.verify_code = code
            raise error
        return real(where, name, context, timeout)

    monkeypatch.setattr(probe, "_connect", connect)
    certificate = authority.issue("web1", ["DNS:web1"])
    leaf = _x509.load(certificate[0])
    found = said(serve(*certificate), authority)
    assert found == expected.format(after=_x509.not_after(leaf), before=_x509.not_before(leaf))


def test_no_tls(serve: Callable[..., str], authority: Authority) -> None:
    assert said(serve(), authority) == "the TLS handshake failed: wrong version number"


def test_nobody_there(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert said(f"127.0.0.1:{port}", authority) == "the connection fails: Connection refused"


def test_silence(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        found = probe.handshake(address, "web1", str(authority.certificate), 0.2)
    assert found.startswith("the TLS handshake did not end in time")
