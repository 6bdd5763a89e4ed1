"""The scenario's playbook with other variables, what is served, and a stream of requests."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plays import scenario_playbook
from testinfra.host import Host

SCENARIO = Path(__file__).resolve().parents[1]
ROOT = SCENARIO.parents[1]

# Until what is in place is served, since a reload of HAProxy takes its time.
OBSERVE = [
    *("load", "--name=www.foobar.com", "--new", "--clients=1", "--pause=0.005"),
    "--until-served=/etc/webstack/tls/www/certificate.pem",
]

Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def inventory_folder() -> Path:
    return Path(os.environ["MOLECULE_INVENTORY_FILE"]).resolve().parent


@pytest.fixture(scope="session")
def play() -> Play:
    """Run a playbook, the scenario's own if none is named, with other variables."""

    def run(playbook: Path = SCENARIO / "converge.yml", *arguments: str, **variables: Any) -> Any:
        return scenario_playbook(playbook, *arguments, **variables)

    return run


@pytest.fixture
def rotate(play: Play) -> Play:
    return lambda **variables: play(ROOT / "playbooks/rotate_certificates.yml", **variables)


@pytest.fixture
def fingerprint(host: Host) -> Callable[[str], str]:
    """SHA-256 of a host's certificate, by its name."""

    def read(name: str) -> str:
        path = f"/etc/webstack/tls/{name}/certificate.pem"
        said = host.check_output("openssl x509 -in %s -noout -fingerprint -sha256", path)
        return said.partition("=")[2].replace(":", "").lower()

    return read


@pytest.fixture
def served(host: Host) -> Callable[..., str]:
    """SHA-256 of the certificate that HAProxy serves now."""

    def ask(port: int = 443) -> str:
        command = (
            f"echo | openssl s_client -connect 127.0.0.1:{port} 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
        )
        return host.check_output(command).partition("=")[2].replace(":", "").lower()

    return ask


@pytest.fixture
def observe(host: Host) -> Callable[[str], dict[str, Any]]:
    """Visit HAProxy without a pause while a shell command runs on the host; what came of both."""
    return lambda command: json.loads(host.check_output(shlex.join([*OBSERVE, "bash", "-c", command])))


@pytest.fixture
def observe_meanwhile(host: Host) -> Callable[[Callable[[], Any]], tuple[Any, dict[str, Any]]]:
    """Visit HAProxy without a pause while something else is done from here."""

    def run(work: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
        host.check_output("touch /run/observed")
        name = host.backend.get_pytest_id().rpartition("/")[2]
        visit = "while test -e /run/observed; do sleep 0.1; done"
        with subprocess.Popen(
            ["docker", "exec", name, *OBSERVE, "sh", "-c", visit], stdout=subprocess.PIPE, text=True
        ) as visitor:
            try:
                result = work()
            finally:
                host.check_output("rm -f /run/observed")
                said = visitor.communicate(timeout=60)[0]
        return result, json.loads(said)

    return run
