"""The two hosts of the scenario, and its playbook with other values."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra
from plays import scenario_playbook
from testinfra.host import Host

SCENARIO = Path(__file__).resolve().parents[1]

Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def mon() -> Host:
    return testinfra.get_host("docker://journal-mon")


@pytest.fixture(scope="session")
def web() -> Host:
    return testinfra.get_host("docker://journal-web")


@pytest.fixture(scope="session")
def play() -> Play:
    def run(**variables: Any) -> subprocess.CompletedProcess[str]:
        return scenario_playbook(SCENARIO / "converge.yml", **variables)

    return run


@pytest.fixture
def afterwards_restored(play: Play) -> Iterator[None]:
    """After a test that gave the hosts other data, give them the scenario's own again."""
    yield
    done = play()
    assert done.returncode == 0, done.stdout
