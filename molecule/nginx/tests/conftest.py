"""A client that speaks to nginx from inside the host, and the scenario's play run again with other data."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from connection import Answer, send_from


@pytest.fixture
def requests(host) -> Callable[..., list[Answer]]:
    """Send ``repeat`` requests one by one, each on its own connection; status 0 is a connection without an answer.

    ``tls`` is the server name to ask for, and that the certificate must have.
    """

    def send(tls: str | None = None, certificate: str | None = None, **request: Any) -> list[Answer]:
        asked = {"source": "127.0.0.1", "host": "www.foobar.com", **request}
        if tls:
            pair = certificate and f"/etc/webstack/tls/{certificate}"
            known = tls != "unknown.example"
            asked["tls"] = {"ca": "/etc/webstack/tls/ca.pem", "name": tls, "check_name": known, "pair": pair}
        return send_from(host, **asked)

    return send


@pytest.fixture
def request_(requests) -> Callable[..., Answer]:
    return lambda **request: requests(**request)[0]


@pytest.fixture
def play() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run converge.yml again, with other values of some variables."""
    scenario = Path(__file__).resolve().parents[1]

    def run(**variables: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "ansible-playbook",
                f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}",
                f"--extra-vars={json.dumps(variables)}",
                str(scenario / "converge.yml"),
            ],
            capture_output=True,
            env=os.environ | {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
            text=True,
            cwd=scenario.parents[1],
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def afterwards_restored(play) -> Iterator[None]:
    """After a test that gave the host other data, give it the scenario's own again."""
    yield
    result = play()
    assert result.returncode == 0, result.stdout
