"""Playbooks that a test runs, as somebody would from the checkout."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """A playbook that was run: whether it went well, what it printed."""

    succeeded: bool
    output: str

    @property
    def changed(self) -> dict[str, int]:
        """How many tasks changed something, by host, as the recap tells."""
        lines = self.output.rpartition("PLAY RECAP")[2].splitlines()[1:]
        found = (re.match(r"(\S+) *: .*\bchanged=(\d+)", line) for line in lines)
        return {match[1]: int(match[2]) for match in found if match}

    @property
    def said(self) -> str:
        """The output without its line breaks."""
        return " ".join(self.output.split())


def run_playbook(playbook: str, inventory: str, *options: str) -> Run:
    command = ["ansible-playbook", f"playbooks/{playbook}", "-i", inventory, *options]
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return Run(done.returncode == 0, done.stdout)


def ansible(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's commands on the hosts of a scenario, from the checkout, whether it succeeds or not."""
    return subprocess.run(
        [command[0], f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}", *command[1:]],
        capture_output=True,
        env=os.environ
        | {"ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
        | environment,
        text=True,
        cwd=ROOT,
        timeout=900,
        check=False,
    )


def scenario_playbook(playbook: Path, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run a playbook on the hosts of a scenario, with other values of some variables."""
    return ansible("ansible-playbook", f"--extra-vars={json.dumps(variables)}", *options, str(playbook))
