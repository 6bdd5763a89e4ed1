"""Real templates rendered offline by Ansible's own engine, and the real programs to read what came out."""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]
PARSERS_IMAGE = "foobar-webstack/parsers:trixie"
FACTS = {
    "os_family": "Debian",
    "distribution": "Debian",
    "distribution_major_version": "13",
    "memtotal_mb": 4096,
    "processor_vcpus": 2,
}


def evaluate(role: str, expression: str, variables: Mapping[str, Any]) -> Any:
    """An expression as in the tasks of a role: its defaults, what its platform has, then ``variables``."""
    folder = ROOT / "roles" / role
    loader = DataLoader()
    known: dict[str, Any] = {
        "ansible_managed": "Ansible managed",
        "ansible_facts": FACTS,
        "role_path": str(folder),
        "inventory_hostname": "host1",
    }
    facts = variables.get("ansible_facts", FACTS)
    platforms = (
        facts["os_family"],
        facts["distribution"],
        f"{facts['distribution']}-{facts['distribution_major_version']}",
    )
    for name in ("defaults/main", "vars/main", *(f"vars/{platform}" for platform in platforms)):
        file = folder / f"{name}.yml"
        if file.exists():
            known |= loader.load_from_file(str(file), trusted_as_template=True) or {}
    return Templar(loader, known | dict(variables)).template(trust_as_template(f"{{{{ {expression} }}}}"))


@pytest.fixture
def render_template() -> Callable[[str, str, Mapping[str, Any]], str]:
    """Render a template of a role as the template module does."""

    def render(role: str, name: str, variables: Mapping[str, Any]) -> str:
        path = ROOT / "roles" / role / "templates" / name
        return evaluate(role, f"lookup('ansible.builtin.template', '{path}')", variables)

    return render


@pytest.fixture
def role_variable() -> Callable[[str, str, Mapping[str, Any]], Any]:
    """The value of a variable of a role."""
    return evaluate


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=600)
    yield client
    client.close()


@pytest.fixture
def parser(
    engine: docker.DockerClient,
) -> Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]]:
    """Run ``argv`` in a throw-away container with the stack's programs and ``files`` (path to content)."""

    def run(argv: list[str], files: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, content in files.items():
                data = content.encode()
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
        container = engine.containers.create(
            PARSERS_IMAGE, argv, network_mode="none", labels={"foobar.webstack.parser": str(os.getpid())}
        )
        try:
            container.put_archive("/", archive.getvalue())
            container.start()
            status = container.wait()["StatusCode"]
            output = (
                container.logs(stdout=True, stderr=False).decode(),
                container.logs(stdout=False, stderr=True).decode(),
            )
        finally:
            container.remove(force=True)
        return subprocess.CompletedProcess(argv, status, *output)

    return run


@pytest.fixture
def nft(engine: Any) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Load rules twice and list them, in a container with a network namespace of its own and nothing in it."""
    commands = 'printf %s "$RULES" >/tmp/rules && nft --check --file /tmp/rules && nft --file /tmp/rules'
    commands += " && nft --file /tmp/rules && nft --stateless list ruleset"

    def run(rules: str) -> subprocess.CompletedProcess[str]:
        container = engine.containers.create(
            PARSERS_IMAGE,
            ["sh", "-c", commands],
            network_mode="none",
            cap_add=["NET_ADMIN"],
            environment={"RULES": rules},
            labels={"foobar.webstack.parser": str(os.getpid())},
        )
        try:
            container.start()
            status = container.wait()["StatusCode"]
            streams = [container.logs(stdout=out, stderr=not out).decode() for out in (True, False)]
        finally:
            container.remove(force=True)
        return subprocess.CompletedProcess(commands, status, *streams)

    return run
