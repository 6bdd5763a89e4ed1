"""What the scenarios with MySQL servers share: a host and its server."""

import json
import os
from typing import Any

import testinfra
from plays import ansible


def host(name: str) -> Any:
    """One of the scenario's hosts by testinfra."""
    return testinfra.get_host(f"ansible://{name}", ansible_inventory=os.environ["MOLECULE_INVENTORY_FILE"])


class Server:
    """One of a scenario's hosts and its MySQL server."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.host = host(name)

    def run(self, statements: str) -> Any:
        """Execute statements as root, whether they succeed or not."""
        return self.host.run("mysql --batch --raw --skip-column-names --execute=%s", statements)

    def sql(self, statements: str) -> list[list[str]]:
        """Rows of statements executed as root."""
        result = self.run(statements)
        assert result.rc == 0, result.stderr
        return [line.split("\t") for line in result.stdout.splitlines()]

    def value(self, expression: str) -> Any:
        """Of an expression. As JSON, because a GTID set has line breaks."""
        return json.loads(self.sql(f"SELECT JSON_ARRAY({expression})")[0][0])[0]

    def module(self, name: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of a module of the collection, run on this host."""
        result = ansible(
            "ansible",
            self.name,
            "--module-name",
            f"foobar.webstack.{name}",
            "--args",
            json.dumps(arguments),
            *(["--check"] if check else []),
            ANSIBLE_STDOUT_CALLBACK="ansible.builtin.json",
            ANSIBLE_LOAD_CALLBACK_PLUGINS="1",
        )
        return json.loads(result.stdout)["plays"][0]["tasks"][0]["hosts"][self.name]

    @property
    def process(self) -> str:
        return self.host.check_output("systemctl show --property=MainPID --value mysql")

    def writable(self) -> None:
        """Let a source that has restarted take writes again, as playbooks/failover.yml does."""
        result = self.module("mysql_primary", reason="failover")
        assert result.get("writable") is True, result
