"""Hosts that are guarded, machines that connect, and the role run again with other data."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import docker
import pytest
import testinfra

SCENARIO = Path(__file__).resolve().parents[1]
INVENTORY = SCENARIO / "inventory"
LAB = "webstack-fire"
CONTROLLER = "controller"
"""This machine, which is the network's gateway."""

Target = tuple[str, str, int]


@pytest.fixture(scope="session")
def on() -> Callable[[str], testinfra.host.Host]:
    """A host of the scenario by its name, over SSH."""
    return lambda name: testinfra.get_host(f"ansible://{name}", ansible_inventory=str(INVENTORY))


@pytest.fixture(scope="session")
def inside() -> Callable[..., str]:
    """Run a command in a host's container, past SSH and the firewall."""

    def run(name: str, *argv: str) -> str:
        engine = docker.from_env(timeout=600)
        try:
            status, output = engine.containers.get(f"{LAB}-{name}").exec_run(argv)
        finally:
            engine.close()
        assert status == 0, output.decode()
        return output.decode()

    return run


@pytest.fixture(scope="session")
def restart() -> Callable[[str], None]:
    """Switch a host off and on again."""

    def run(name: str) -> None:
        engine = docker.from_env(timeout=600)
        try:
            engine.containers.get(f"{LAB}-{name}").restart(timeout=30)
        finally:
            engine.close()

    return run


@pytest.fixture(scope="session")
def reached(inside) -> Callable[[str, Iterable[Target]], set[Target]]:
    """Which of the targets answer the machine that connects."""

    def connect(source: str, targets: Iterable[Target]) -> set[Target]:
        wanted = json.dumps(list(targets))
        if source == CONTROLLER:
            program = [sys.executable, str(SCENARIO / "files/probe.py"), wanted]
            output = subprocess.check_output(program, text=True)
        else:
            output = inside(source, "probe", wanted)
        return {tuple(target) for target in json.loads(output)}

    return connect


@pytest.fixture(scope="session")
def converge() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The scenario's playbook once more, with other variables or another inventory."""

    def run(*options: str, inventory: Path = INVENTORY, **variables: object) -> subprocess.CompletedProcess[str]:
        command = ["ansible-playbook", "-i", inventory, SCENARIO / "converge.yml", *options]
        command += ["--extra-vars", json.dumps(variables)]
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(SCENARIO.parents[1] / "ansible.cfg"),
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_NOCOLOR": "1",
        }
        return subprocess.run(
            command,
            env=environment,
            cwd=SCENARIO.parents[1],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    return run
