"""The whole report: a screen or a JSON document, and whether something is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller, sentences
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.explain import explain
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.judge import (
    DATABASES,
    database_role,
    findings,
    latest,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.model import Finding, Host, Seen
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.screen import screen

FORMATS = ("text", "json")


@dataclass(frozen=True)
class Report:
    """What is printed, and a sentence where the run is to fail."""

    text: str
    failure: str = ""

    def as_data(self) -> dict[str, str]:
        """As plain data."""
        return {"text": self.text, "failure": self.failure}


def report(seen: Seen, caller: Caller, *, form: str = "text", subject: str = "") -> Report:
    """Of everything, or of one host or server."""
    if form not in FORMATS:
        return Report("", f'format is "{form}"; write {" or ".join(FORMATS)}.')
    found = findings(seen)
    if subject:
        found = explain(subject, seen, found)
    wrong = [each for each in found if each.wrong]
    if form == "json":
        text = json.dumps(document(seen, found, caller), indent=2)
    elif subject:
        text = "\n".join([f"{subject}:", *listed(found, caller)])
    else:
        text = "\n".join([*screen(seen), "", *verdict(found, caller), "", drift(caller)])
    return Report(text, failure(len(wrong)))


def failure(count: int) -> str:
    """Why the run ends with an error; nothing where it does not."""
    if count == 0:
        return ""
    return "1 thing is wrong, see above." if count == 1 else f"{count} things are wrong, see above."


def verdict(found: Sequence[Finding], caller: Caller) -> list[str]:
    """What is wrong, and what is to be done some time."""
    wrong = [each for each in found if each.wrong]
    others = [each for each in found if not each.wrong]
    lines = [f"WRONG ({len(wrong)})", *listed(wrong, caller)] if wrong else ["Nothing is wrong."]
    return [*lines, "", "TO DO, some time", *listed(others, caller)] if others else lines


def listed(found: Sequence[Finding], caller: Caller) -> list[str]:
    """A line for each."""
    return [f"- {said}" for said in said_of(found, caller)]


def said_of(found: Sequence[Finding], caller: Caller) -> list[str]:
    """The sentences of the catalogue."""
    return [f"{text}." for text in sentences([each.reason.as_data() for each in found], caller)]


def drift(caller: Caller) -> str:
    """What is not looked at, since it takes as long as a run."""
    return f"Whether the hosts are as the inventory says is told by: {drift_command(caller)}"


def drift_command(caller: Caller) -> str:
    """What compares every host with the inventory."""
    return f"{caller.command('site')} --check --diff"


def document(seen: Seen, found: Sequence[Finding], caller: Caller) -> dict[str, Any]:
    """For programs."""
    made, tried = latest(seen, "backup"), latest(seen, "verify")
    roles = {host.name: database_role(host) for host in seen.of(DATABASES)}
    return {
        "wrong": any(each.wrong for each in found),
        "findings": [
            {**_coded(each.reason), "wrong": each.wrong, "hosts": list(each.hosts), "sentence": text}
            for each, text in zip(found, said_of(found, caller), strict=True)
        ],
        "hosts": {name: _host(host) for name, host in seen.hosts.items()},
        "groups": {name: list(names) for name, names in seen.stack.groups.items()},
        "databases": roles,
        "address_owners": {
            address: [host.name for host in seen.hosts.values() if host.has_address(address)]
            for address in seen.stack.addresses
        },
        "backup_age_seconds": made and round(made[0]),
        "restore_tried_age_seconds": tried and round(tried[0]),
        "drift": {"looked_at": False, "command": drift_command(caller)},
    }


def _coded(said: Reason) -> Mapping[str, Any]:
    data = said.as_data()
    return {"code": data["code"], "data": data["data"]}


def _host(host: Host) -> dict[str, Any]:
    facts = {name: value for name, value in host.facts.items() if not name.startswith("_") and name not in NOT_FACTS}
    return {"answers": host.answered, "error": host.error, "groups": list(host.groups), **facts}


NOT_FACTS = {"changed", "failed", "failed_when_result", "invocation", "warnings", "deprecations", "ansible_facts"}
"""What Ansible adds to a module's result."""
