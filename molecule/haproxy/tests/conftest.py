"""A load balancer to treat badly, and to find as it was afterwards."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from connection import send_from
from plays import scenario_playbook
from testinfra.host import Host

CONFIGURATION = "/etc/haproxy/haproxy.cfg"
PATIENCE = 30
TLS_PORTS = {443, 8404, 8444}
CA = "/etc/webstack/tls/ca.pem"
SCENARIO = Path(__file__).resolve().parents[1]

Admin = Callable[[str], str]
Reported = dict[str, Any]


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], bool], str], None]:
    def wait(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain for {what}"
            time.sleep(0.2)

    return wait


@pytest.fixture
def since_debian_13(host: Host) -> bool:
    """Whether the host has HAProxy 3.0 (HTTP/3) and OpenSSL 3.5 (X25519MLKEM768), and not 2.6 and 3.0 of Debian 12."""
    return int(host.system_info.release.partition(".")[0]) >= 13


@pytest.fixture
def admin(host: Host) -> Admin:
    """Say something to the admin socket and get the answer."""
    program = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect('/run/haproxy/admin.sock')\n"
        "s.sendall(sys.argv[1].encode() + b'\\n')\n"
        "print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
    )
    return lambda command: host.check_output("python3 -c %s %s", program, command)


@pytest.fixture
def servers(admin: Admin) -> Callable[[str], dict[str, dict[str, str]]]:
    """The state of a backend's servers as HAProxy has it, by name."""

    def state(backend: str) -> dict[str, dict[str, str]]:
        lines = admin(f"show servers state {backend}").strip().splitlines()
        fields = lines[1].lstrip("# ").split()
        entries = [dict(zip(fields, line.split(), strict=True)) for line in lines[2:]]
        return {entry["srv_name"]: entry for entry in entries}

    return state


@pytest.fixture
def up(servers: Callable[[str], dict[str, dict[str, str]]], wait_for: Callable[..., None]) -> Callable[[], None]:
    """Wait until all servers of the backend web are up, checked at least once."""

    def all_up() -> bool:
        return all(
            server["srv_op_state"] == "2" and server["srv_admin_state"] == "0" and server["srv_check_result"] == "3"
            for server in servers("web").values()
        )

    return lambda: wait_for(all_up, "all servers of the backend web to be up")


@pytest.fixture(autouse=True)
def as_before(host: Host, up: Callable[[], None]) -> Iterator[None]:
    """Every test finds and leaves the converged configuration, a fresh process and healthy servers."""
    original = host.file(CONFIGURATION).content_string
    up()
    yield
    host.check_output("systemctl start origin@9001 origin@9002 origin@9003 origin@9004")
    if host.file(CONFIGURATION).content_string != original:
        host.check_output("printf %%s %s > %s", original, CONFIGURATION)
    host.check_output("systemctl restart haproxy")


@pytest.fixture
def load(host: Host) -> Callable[..., Reported]:
    """A steady stream of GETs, over TLS if wanted, while a shell command runs; what came of both."""

    def run(requests: int, command: str, tls: bool = False) -> Reported:
        how = f"--ca={CA}" if tls else "--plain --port=80"
        return json.loads(
            host.check_output(f"load {how} --header=X-Origin --requests=%s bash -c %s", str(requests), command)
        )

    return run


@pytest.fixture
def get(host: Host) -> Callable[..., tuple[int, dict[str, str], str]]:
    """A request from the load balancer's own host: status, headers, body. It speaks TLS at the ports that do."""

    def ask(
        path: str,
        port: int = 80,
        method: str = "GET",
        address: str = "127.0.0.1",
        source: str = "",
        headers: dict[str, str] | None = None,
        body: int | None = None,
    ) -> Any:
        size = (1 if method == "POST" else 0) if body is None else body
        (answer,) = send_from(
            host,
            address=address,
            port=port,
            method=method,
            path=path,
            headers=headers,
            body="x" * size or None,
            source=source or None,
            tls={"ca": CA} if port in TLS_PORTS else None,
        )
        assert answer.status, answer.error
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.text

    return ask


@pytest.fixture
def converge() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The scenario's playbook once more, with other variables."""

    return partial(scenario_playbook, SCENARIO / "converge.yml")


@pytest.fixture
def edit(host: Host) -> Callable[..., None]:
    """Change lines of the configuration in place, as sed does."""

    def change(*expressions: str) -> None:
        options = " ".join(f"-e {shlex.quote(expression)}" for expression in expressions)
        host.check_output(f"sed -i {options} {CONFIGURATION}")

    return change
