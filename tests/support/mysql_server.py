"""What the scenarios with MySQL servers share: a host and its server, Ansible run on the scenario's hosts."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import testinfra

CHECKOUT = Path(__file__).resolve().parents[2]


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


def ansible(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's commands on the scenario's hosts, from the checkout, whether it succeeds or not."""
    return subprocess.run(
        [command[0], f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}", *command[1:]],
        capture_output=True,
        env=os.environ
        | {"ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
        | environment,
        text=True,
        cwd=CHECKOUT,
        timeout=900,
        check=False,
    )
