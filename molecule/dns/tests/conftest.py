"""The scenario's playbook with other records, and questions to its servers."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from plays import scenario_playbook
from testinfra.host import Host

SCENARIO = Path(__file__).resolve().parents[1]
ROOT = SCENARIO.parents[1]


@pytest.fixture(scope="session")
def play() -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(playbook: str = "converge.yml", **variables: Any) -> subprocess.CompletedProcess[str]:
        return scenario_playbook(SCENARIO / playbook, **variables)

    return run


@pytest.fixture(scope="session")
def primary() -> Host:
    return testinfra.get_host("docker://dns-ns1")


@pytest.fixture(scope="session")
def secondary() -> Host:
    return testinfra.get_host("docker://dns-ns2")


@pytest.fixture(scope="session")
def front() -> Host:
    return testinfra.get_host("docker://dns-front")


@pytest.fixture(scope="session")
def ask(secondary: Host) -> Callable[..., str]:
    """What kdig prints on the secondary."""
    return lambda server, *words: secondary.run("kdig @%s " + "%s " * len(words), server, *words).stdout
