"""Drop-ins that keep needrestart and unattended-upgrades from restarting a service by themselves. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

HEADER = "Written by Ansible (foobar.webstack). An update of these is applied by hand: docs/operations.md."


def unit_name(name: str) -> str:
    """The whole name of a service's unit."""
    return name if "." in name else f"{name}.service"


def drop_ins(units: Sequence[str], packages: Sequence[str]) -> dict[str, str]:
    """The files, by path. They are named after the first unit."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", units[0].partition(".")[0])
    found = {f"/etc/needrestart/conf.d/webstack-{name}.conf": needrestart(units)}
    if packages:
        found[f"/etc/apt/apt.conf.d/52webstack-{name}"] = unattended_upgrades(packages)
    return found


def needrestart(units: Sequence[str]) -> str:
    """Perl, which needrestart reads after its own configuration. 0: named, and restarted only by whoever is asked."""
    lines = [f"$nrconf{{override_rc}}->{{qr(^{re.escape(unit_name(unit))}$)}} = 0;" for unit in units]
    return "\n".join([f"# {HEADER}", *lines, "1;", ""])


def unattended_upgrades(packages: Sequence[str]) -> str:
    """apt's configuration. The patterns are added to those that other files have, and match from the beginning."""
    return "\n".join(
        [f"// {HEADER}", "Unattended-Upgrade::Package-Blacklist {", *(f'    "{name}";' for name in packages), "};", ""]
    )
