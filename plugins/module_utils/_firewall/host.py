"""Asks a host for the chains that are loaded, and says what to do about those that close the stack's ports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from subprocess import CompletedProcess

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._firewall import chains, iptables, nftables
from ansible_collections.foobar.webstack.plugins.module_utils._firewall.chains import Foreign, Table
from ansible_collections.foobar.webstack.plugins.module_utils._firewall.ports import Range

LEGACY = {"ip": Path("/proc/net/ip_tables_names"), "ip6": Path("/proc/net/ip6_tables_names")}
"""Names of the tables that the kernel's old iptables has. Listing one that is not there would make it."""

PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}


def foreign(ours: list[Range]) -> list[Foreign]:
    """What closes the stack's ports. A host without these programs, or that does not let them look, has nothing."""
    found: list[Table] = []
    listed = []
    for family, program in PROGRAMS.items():
        done = _process.run(f"{program}-nft-save", "-t", "filter")
        if done.returncode == 0:
            listed.append(family)
            found += _read(done, family, ours)
        names = LEGACY[family]
        if names.exists() and "filter" in names.read_text().split():
            found += _read(_process.run(f"{program}-legacy-save", "-t", "filter"), family, ours)
    ruleset = _process.run("nft", "--json", "list", "ruleset")
    if ruleset.returncode == 0:
        found += nftables.tables(ruleset.stdout, ours, leave_out=listed)
    return chains.foreign(found)


def problems(found: Iterable[Foreign]) -> list[str]:
    """A sentence for each firewall, with what stops it."""
    return list(dict.fromkeys(map(_problem, found)))


def _read(done: CompletedProcess[str], family: str, ours: list[Range]) -> list[Table]:
    table = iptables.table(done.stdout, family, ours) if done.returncode == 0 else None
    return [table] if table else []


def _problem(one: Foreign) -> str:
    who, stop = _named(one)
    return f"another firewall is active, {who}, and closes what the stack opens; {stop}"


def _named(one: Foreign) -> tuple[str, str]:
    """What it is, and what stops it."""
    table, where = one.table, f"chain {one.chain}: {one.reason}"
    if one.program == "ufw":
        return f"ufw ({where})", "stop it (ufw disable)"
    if one.program == "firewalld":
        return f"firewalld ({where})", "stop it (systemctl disable --now firewalld)"
    if table.tool == "iptables":
        program = PROGRAMS[table.family]
        remove = f"{program} -P INPUT ACCEPT; {program} -F INPUT"
        return f"rules of {program} ({where})", f"remove them ({remove}), also from what loads them at boot"
    name = f"{table.family} {table.name}"
    return f"nftables' table {name} ({where})", f"remove it (nft delete table {name}), also from what loads it at boot"
