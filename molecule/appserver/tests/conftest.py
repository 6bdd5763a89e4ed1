"""What the checks of the tiny application share."""

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
