"""What `nft --json list ruleset` says. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._firewall.chains import (
    Chain,
    Reach,
    Rule,
    Table,
    Verdict,
)
from ansible_collections.foobar.webstack.plugins.module_utils._firewall.ports import Range, as_range, matched

INBOUND = ("input", "prerouting")
OWN = "webstack"
"""The collection's tables begin with it: the firewall's, and that which fences a failed server."""

VERDICTS = {
    "accept": Verdict.ACCEPT,
    "drop": Verdict.DROP,
    "reject": Verdict.DROP,
    "jump": Verdict.JUMP,
    "goto": Verdict.JUMP,
    "return": Verdict.RETURN,
}
HARMLESS = {"counter", "log", "comment"}
PROTOCOLS = {"l4proto", "protocol", "nfproto"}


def tables(listing: str, ours: list[Range], leave_out: Iterable[str] = ()) -> list[Table]:
    """All tables but the collection's own, and but the table `filter` of the families that iptables lists itself."""
    policies: dict[tuple[str, str], dict[str, str]] = {}
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    for item in json.loads(listing)["nftables"]:
        kind, content = next(iter(item.items()))
        key = (content.get("family", ""), content.get("table", ""))
        if key == ("inet", OWN) or key[1].startswith(f"{OWN}_") or (key[1] == "filter" and key[0] in leave_out):
            continue
        if kind == "chain":
            inbound = content.get("hook") in INBOUND and content.get("type") == "filter"
            policies.setdefault(key, {})[content["name"]] = content.get("policy", "accept") if inbound else ""
        elif kind == "rule":
            rules.setdefault((*key, content["chain"]), []).append(rule(content.get("expr") or [], ours))
    return [
        Table(
            "nft",
            *key,
            {name: Chain(name, policy, tuple(rules.get((*key, name), ()))) for name, policy in found.items()},
        )
        for key, found in policies.items()
    ]


def rule(expressions: list[Any], ours: list[Range]) -> Rule:
    """A rule of its expressions. One that is not known makes it a rule for others than visitors."""
    verdict, target, reach = Verdict.NONE, "", Reach.ALL
    for expression in expressions:
        name, value = next(iter(expression.items())) if isinstance(expression, Mapping) else ("", None)
        content = value if isinstance(value, Mapping) else {}
        if name in VERDICTS:
            verdict = VERDICTS[name]
            target = content.get("target", "")
        elif name == "xt" and content.get("name") == "REJECT":
            verdict = Verdict.DROP
        elif name == "match" and _meets_visitors(dict(content), ours):
            reach = Reach.VISITORS if reach is Reach.ALL else reach
        elif name not in HARMLESS:
            reach = Reach.OTHERS
    return Rule(verdict, reach, target)


def _meets_visitors(match: dict[str, Any], ours: list[Range]) -> bool:
    """Whether a new TCP connection from anywhere to a port of the stack may meet this condition."""
    left, values, negated = match["left"], _values(match["right"]), str(match["op"]) == "!="
    kind, content = next(iter(left.items())) if isinstance(left, Mapping) else ("", {})
    name = (content.get("key") or content.get("field") or "") if isinstance(content, Mapping) else ""
    if name == "dport":
        theirs = [_range(value) for value in values]
        return content.get("protocol") in ("tcp", "th") and matched(ours, theirs, negated=negated)
    if name in PROTOCOLS:
        return bool({"tcp", "ip", "ip6", "ipv4", "ipv6", 6} & set(values)) is not negated
    if name in ("iif", "iifname"):
        return ("lo" in values) is negated
    if name in ("saddr", "sport"):
        return negated
    return kind == "ct" and name == "state" and ("new" in values) is not negated


def _values(right: Any) -> list[Any]:
    """The values of a set, a list or one value; a range stays as it is."""
    if isinstance(right, Mapping) and "set" in right:
        right = right["set"]
    if not isinstance(right, list):
        right = [right]
    return [
        tuple(value["range"]) if isinstance(value, Mapping) and "range" in value else _plain(value) for value in right
    ]


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (Mapping, list)) else value


def _range(value: Any) -> Range:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple) else as_range(str(value))
