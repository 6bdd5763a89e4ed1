"""A role's variables as a play has them: defaults, vars and what somebody has set, rendered by Ansible's own engine."""

from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[2] / "roles"


def rendered(role: str, name: str, /, **variables: Any) -> Any:
    """The value of the role's variable `name` on host1, with these variables set."""
    loader = DataLoader()
    known: dict[str, Any] = {"inventory_hostname": "host1", "role_path": str(ROLES / role)}
    for file in ("defaults/main.yml", "vars/main.yml"):
        known |= loader.load_from_file(str(ROLES / role / file), trusted_as_template=True) or {}
    return Templar(loader, known | variables).template(trust_as_template(f"{{{{ {name} }}}}"))
