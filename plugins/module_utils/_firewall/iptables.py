"""What `iptables-save` says. Pure."""

from __future__ import annotations

import shlex

from ansible_collections.foobar.webstack.plugins.module_utils._firewall.chains import (
    Chain,
    Reach,
    Rule,
    Table,
    Verdict,
)
from ansible_collections.foobar.webstack.plugins.module_utils._firewall.ports import Range, as_range, matched

VERDICTS = {"ACCEPT": Verdict.ACCEPT, "DROP": Verdict.DROP, "REJECT": Verdict.DROP, "RETURN": Verdict.RETURN}
SILENT = {"LOG", "NFLOG", "ULOG"}
WITHOUT_VALUE = {"--syn", "--physdev-is-bridged", "--rcheck", "--update", "--set", "--remove", "--rttl"}
HARMLESS = {"-m", "--match", "--comment", "--reject-with", "--log-prefix", "--log-level", "-A"}
TCP = {"tcp", "6", "all"}


def table(listing: str, family: str, ours: list[Range]) -> Table | None:
    """The table filter, or None where there is none."""
    policies: dict[str, str] = {}
    rules: dict[str, list[Rule]] = {}
    inside = False
    for line in listing.splitlines():
        if line.startswith("*"):
            inside = line == "*filter"
        elif inside and line.startswith(":"):
            name, policy = line[1:].split()[:2]
            policies[name] = policy.lower() if name == "INPUT" else ""
        elif inside and line.startswith("-A "):
            words = shlex.split(line)
            rules.setdefault(words[1], []).append(rule(words[2:], ours))
    chains = {name: Chain(name, policy, tuple(rules.get(name, ()))) for name, policy in policies.items()}
    return Table("iptables", family, "filter", chains) if chains else None


def rule(words: list[str], ours: list[Range]) -> Rule:
    """A rule of its words. A condition that is not known makes it a rule for others than visitors."""
    verdict, target, reach = Verdict.NONE, "", Reach.ALL
    rest = iter(words)
    for word in rest:
        negated = word == "!"
        option = next(rest, "") if negated else word
        value = "" if option in WITHOUT_VALUE else next(rest, "")
        if option in ("-j", "-g", "--jump", "--goto"):
            verdict = VERDICTS.get(value, Verdict.NONE if value in SILENT else Verdict.JUMP)
            target = value if verdict is Verdict.JUMP else ""
        elif option not in HARMLESS:
            meets = _meets_visitors(option, value, ours, negated=negated)
            reach = Reach.OTHERS if not meets or reach is Reach.OTHERS else Reach.VISITORS
    return Rule(verdict, reach, target)


def _meets_visitors(option: str, value: str, ours: list[Range], *, negated: bool) -> bool:
    """Whether a new TCP connection from anywhere to a port of the stack may meet this condition."""
    if option in ("--dport", "--dports", "--destination-port", "--destination-ports"):
        return matched(ours, map(as_range, value.split(",")), negated=negated)
    if option in ("-p", "--protocol"):
        return (value in TCP) is not negated
    if option in ("-i", "--in-interface"):
        return (value == "lo") is negated
    if option in ("-s", "--source"):
        return negated or value in ("0.0.0.0/0", "::/0")
    return option in ("--ctstate", "--state") and ("NEW" in value.split(",")) is not negated
