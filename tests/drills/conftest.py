"""What drills need: hosts to break, a steady stream of requests, and the playbooks run on copies of the inventory.

Drills break things. They run on a lab only: an inventory that says `lab_name`.
"""

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
import testinfra
import yaml
from ansible_collections.foobar.webstack.tests.drills import haproxy
from ansible_collections.foobar.webstack.tests.drills.databases import Pair
from ansible_collections.foobar.webstack.tests.drills.groups import Group
from ansible_collections.foobar.webstack.tests.drills.load import FOUND, Load, Record, Watch, table
from patience import until
from plays import ROOT, Run, run_playbook
from stream import Stream


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of all drills under load, a line each. The pictures are where the figures are."""
    if FOUND:
        terminalreporter.section("what a visitor noticed")
        for line in table(FOUND):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def lab(inventory) -> str:
    """The name of the lab that the inventory describes. Nothing else may be broken."""
    names = {variables.get("lab_name") for variables in inventory.hostvars.values()}
    if len(names) != 1 or None in names:
        pytest.exit(f"{inventory.path} is not a lab (its hosts have no lab_name): drills would break real hosts")
    return names.pop()


@pytest.fixture(scope="session")
def on(inventory) -> Callable[[str], testinfra.host.Host]:
    """A host of the inventory, to run commands on: ``on("web1").check_output("hostname")``."""
    return lambda name: testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory.path)


@pytest.fixture(scope="session")
def remove(lab) -> Callable[[str], None]:
    """Remove a host with all it holds, as if its machine had burnt."""

    def remove_container(name: str) -> None:
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            engine.containers.get(f"{lab}-{name}").remove(force=True)

    return remove_container


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], Any], str], Any]:
    """Wait for a condition: ``wait_until(lambda: ..., "what it is")``."""
    return until


@pytest.fixture(scope="session")
def server_states(on, inventory) -> Callable[[], Mapping[str, str]]:
    """What HAProxy on the first load balancer thinks of each web server: name to status (UP, DOWN, DRAIN, MAINT...)."""

    def states() -> Mapping[str, str]:
        found = haproxy.states(on(inventory.groups["loadbalancers"][0]))
        return {name: state for (_, name), state in found.items() if name in inventory.groups["webservers"]}

    return states


@pytest.fixture
def stream(site) -> Callable[..., Stream]:
    """Make a Stream, by default of GETs of the site's page: ``with stream() as requests: ...``."""
    return lambda ask=site.get, **options: Stream(ask, **options)


@pytest.fixture
def entries(site) -> Callable[[], Any]:
    """Post an entry, each time another: ``with stream(entries) as posts: ...``."""
    numbers = itertools.count()
    return lambda: site.post_json("/api/entries", {"name": "drill", "message": f"number {next(numbers)}"})


@pytest.fixture
def play(inventory) -> Callable[..., Run]:
    """Run a playbook on the inventory itself: ``play("rotate_secrets.yml", "-e", "webstack_rotate=...")``."""
    return lambda playbook, *options: run_playbook(playbook, inventory.path, *options)


def descendants(process: int) -> list[int]:
    """Identities of the processes that a process has started, and those have started."""
    listing = subprocess.check_output(["ps", "-e", "-o", "pid=,ppid="], text=True)
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found[1:]


def killed_when(begins: Callable[[int, str], bool], inventory: str, playbook: str, *options: str) -> str:
    """Run a playbook and kill it at a task. `begins` gets how many tasks have done something, and the line of the next.

    Gives that line, or nothing where the playbook came to its end before.
    """
    command = ["ansible-playbook", f"playbooks/{playbook}", "-i", inventory, *options]
    # With those that are skipped, a task is named when it begins and not when it first has a result.
    environment = os.environ | {"ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        done, worked = 0, False
        for line in process.stdout:
            # What was skipped on all hosts is no boundary of its own.
            worked = worked or line.startswith(("ok: ", "changed: ", "included: "))
            if line.startswith("TASK ["):
                done, worked = done + worked, False
            if begins(done, line):
                # Its workers are in sessions of their own, and would go on. Nobody starts another one meanwhile.
                process.send_signal(signal.SIGSTOP)
                for one in [*descendants(process.pid), process.pid]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
                return line.strip()
    return ""


@pytest.fixture
def killed_at(inventory) -> Callable[..., str]:
    """Run a playbook and kill it when so many tasks have done something: ``killed_at(3, "rejoin.yml")``."""
    return lambda number, *command: killed_when(lambda done, _line: done == number, inventory.path, *command)


@pytest.fixture(scope="session")
def databases(lab, inventory) -> Pair:
    """The database servers, whichever way they replicate."""
    one = inventory.hostvars[inventory.groups["databases"][0]]
    kind = Group if one.get("mysql_replication_mode") == "group" else Pair
    return kind(lab, inventory, until)


@pytest.fixture(scope="session")
def pair(databases) -> Pair:
    """The two database servers."""
    if isinstance(databases, Group):
        pytest.skip("the databases of this inventory are a group: test_group.py has its drills")
    return databases


@pytest.fixture(scope="session")
def group(databases) -> Group:
    """The three or more database servers that elect their primary."""
    if not isinstance(databases, Group):
        pytest.skip("the databases of this inventory are no group: those of inventories/ha are")
    return databases


@pytest.fixture
def backed_up(databases) -> str:
    """The host that backups are taken of."""
    rank = {name: json.loads(databases.on(name).check_output("mysql-backup state"))["rank"] for name in databases.names}
    return min(databases.names, key=rank.__getitem__)


@pytest.fixture(scope="module")
def home(databases, inventory) -> Iterator[None]:
    """The primary is where the inventory has it when all drills of the file are over."""
    primary = next(name for name in databases.names if inventory.hostvars[name]["mysql_role"] == "primary")
    yield
    if databases.primary != primary:
        done = run_playbook("switchover.yml", inventory.path, "-e", f"webstack_primary={primary}")
        assert done.succeeded, done.output


@pytest.fixture
def whole(databases, play, home) -> Iterator[None]:
    """The databases are whole before the drill and after it, however it ends."""

    def ensure() -> None:
        if databases.broken():
            databases.mend(play)
        until(lambda: not databases.broken(), "the databases to be whole")

    ensure()
    yield
    ensure()


@pytest.fixture
def drill(site, databases, whole) -> Callable[..., contextlib.AbstractContextManager[Record]]:
    """A drill on the databases under load: ``with drill("switchover") as run: ...``.

    At its end every acknowledged write is there as it was acknowledged, but for `given_up`, never did two servers take
    writes, and both have the same. The figures are kept, whichever way it ends.
    """

    @contextlib.contextmanager
    def run(name: str, watch: Watch | None = None) -> Iterator[Record]:
        watch = watch or Watch.servers({one: databases.container(one) for one in databases.names})
        record = Record(name, Load(site), watch, until)
        try:
            with record.load, record.watch:
                record.goes_on(20)
                yield record
        finally:
            record.write()
        assert databases.missing(record.load) == record.given_up
        assert sorted(watch.samples) == sorted(databases.names)
        assert watch.overlaps() == []
        databases.same()

    return run


class Copy:
    """A copy of the inventory that a drill may change, and the playbooks run on it."""

    def __init__(self, source: Path, folder: Path) -> None:
        shutil.copytree(source, folder)
        self.folder = folder

    def write(self, path: str, data: Mapping[str, Any]) -> None:
        """Write a file of variables, such as ``group_vars/webservers.yml``."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(data))

    def hosts(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "hosts.yml").read_text())

    def play(self, playbook: str, *options: str) -> Run:
        """Run a playbook on the copy, whichever way it ends."""
        return run_playbook(playbook, str(self.folder), *options)

    def killed_at(self, task: str, playbook: str) -> bool:
        """Run a playbook on the copy and kill it when this task begins; whether it came so far."""
        return bool(killed_when(lambda _done, line: line.startswith(f"TASK [{task}"), str(self.folder), playbook))

    def converge(self, *playbooks: str) -> None:
        """Run playbooks that have to go well."""
        for playbook in playbooks:
            run = self.play(playbook)
            assert run.succeeded, run.output


@pytest.fixture
def inventory_copy(inventory, tmp_path) -> Copy:
    """A copy of the inventory, secrets included."""
    return Copy(Path(inventory.path), tmp_path / "inventory")


@pytest.fixture
def browser(lab, inventory) -> Iterator[Any]:
    """A container with Chromium, whose only resolver is the first host of the group dns; it trusts the stack's CA."""
    der = base64.b64encode(ssl.PEM_cert_to_DER_cert(inventory.ca.read_text())).decode()
    policy = json.dumps({"CACertificates": [der]})
    resolver = f"nameserver {inventory.address(inventory.groups['dns'][0])}\n"
    with contextlib.closing(docker.from_env(timeout=600)) as engine:
        container = engine.containers.run(
            "foobar-webstack/browser:trixie",
            ["sleep", "infinity"],
            name=f"{lab}-browser",
            network=lab,
            labels={"foobar.webstack.lab": lab},
            init=True,
            detach=True,
        )
        try:
            for path, content in (
                ("/etc/chromium/policies/managed/ca.json", policy),
                ("/etc/resolv.conf", resolver),
            ):
                command = ["sh", "-c", 'mkdir -p "${1%/*}" && printf %s "$2" > "$1"', "sh", path, content]
                code, said = container.exec_run(command)
                assert code == 0, said
            yield container
        finally:
            container.remove(force=True)
