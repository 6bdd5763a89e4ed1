"""What a client of the load balancer gets over TLS, and what the load balancer asks of its servers."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

Get = Callable[..., tuple[int, dict[str, str], str]]
Load = Callable[..., dict[str, Any]]

CA = "/etc/webstack/tls/ca.pem"
WWW = "/etc/webstack/tls/www"
HSTS = "max-age=63072000; includeSubDomains"
ROTATIONS = 5
DOWN, UP = "0", "2"

# HTTP/2 by hand: its preface, empty settings, and a GET of HPACK's static table only.
HTTP2 = """
import socket, ssl
def frame(kind, flags, stream, data):
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data
tls = ssl.create_default_context(cafile="/etc/webstack/tls/ca.pem")
tls.set_alpn_protocols(["h2"])
with tls.wrap_socket(socket.create_connection(("127.0.0.1", 443), 10), server_hostname="www.foobar.com") as s:
    head = bytes([0x82, 0x87, 0x84, 0x41, 14]) + b"www.foobar.com"
    s.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + frame(4, 0, 0, b"") + frame(1, 5, 1, head))
    reader = s.makefile("rb")
    while True:
        start = reader.read(9)
        data = reader.read(int.from_bytes(start[:3], "big"))
        if start[3] == 1:
            print(s.selected_alpn_protocol(), "200" if data[0] == 0x88 else data.hex())
        if start[3] == 0:
            print(data.decode().strip())
        if start[3] in (0, 1) and start[4] & 1:
            break
"""


@pytest.fixture
def handshake(host: Host) -> Callable[..., str]:
    """What `openssl s_client` says of a handshake, whether it succeeds or not."""

    def shake(*options: str, port: int = 443) -> str:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", CA, *options]
        return host.check_output(f"timeout 20 {shlex.join(command)} </dev/null 2>&1 || true")

    return shake


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_protocols_are_refused(handshake: Callable[..., str], version: str) -> None:
    """By the load balancer: the client is told to take anything. Red without ssl-min-ver."""
    said = handshake(version, "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in said
    assert "BEGIN CERTIFICATE" not in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-tls1_2"], "New, TLSv1.2, Cipher is ECDHE-ECDSA-"),
        (["-tls1_3"], "New, TLSv1.3, Cipher is TLS_AES_"),
        (["-tls1_3", "-groups", "P-256"], "New, TLSv1.3"),
        (["-alpn", "h2,http/1.1"], "ALPN protocol: h2"),
        (["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
    ],
)
def test_what_is_agreed_on(handshake: Callable[..., str], options: list[str], expected: str) -> None:
    said = handshake("-verify_return_error", "-verify_hostname", "www.foobar.com", *options)
    assert expected in said, said
    assert "Verify return code: 0 (ok)" in said


def test_key_exchange_resists_quantum_computers_where_openssl_can(
    handshake: Callable[..., str], since_debian_13: bool
) -> None:
    expected = "Negotiated TLS1.3 group: X25519MLKEM768" if since_debian_13 else "Server Temp Key: X25519"
    assert expected in handshake("-tls1_3")


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384"])
def test_weak_ciphers_are_refused(handshake: Callable[..., str], cipher: str) -> None:
    """No CBC, no key exchange without forward secrecy, no finite field."""
    assert "handshake failure" in handshake("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")


def test_no_session_tickets(handshake: Callable[..., str]) -> None:
    """Their key would decrypt all that was recorded. Red without no-tls-tickets."""
    assert "TLS session ticket:" not in handshake("-tls1_2")


def test_http2(host: Host) -> None:
    assert host.check_output("python3 -c %s", HTTP2).splitlines() == ["h2 200", "127.0.0.1 https"]


def test_http3(host: Host, since_debian_13: bool) -> None:
    """A real request over QUIC, the certificate verified. Red without limited-quic or the bind of UDP."""
    assert host.socket("udp://0.0.0.0:443").is_listening == since_debian_13
    if not since_debian_13:
        return
    assert host.check_output(f"timeout 20 h3get www.foobar.com / {CA}") == "200 127.0.0.1 https"
    assert host.check_output(f"timeout 20 h3get www.example.com / {CA}") == "failed: handshake"


def test_answers_announce_tls_and_http3(get: Get, since_debian_13: bool) -> None:
    """And Server, which was to be removed, is gone."""
    headers = get("/", port=443)[1]
    assert headers["strict-transport-security"] == HSTS
    assert headers.get("alt-svc") == ('h3=":443"; ma=86400' if since_debian_13 else None)
    assert "server" not in headers
    plain = get("/", port=8081)[1]
    assert not {"strict-transport-security", "alt-svc"} & set(plain), "told without TLS, where anybody can say it"
    assert "server" in get("/")[1], "the web server names itself no more, so this test proves nothing"


@pytest.mark.parametrize("host_header", ["www.foobar.com", "www.foobar.com:8081"])
def test_redirect_keeps_path_and_query(get: Get, host_header: str) -> None:
    status, headers, _ = get("/a%20b?c=d&e=/f", port=8081, method="POST", headers={"Host": host_header})
    assert (status, headers["location"]) == (308, "https://www.foobar.com/a%20b?c=d&e=/f")


def test_acme_is_answered_without_tls(get: Get) -> None:
    """By its own backend, in spite of the redirect. Red without https_redirect_except."""
    status, headers, _ = get("/.well-known/acme-challenge/token", port=8081)
    assert (status, headers["x-origin"]) == (200, "9004")
    assert get("/.well-known/acme-challenges", port=8081)[0] == 308


def test_client_needs_a_certificate(handshake: Callable[..., str]) -> None:
    assert "alert certificate required" in handshake("-ign_eof", port=8443)
    ours = handshake("-cert", "/etc/webstack/tls/client.pem", port=8443)
    assert "alert" not in ours
    theirs = handshake("-cert", "/etc/origin/9013.pem", "-ign_eof", port=8443)
    assert "alert unknown ca" in theirs


# --- servers ---------------------------------------------------------------------------------------------------------


def test_server_is_up_only_with_the_right_certificate(
    get: Get, servers: Callable[..., Any], wait_for: Callable[..., None]
) -> None:
    """One holds another name and one is from another CA. Red without verifyhost, and without verify and ca-file."""

    def judged() -> bool:
        found = {name: state["srv_op_state"] for name, state in servers("inner").items()}
        return found == {"good": UP, "misnamed": DOWN, "stranger": DOWN}

    # After a reload every server counts as up until it has been asked.
    wait_for(judged, "the servers of the backend inner to be judged by their certificates")
    assert Counter(get("/inner", port=443)[1]["x-origin"] for _ in range(6)) == {"9011": 6}


@pytest.fixture
def certificate(host: Host) -> Iterator[Callable[[str], None]]:
    """Give the server `good` the certificate of another."""

    def give(port: str) -> None:
        host.check_output(f"cp /etc/origin/{port}.pem /etc/origin/9011.pem && systemctl restart origin@9011")

    host.check_output("cp /etc/origin/9011.pem /etc/origin/9011.before")
    yield give
    host.check_output("mv /etc/origin/9011.before /etc/origin/9011.pem && systemctl restart origin@9011")


@pytest.mark.parametrize("port", ["9012", "9013"])
def test_server_that_loses_its_certificate_goes_down(
    certificate: Callable[[str], None],
    get: Get,
    servers: Callable[..., Any],
    wait_for: Callable[..., None],
    port: str,
) -> None:
    """It is taken out by its health check, and until then gets no request either: 503, with HSTS as any answer."""
    assert get("/inner", port=443)[0] == 200
    certificate(port)
    status, headers, _ = get("/inner", port=443)
    assert (status, headers["strict-transport-security"]) == (503, HSTS)
    wait_for(lambda: servers("inner")["good"]["srv_op_state"] == DOWN, "the server to be found down")


# --- rotation --------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate_as_before(host: Host) -> Iterator[None]:
    host.check_output(f"cp --preserve {WWW}/combined.pem {WWW}/before.pem")
    yield
    host.check_output(f"mv {WWW}/before.pem {WWW}/combined.pem")


@pytest.mark.usefixtures("certificate_as_before")
def test_rotated_certificate_goes_live_without_a_failure(load: Load) -> None:
    """New handshakes all the time, new and kept connections: none fails while the certificate changes to and fro. Red
    with restarts instead of reloads, and with a file that is written in place."""
    swap = f"""
        set -o errexit
        cd {WWW}
        for i in $(seq {ROTATIONS}); do
            for file in next before; do
                cp $file.pem new.pem
                mv new.pem combined.pem
                systemctl reload haproxy
            done
        done"""
    report = load(1000, swap, tls=True)
    assert (report["status"], report["failures"]) == (0, []), report["output"]
    assert len(report["handshakes"]) == 2, "both certificates were seen"
    assert min(report["handshakes"].values()) > ROTATIONS, "hardly any handshake met the other certificate"


@pytest.mark.usefixtures("certificate_as_before")
@pytest.mark.parametrize("broken", [f"rm {WWW}/combined.pem", f"head --lines=3 {WWW}/next.pem > {WWW}/combined.pem"])
def test_certificate_that_cannot_be_loaded_is_not(host: Host, get: Get, broken: str) -> None:
    """The reload fails, the old certificate is served on, and the reason names the file."""
    host.check_output(broken)
    assert host.run("systemctl reload haproxy").rc != 0
    assert get("/", port=443)[0] == 200
    said = host.check_output("journalctl --unit=haproxy --lines=20 --no-pager --output=cat _TRANSPORT=stdout")
    assert f"{WWW}/combined.pem" in said


def test_the_reason_of_a_server_that_is_down_is_told(host: Host) -> None:
    """What is wrong with its certificate, and not that a handshake failed."""
    said = "\n".join(host.ansible("foobar.webstack.haproxy_status")["sentences"])
    assert "inner/misnamed 127.0.0.1:9012 is down (DOWN for " in said
    assert "its certificate is not for good.internal" in said
    assert "inner/stranger 127.0.0.1:9013 is down" in said
    assert "its certificate was issued by a CA that this host does not trust" in said
    assert "inner/good 127.0.0.1:9011 is up" in said
