"""The nftables table that blocks all traffic with a failed server, and whether a service is stopped. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, ip_address

TABLE = "inet webstack_fence"

PRIORITY = -250
"""Before connection tracking (-200, nft(8)) and every filter: existing connections are cut, too."""

RULES_FILE, UNIT = "/etc/nftables-webstack-fence.conf", "webstack-fence.service"

UNIT_TEXT = f"""\
# Blocks all traffic with a failed database server, also after a reboot or a restart of nftables.
# playbooks/rejoin.yml removes it.
[Unit]
Description=Fence against a failed database server
DefaultDependencies=no
After=local-fs.target nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Wants=network-pre.target
Before=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f {RULES_FILE}
ExecReload=nft -f {RULES_FILE}

[Install]
WantedBy=sysinit.target
"""

_DROPPED = re.compile(r"ip6? saddr (\S+) drop")


def rules(addresses: Sequence[str]) -> str:
    """For `nft -f`: the table with these addresses, without addresses no table. ValueError if one is not an address."""
    # Declared first, so that deleting it never fails; the whole is one transaction.
    lines = [f"table {TABLE}", f"delete table {TABLE}"]
    if addresses:
        parsed = [ip_address(address) for address in addresses]
        family = {address: "ip" if isinstance(address, IPv4Address) else "ip6" for address in parsed}
        lines.append(f"table {TABLE} {{")
        for chain, hook, field in (("from", "input", "saddr"), ("to", "output", "daddr")):
            lines += [f"chain {chain} {{", f"type filter hook {hook} priority {PRIORITY}; policy accept;"]
            lines += [f"{family[address]} {field} {address} drop" for address in parsed]
            lines.append("}")
        lines.append("}")
    return "".join(f"{line}\n" for line in lines)


def addresses_in(listing: str) -> list[str]:
    """The addresses that a listing of the table drops."""
    return sorted(set(_DROPPED.findall(listing)))


def is_stopped(status: Mapping[str, str]) -> bool:
    """Whether no process of the service runs, from `systemctl show`. A service that does not exist does not run."""
    if status.get("LoadState") == "not-found":
        return True
    return status.get("ActiveState") in ("inactive", "failed") and status.get("MainPID") == "0"
