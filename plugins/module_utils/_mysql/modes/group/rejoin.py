"""Which database host comes back into the group, decided from what the hosts were found to be. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import rejoin as pair
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.rejoin import Choice


def decide(
    roles: Mapping[str, str], databases: Mapping[str, str], fenced_addresses: Collection[str], asked: str = ""
) -> Choice:
    """Who comes back: the same question in every mode. A member without a majority counts as read-only."""
    return pair.decide(roles, databases, fenced_addresses, asked)
