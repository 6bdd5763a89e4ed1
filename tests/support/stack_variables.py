"""What the stack's variables (playbooks/group_vars/all) say on the hosts of an inventory, rendered by Ansible."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def all_of(expressions: Mapping[str, str]) -> str:
    """A template that says, by name, what each of the expressions is."""
    return f"{{{{ {{ {', '.join(f'{name!r}: {expression}' for name, expression in expressions.items())} }} }}}}"


def rendered(template: str, inventory: Path, **variables: Any) -> dict[str, Any]:
    """What a template says on each host of an inventory."""
    command = [sys.executable, "-m", "ansible", "adhoc", "all", "--playbook-dir", "playbooks", "-i", str(inventory)]
    command += ["-m", "ansible.builtin.debug", "-a", f"msg={template}", "-e", json.dumps(variables), "--one-line"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for line in done.stdout.splitlines():
        host, _, result = line.partition(" | SUCCESS => ")
        found[host] = json.loads(result)["msg"]
    return found
