"""Chains of filter rules, whichever language they were read from, and whether they close the stack's ports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """What a rule does with the packets that it matches. NONE only counts or logs them."""

    ACCEPT = "accept"
    DROP = "drop"
    JUMP = "jump"
    RETURN = "return"
    NONE = "none"


class Reach(str, Enum):
    """Which packets a rule matches: every one, those of a visitor from anywhere, or others, such as a blocklist's."""

    ALL = "all"
    VISITORS = "visitors"
    OTHERS = "others"


@dataclass(frozen=True)
class Rule:
    """One rule. `target` is the chain that a jump leads to."""

    verdict: Verdict
    reach: Reach
    target: str = ""


@dataclass(frozen=True)
class Chain:
    """The rules of a chain in their order; `policy` is that of a base chain which sees inbound packets, or empty."""

    name: str
    policy: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Table:
    """A table with its chains by name. `tool` is what lists it: nft or iptables."""

    tool: str
    family: str
    name: str
    chains: Mapping[str, Chain]


@dataclass(frozen=True)
class Foreign:
    """A base chain that closes what the stack opens. `program` is ufw or firewalld, or empty."""

    table: Table
    chain: str
    reason: str
    program: str


def foreign(tables: list[Table]) -> list[Foreign]:
    """Those base chains that drop or reject a visitor of the stack."""
    return [
        Foreign(table, chain.name, reason, program_of(table))
        for table in tables
        for chain in table.chains.values()
        if chain.policy and (reason := closes(table, chain))
    ]


def closes(table: Table, base: Chain) -> str:
    """Why a new connection from anywhere to a port of the stack does not pass the base chain; empty where it may."""
    end = _walk(table, base, frozenset())
    if end is Verdict.DROP:
        return "a rule that drops or rejects"
    return "policy drop" if end is None and base.policy.lower() == "drop" else ""


def program_of(table: Table) -> str:
    """Who makes tables like this."""
    names = [table.name, *table.chains]
    if any(name.startswith(("ufw-", "ufw6-")) for name in names):
        return "ufw"
    firewalld = ("INPUT_ZONES", "filter_INPUT_ZONES", "filter_INPUT_POLICIES_pre")
    return "firewalld" if table.name.startswith("firewalld") or any(name in firewalld for name in names) else ""


def _walk(table: Table, chain: Chain, seen: frozenset[str]) -> Verdict | None:
    """ACCEPT or DROP where the packet's way ends, None where it comes out of the chain."""
    for rule in chain.rules:
        # A rule may accept one port of the stack and leave the others to what follows.
        if rule.verdict in (Verdict.ACCEPT, Verdict.RETURN) and rule.reach is Reach.ALL:
            return Verdict.ACCEPT if rule.verdict is Verdict.ACCEPT else None
        if rule.reach is Reach.OTHERS:
            continue
        if rule.verdict is Verdict.DROP:
            return Verdict.DROP
        if rule.verdict is Verdict.JUMP and rule.target in table.chains and rule.target not in seen:
            end = _walk(table, table.chains[rule.target], seen | {chain.name})
            if end is Verdict.DROP or (end is Verdict.ACCEPT and rule.reach is Reach.ALL):
                return end
    return None
