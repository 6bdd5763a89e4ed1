"""What the checks of the tiny application share."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from connection import send_from
from testinfra.host import Host
from tiny_application import CA, SCENARIO, Deploy, Run, ansible, release


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    """The role for the tiny application once more, from files made here."""

    def run(*options: str, **variables: Any) -> Run:
        return release(tmp_path / "source", *options, **variables)

    return run


@pytest.fixture
def about(host: Host) -> Callable[[], dict[str, Any]]:
    """What the application that serves says about itself."""

    def ask(scheme: str = "https") -> dict[str, Any]:
        (answer,) = send_from(host, port=8001, timeout=15, tls={"ca": CA} if scheme == "https" else None)
        assert answer.status == 200, answer
        return answer.json()

    return ask


@pytest.fixture(scope="module")
def as_converged() -> Iterator[None]:
    """Whoever comes next finds the scenario as it was converged."""
    yield
    ansible("ansible-playbook", SCENARIO / "converge.yml").succeeded()


@pytest.fixture
def stream(host: Host) -> Iterator[Callable[[], dict[str, Any]]]:
    """A steady stream of requests from now on; called, it ends and tells how they ended."""
    end, report = "/run/load.end", "/run/load.report"
    host.check_output("rm -f %s %s", end, report)
    host.check_output(
        "systemd-run --quiet --unit=load -p StandardOutput=file:%s load --port=8001 --path=/healthz --ca=%s --until=%s"
        " --new --clients=6 --pause=0.05 --json=version",
        report,
        CA,
        end,
    )

    def stop() -> dict[str, Any]:
        host.check_output("touch %s; while systemctl is-active --quiet load; do sleep 0.1; done", end)
        return json.loads(host.file(report).content_string)

    yield stop
    host.check_output("touch %s; systemctl stop load || true", end)


@pytest.fixture
def shown(host: Host) -> Callable[[], str]:
    """SHA-256 of the certificate that is shown."""
    command = (
        "openssl s_client -connect 127.0.0.1:8001 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
    )
    return lambda: host.check_output(command).partition("=")[2].replace(":", "").lower()
