"""The database servers of a lab as members of a group, as drills see and break them."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import docker
from ansible_collections.foobar.webstack.tests.drills.databases import Pair

VIEW = (
    "SELECT @@GLOBAL.read_only, COALESCE(MAX(IF(MEMBER_ID = @@server_uuid, MEMBER_STATE, NULL)), 'OFFLINE'),"
    " COALESCE(MAX(IF(MEMBER_ID = @@server_uuid, MEMBER_ROLE, NULL)), ''),"
    " SUM(MEMBER_STATE IN ('ONLINE', 'RECOVERING')), COUNT(*)"
    " FROM performance_schema.replication_group_members"
)


class Group(Pair):
    """An odd number of servers. A server that believes to be the primary and has no majority is none."""

    def roles(self) -> dict[str, str]:
        """What each server is: primary, replica (a secondary that is ONLINE), read_only or down."""
        return {name: self._role(name) for name in self.names}

    def _role(self, name: str) -> str:
        said = self.on(name).run("timeout 10 mysql --connect-timeout=5 -NBe %s", VIEW)
        if said.rc != 0:
            return "down"
        read_only, state, role, present, members = said.stdout.rstrip("\n").split("\t")
        if state != "ONLINE" or 2 * int(present) <= int(members):
            return "read_only"
        if role != "PRIMARY":
            return "replica"
        return "primary" if read_only == "0" else "read_only"

    @property
    def secondaries(self) -> list[str]:
        return [name for name, role in self.roles().items() if role == "replica"]

    @property
    def replica(self) -> str:
        """One of them."""
        return self.secondaries[0]

    def broken(self) -> list[str]:
        """What keeps the group from being whole."""
        roles = self.roles()
        whole = ["primary", *["replica"] * (len(self.names) - 1)]
        return [] if sorted(roles.values()) == whole else [f"{name} is {role}" for name, role in roles.items()]

    def mend(self, play: Callable[..., Any]) -> None:
        """It mends itself."""

    def same(self) -> None:
        """The same, once it is whole."""
        self._wait_until(lambda: not self.broken(), "the group to be whole")
        super().same()

    def outside(self, name: str) -> bool:
        """Whether a server runs and is in no group."""
        state = "SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid"
        return self.on(name).run("mysql --connect-timeout=5 -NBe %s", state).stdout.strip() in ("OFFLINE", "ERROR")

    def kill(self, name: str) -> None:
        """Kill mysqld, which systemd starts again."""
        self.on(name).check_output("systemctl reset-failed mysql; systemctl kill --signal=SIGKILL mysql")

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """mysqld stands still, and goes on at the end as if nothing had been."""
        self.on(name).check_output("systemctl kill --signal=SIGSTOP mysql")
        try:
            yield
        finally:
            self.on(name).check_output("systemctl kill --signal=SIGCONT mysql")

    @contextlib.contextmanager
    def all_without_power(self) -> Iterator[None]:
        """All hosts are killed as nearly at once as the engine can, and started again at the end."""
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            containers = [engine.containers.get(self.container(name)) for name in self.names]
            for container in containers:
                container.kill()
            try:
                yield
            finally:
                for container in containers:
                    container.start()
