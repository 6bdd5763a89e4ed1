"""A load balancer in service: what holds on any host that the role haproxy made, whatever its variables."""

import csv
import re
from collections import defaultdict
from urllib.parse import urlsplit

import pytest
from connection import send_from
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

CONFIGURATION = "/etc/haproxy/haproxy.cfg"
EXPOSURE = 3.0
EVERYWHERE = {"*", "0.0.0.0", "[::]"}  # noqa: S104

ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\\n")
print(b"".join(iter(lambda: s.recv(65536), b"")).decode())
"""


# The certificate that is served at a port.
SERVED = """
import socket, ssl, sys
tls = ssl._create_unverified_context()
with tls.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)) as s:
    print(ssl.DER_cert_to_PEM_cert(s.getpeercert(binary_form=True)))
"""


@pytest.fixture
def configuration(host: Host) -> str:
    return host.check_output("cat %s", CONFIGURATION)


@pytest.fixture
def admin_socket(configuration: str) -> str:
    found = re.search(r"^\s*stats socket (\S+)", configuration, re.MULTILINE)
    assert found, "HAProxy has no admin socket"
    return found[1]


def test_who_listens_on_ipv4_does_so_on_ipv6(host: Host, configuration: str) -> None:
    """HAProxy's own `*` is IPv4 alone. Asked of the kernel, because the host may have no IPv6 address yet."""
    if not host.file("/proc/net/if_inet6").exists:
        assert "[::]" not in configuration
        return
    ports = set(re.findall(r"^\s*bind \*:(\d+)", configuration, re.MULTILINE))
    listening = host.check_output("ss --listening --numeric --tcp --ipv6 --no-header")
    assert ports <= set(re.findall(r" \[::\]:(\d+) ", listening))


@pytest.fixture
def statistics(host: Host, admin_socket: str) -> list[dict[str, str]]:
    """What `show stat` says, a dict a line."""
    text = host.check_output("python3 -c %s %s %s", ASK, admin_socket, "show stat")
    return list(csv.DictReader(text.lstrip("# ").strip().splitlines()))


@pytest.fixture
def monitor(configuration: str) -> tuple[str, str, str]:
    """Scheme, address and port as in a URL, path of the page and path of the metrics, of the frontend stats."""
    section = re.search(r"^frontend stats\n(?:[ \t].*\n)+", configuration, re.MULTILINE)
    if not section:
        pytest.skip("haproxy_stats is empty")
    found = [
        re.search(pattern, section[0])
        for pattern in (r"bind (\S+)", r"stats uri (\S+)", r"prometheus-exporter if { path (\S+) }")
    ]
    assert all(found), section[0]
    address, page, metrics = (match[1] for match in found if match)
    return f"{'https' if ' ssl ' in section[0] else 'http'}://{address}", page, metrics


@pytest.fixture
def tls_binds(host: Host, configuration: str) -> list[tuple[str, str, str]]:
    """Address, port and first certificate of every bind line with TLS over TCP, as far as this host reaches it."""
    found = re.findall(r"^\s*bind (\S*):(\d+) ssl crt (\S+)", configuration, re.MULTILINE)
    return [entry for entry in found if not entry[0].startswith("quic") and reached(host, entry[0])]


@pytest.fixture
def listening(host: Host) -> list[tuple[str, str, str]]:
    """Address, port and, as far as it is told, process of every socket that listens."""
    lines = host.check_output("ss --no-header --listening --tcp --numeric --processes").splitlines()
    fields = [line.split() for line in lines]
    return [(*entry[3].rpartition(":")[::2], " ".join(entry[5:])) for entry in fields]


def fetch(host: Host, address: str, path: str) -> tuple[int, str, str]:
    """Status, type and body. Whose certificate it is, is not asked: the name in it is not that of the address."""
    url = urlsplit(here(address))
    tls = {} if url.scheme == "https" else None
    (answer,) = send_from(host, address=url.hostname, port=url.port, path=path, tls=tls, timeout=10)
    assert answer.status, answer.error
    return answer.status, answer.headers["Content-Type"], answer.text


def reached(host: Host, address: str) -> bool:
    """Whether what listens at the address can be reached on this host: its loopback may have no IPv6 address."""
    return address != "[::]" or host.run("ip -6 address show to ::1 dev lo | grep -q inet6").rc == 0


def here(address: str) -> str:
    """Where on this host something is reached that listens at the address."""
    return re.sub(r"(^|/)(\*|0\.0\.0\.0|)(?=:\d+$)", r"\g<1>127.0.0.1", address).replace("[::]", "[::1]")


def test_configuration_is_valid(host: Host) -> None:
    """A restart would find a configuration that it can start with."""
    assert host.run("haproxy -c -f %s", CONFIGURATION).rc == 0


def test_haproxy_runs_this_configuration(host: Host) -> None:
    """Red when the file was changed and not loaded, or refused in a reload."""
    result = host.run("/usr/local/sbin/haproxy-handover current")
    assert result.rc == 0, result.stderr


def test_starts_at_boot(host: Host) -> None:
    assert host.service("haproxy").is_enabled


def test_every_backend_can_serve(statistics: list[dict[str, str]]) -> None:
    """Each backend has a server that is up, unless it has none, or all are in maintenance on purpose."""
    servers: dict[str, list[str]] = defaultdict(list)
    for line in statistics:
        if line["svname"] not in {"FRONTEND", "BACKEND"} and not line["status"].startswith("MAINT"):
            servers[line["pxname"]].append(line["status"])
    dead = {
        backend: states
        for backend, states in servers.items()
        if not any(state.startswith("UP") or state == "no check" for state in states)
    }
    assert dead == {}


def test_every_frontend_is_open(statistics: list[dict[str, str]]) -> None:
    states = {line["pxname"]: line["status"] for line in statistics if line["svname"] == "FRONTEND"}
    assert states
    assert set(states.values()) == {"OPEN"}


def test_metrics(host: Host, monitor: tuple[str, str, str]) -> None:
    """Prometheus gets HAProxy's own metrics, with those of every frontend."""
    address, _, path = monitor
    status, kind, metrics = fetch(host, address, path)
    assert status == 200
    assert kind.startswith("text/plain")
    assert 'haproxy_frontend_status{proxy="stats",state="UP"} 1' in metrics


def test_statistics_page(host: Host, monitor: tuple[str, str, str]) -> None:
    address, path, _ = monitor
    status, kind, page = fetch(host, address, path)
    assert (status, kind) == (200, "text/html")
    assert "Statistics Report" in page


def test_statistics_are_not_for_everybody(
    monitor: tuple[str, str, str], configuration: str, listening: list[tuple[str, str, str]]
) -> None:
    """They stay on one address, or name who may ask. Red with haproxy_stats.address "*" and no allow."""
    where = {address for address, port, _ in listening if port == monitor[0].rpartition(":")[2]}
    assert where
    assert where.isdisjoint(EVERYWHERE) or "http-request deny unless { src" in configuration


def test_sockets_are_not_for_everybody(host: Host, admin_socket: str) -> None:
    """Who can write to them commands HAProxy."""
    for path in (admin_socket, "/run/haproxy-master.sock"):
        socket = host.file(path)
        assert socket.is_socket
        assert socket.user == "root"
        assert not socket.mode & 0o002, path


def test_configuration_is_not_for_everybody(host: Host) -> None:
    file = host.file(CONFIGURATION)
    assert file.user == "root"
    assert not file.mode & 0o007


def test_workers_are_not_root(host: Host) -> None:
    """Only the master is, which serves nobody."""
    master = host.check_output("systemctl show --property=MainPID --value haproxy")
    users = {process.user for process in host.process.filter(comm="haproxy") if str(process.pid) != master}
    assert users == {"haproxy"}


def test_nothing_but_haproxy_listens_on_its_ports(configuration: str, listening: list[tuple[str, str, str]]) -> None:
    """Two programs can share a port unnoticed, each with part of the connections."""
    ports = set(re.findall(r"^\s*bind \S*:(\d+)", configuration, re.MULTILINE))
    assert ports <= {port for _, port, _ in listening}
    assert [
        users for _, port, users in listening if port in ports and "users:" in users and "haproxy" not in users
    ] == []


# --- TLS -------------------------------------------------------------------------------------------------------------


def handshake(host: Host, address: str, port: str, *options: str) -> str:
    arguments = " ".join(options)
    where = here(f"{address}:{port}")
    return host.check_output(f"timeout 20 openssl s_client -connect {where} {arguments} </dev/null 2>&1 || true")


def test_the_certificate_in_the_file_is_served(host: Host, tls_binds: list[tuple[str, str, str]]) -> None:
    """At every bind with TLS, and it has not expired. Red when a certificate was renewed and HAProxy not reloaded."""
    for address, port, path in tls_binds:
        where = here(f"{address}:{port}").rpartition(":")[0].strip("[]")
        served = host.check_output("python3 -c %s %s %s", SERVED, where, port)
        kept = host.check_output("openssl x509 -in %s", path)
        assert served.split() == kept.split(), f"{address}:{port}"
        assert host.run("openssl x509 -in %s -noout -checkend 0", path).rc == 0, f"{path} has expired"


def test_old_protocols_are_refused(host: Host, tls_binds: list[tuple[str, str, str]]) -> None:
    """By HAProxy: the client would take them."""
    for address, port, _ in tls_binds:
        for version in ("-tls1", "-tls1_1"):
            said = handshake(host, address, port, version, "-cipher", "ALL:@SECLEVEL=0")
            assert "alert protocol version" in said, said


def test_http3_is_answered_where_it_is_told_of(host: Host, configuration: str) -> None:
    """A whole handshake over UDP. Red without limited-quic."""
    found = re.findall(r"^\s*bind quic[46]@(\S*):(\d+) ", configuration, re.MULTILINE)
    assert bool(found) == ("Alt-Svc" in configuration)
    for address, port in found:
        if not reached(host, address):
            continue
        assert "ALPN protocol: h3" in handshake(host, address, port, "-quic", "-alpn", "h3")


def test_private_keys_are_not_for_everybody(host: Host, configuration: str) -> None:
    paths = set(re.findall(r" crt (\S+)", configuration))
    assert [path for path in sorted(paths) if host.file(path).mode & 0o007] == []


# --- sandbox ---------------------------------------------------------------------------------------------------------


def test_exposure(host: Host) -> None:
    """systemd's own measure of what a service could do to the host, from 0 to 10. Debian's unit has 9.4."""
    said = host.check_output("systemd-analyze security --no-pager haproxy.service | tail -1")
    found = re.search(r"Overall exposure level for haproxy.service: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= EXPOSURE


def test_sandbox_is_in_force(host: Host) -> None:
    """In the running process, not only in the unit. Red when HAProxy has not been restarted since it got one."""
    master = host.check_output("systemctl show --property=MainPID --value haproxy")
    status = host.check_output("cat /proc/%s/status", master)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE), status
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE), status


def test_requests_reach_the_journal(host: Host, configuration: str) -> None:
    """/dev/log is there in the sandbox and in the chroot: what the workers say comes through it."""
    said = host.check_output("journalctl --unit=haproxy --lines=5 --no-pager --output=cat _TRANSPORT=syslog")
    assert said or "log /dev/log" not in configuration
