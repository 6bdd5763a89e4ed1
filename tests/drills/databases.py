"""The two database servers of a lab as drills see and break them.

All is said and done through the container engine, so that a server that is cut off or switched off makes no difference.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import docker
import testinfra
from ansible_collections.foobar.webstack.tests.drills.haproxy import states
from ansible_collections.foobar.webstack.tests.drills.load import Load

STATE = (
    "import ssl, sys, urllib.request; "
    "context = ssl.create_default_context(cafile='/etc/webstack/tls/ca.pem'); "
    "print(urllib.request.urlopen(f'https://{sys.argv[1]}:3308/state', timeout=5, context=context).read().decode())"
)
DATA = "/var/lib/mysql"
SMALL = "/run/small-data"
PERIOD = 100_000
"""Microseconds in which a starved host gets its share."""
ROOM_MB = 150
"""Megabytes that a server on a small disk has left before the disk is filled."""


class Pair:
    """The database servers. `wait_until` is the fixture of that name."""

    def __init__(self, lab: str, inventory: Any, wait_until: Callable[[Callable[[], Any], str], Any]) -> None:
        self._lab, self._inventory, self._wait_until = lab, inventory, wait_until
        self.names: list[str] = inventory.groups["databases"]

    def container(self, name: str) -> str:
        return f"{self._lab}-{name}"

    def on(self, name: str) -> Any:
        """A host of the lab, to run commands on, whether the network reaches it or not."""
        return testinfra.get_host(f"docker://{self.container(name)}")

    @property
    def addresses(self) -> dict[str, str]:
        return {name: self._inventory.address(name) for name in self.names}

    @property
    def application(self) -> list[str]:
        return self._inventory.groups["appservers"]

    def sql(self, name: str, statement: str) -> str:
        """What a statement returns, without headings; lines of GTID sets joined."""
        return self.on(name).check_output("mysql -NBre %s", statement).replace(",\n", ",")

    def roles(self) -> dict[str, str]:
        """What each server is: primary, replica, read_only or down."""
        ask = (
            "mysql --connect-timeout=5 -NBe 'SELECT @@GLOBAL.read_only, COUNT(*)"
            " FROM performance_schema.replication_connection_configuration'"
        )
        found = {}
        for name in self.names:
            said = self.on(name).run(ask)
            read_only, channels = said.stdout.split() if said.rc == 0 else ("", "")
            found[name] = {"": "down", "0": "primary"}.get(read_only, "replica" if channels != "0" else "read_only")
        return found

    def which(self, role: str) -> str:
        """The name of the only server with this role."""
        roles = self.roles()
        assert list(roles.values()).count(role) == 1, f"there is not one {role}: {roles}"
        return next(name for name, found in roles.items() if found == role)

    @property
    def primary(self) -> str:
        return self.which("primary")

    @property
    def replica(self) -> str:
        return self.which("replica")

    def state(self, name: str) -> dict[str, Any]:
        """What the server's endpoint says of it to an application host."""
        return json.loads(self.on(self.application[0]).check_output("python3 -c %s %s", STATE, self.addresses[name]))

    def acknowledged(self, name: str) -> bool:
        """Whether commits on this server wait for a replica, and get what they wait for."""
        return self.sql(name, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_status'").endswith("ON")

    def missing(self, load: Load) -> set[str]:
        """Keys of acknowledged writes that the primary does not have as they were acknowledged."""
        ledger = dict(load.acknowledged)
        if not ledger:
            return set()
        first = min(written.identity for written in ledger.values())
        rows = self.sql(self.primary, f"SELECT idempotency_key, id FROM guestbook.entry WHERE id >= {first}")  # noqa: S608
        there = dict(row.split("\t") for row in rows.splitlines())
        return {key for key, written in ledger.items() if there.get(key) != str(written.identity)}

    @property
    def secondaries(self) -> list[str]:
        """Whoever has to have what the primary has."""
        return [self.replica]

    def errant(self) -> str:
        """GTIDs that only the replica has."""
        return self.beyond(self.replica)

    def beyond(self, name: str) -> str:
        """GTIDs that a server has and the primary has not."""
        # The server's first: the primary's may grow meanwhile, and has to contain it all the same.
        ahead = self.sql(name, "SELECT @@GLOBAL.gtid_executed")
        return self.sql(self.primary, f"SELECT GTID_SUBTRACT('{ahead}', @@GLOBAL.gtid_executed)")

    def same(self) -> None:
        """Fail unless all servers have the same transactions and the same rows. Nobody writes but the heartbeat."""
        primary = self.primary
        executed = self.sql(primary, "SELECT @@GLOBAL.gtid_executed")
        tables = (
            "SELECT CONCAT('CHECKSUM TABLE ', GROUP_CONCAT(CONCAT('guestbook.`', TABLE_NAME, '`') ORDER BY TABLE_NAME))"
            " FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'guestbook' AND TABLE_TYPE = 'BASE TABLE'"
        )
        checksum = self.sql(primary, tables)
        for name in self.secondaries:
            assert self.sql(name, f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', 60)") == "0"
            assert self.beyond(name) == ""
            self._wait_until(
                lambda name=name: self.sql(primary, checksum) == self.sql(name, checksum), "equal checksums"
            )

    def kill(self, name: str) -> None:
        """Kill the server, and let systemd not start it again."""
        self.on(name).check_output("systemctl kill --signal=SIGKILL mysql; systemctl stop mysql")

    def seen_down(self, name: str) -> None:
        """Wait until the HAProxy of every application host has the server down."""

        def down(host: str) -> bool:
            return states(self.on(host)).get(("mysql-write", name)) == "DOWN"

        self._wait_until(lambda: all(map(down, self.application)), f"every HAProxy to have {name} down")

    @contextlib.contextmanager
    def cut_off(self, name: str, peers: Sequence[str] = (), percent: int = 100) -> Iterator[None]:
        """Packets between the host and its peers vanish, by default all of them, and those of everybody."""
        lost = "drop" if percent == 100 else f"numgen random mod 100 < {percent} drop"
        saddr, daddr = (f"ip {side} {{ {', '.join(peers)} }} " if peers else "" for side in ("saddr", "daddr"))
        table = (
            "table inet drill {\n"
            f"chain from {{ type filter hook input priority -300; iif lo accept; {saddr}{lost}; }}\n"
            f"chain to {{ type filter hook output priority -300; oif lo accept; {daddr}{lost}; }}\n"
            "}"
        )
        self.on(name).check_output("printf %%s %s | nft -f -", table)
        try:
            yield
        finally:
            self.connect(name)

    def connect(self, name: str) -> None:
        self.on(name).check_output("nft 'table inet drill; delete table inet drill'")

    @contextlib.contextmanager
    def without_power(self, name: str) -> Iterator[None]:
        """The whole host is killed, and started again at the end."""
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            container = engine.containers.get(self.container(name))
            container.kill()
            try:
                yield
            finally:
                container.start()

    @contextlib.contextmanager
    def starved(self, names: Iterable[str], processors: float) -> Iterator[None]:
        """Each of the hosts gets so much of a processor."""
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            containers = [engine.containers.get(self.container(name)) for name in names]
            for container in containers:
                container.update(cpu_period=PERIOD, cpu_quota=int(processors * PERIOD))
            try:
                yield
            finally:
                for container in containers:
                    container.update(cpu_period=PERIOD, cpu_quota=-1)

    def reboot(self, name: str) -> None:
        """Start the whole host again, and wait until all its services run."""
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            engine.containers.get(self.container(name)).restart()
        self._wait_until(lambda: self.on(name).run("systemctl is-system-running --wait").rc == 0, f"{name} to be up")

    def reaches(self, name: str, server: str) -> bool:
        """Whether a host can connect to a database server."""
        return self.on(name).run(f"timeout 3 bash -c '</dev/tcp/{self.addresses[server]}/3306'").rc == 0

    @contextlib.contextmanager
    def small_disk(self, name: str) -> Iterator[None]:
        """The replica's data lie on a disk of their own with ROOM_MB left; at the end they are where they were."""
        host = self.on(name)
        host.check_output(
            f"systemctl stop mysql && mkdir -p {SMALL}"
            f" && mount -t tmpfs -o mode=0700,size=$(($(du -sm {DATA} | cut -f1) + {ROOM_MB}))m tmpfs {SMALL}"
            # A hole in a file would be filled when there is no room any more.
            f" && cp -a --sparse=never {DATA}/. {SMALL}/ && mount --bind {SMALL} {DATA} && systemctl start mysql"
        )
        try:
            yield
        finally:
            host.check_output(
                f"rm -f {SMALL}/ballast; systemctl stop mysql && umount {DATA}"
                f" && find {DATA} -mindepth 1 -delete && cp -a {SMALL}/. {DATA}/ && umount {SMALL}"
                " && systemctl start mysql"
            )

    def fill(self, name: str) -> None:
        """Leave no room on the small disk."""
        self.on(name).check_output(
            f"fallocate -l $(df --output=avail -B1 {SMALL} | tail -1) {SMALL}/ballast; df -h {SMALL}"
        )

    def make_room(self, name: str) -> None:
        self.on(name).check_output(f"rm {SMALL}/ballast")

    def broken(self) -> list[str]:
        """What keeps the pair from being whole."""
        roles = self.roles()
        if sorted(roles.values()) != ["primary", "replica"]:
            return [f"{name} is {role}" for name, role in roles.items()]
        primary = self.primary
        found = [] if self.acknowledged(primary) else [f"commits on {primary} wait for no replica"]
        for name in [*self.names, *self.application]:
            if self.on(name).run("nft list table inet webstack_fence").rc == 0:
                found.append(f"the fence on {name} is not open")
        for name in self.names:
            # Red when a verb that refuses, or fails, leaves it: the server would not reopen then.
            if holder := self.on(name).run("cat /var/lib/webstack-mysql/role.lock").stdout:
                found.append(f"the lock on {name} is held: {holder}")
        return found

    def mend(self, play: Callable[..., Any]) -> None:
        """Make the pair whole after a drill that did not come to its end, whichever way that is possible."""
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            for name in self.names:
                engine.containers.get(self.container(name)).start()
        for name in self.names:
            self._wait_until(lambda name=name: self.on(name).run("systemctl status dbus").rc == 0, f"{name} to start")
            self.connect(name)
            self.on(name).run("systemctl reset-failed mysql; systemctl start mysql")
        # The old primary, which is read-only now, before the replica that everybody sees it beside.
        for role in ("read_only", "replica"):
            for name, found in self.roles().items():
                if found == role and "primary" not in self.roles().values():
                    accept = ["-e", "webstack_accept_loss_seconds=inf"]
                    play("failover.yml", "-e", f"webstack_primary={name}", *accept)
        lost = [name for name, role in self.roles().items() if role != "primary"]
        play("rejoin.yml", *(["-e", f"webstack_rejoin={lost[0]}"] if lost else []))


def saved_file(said: str) -> str | None:
    """The file that rejoin.yml names, here on the controller."""
    words = said.split()
    return next((word for word in words if "-diverged-" in word and word.endswith(".sql")), None)
