"""Whether database hosts are what the inventory says: a pair or a group. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.state import GROUP, PAIR
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role


class Code(str, Enum):
    """What they are instead."""

    IS_A_GROUP = "conversion.is_a_group"
    IS_A_PAIR = "conversion.is_a_pair"


def differences(mode: str, answers: Mapping[str, Mapping[str, Any]]) -> list[Reason]:
    """Why the hosts must not be configured for the mode, from what `mysql_server_info` has answered of each.

    One that does not answer, or has no data, says nothing.
    """
    servers = {name: answer["server"] for name, answer in answers.items() if answer.get("server")}
    # Only a server that is configured for a group has the plugin.
    if mode == PAIR:
        found = [name for name, server in servers.items() if server["group"] is not None]
        return [reason(Code.IS_A_GROUP, hosts=found)] if found else []
    found = [name for name, server in servers.items() if server["group"] is None and _is_of_a_pair(server)]
    return [reason(Code.IS_A_PAIR, hosts=found)] if mode == GROUP and found else []


def _is_of_a_pair(server: Mapping[str, Any]) -> bool:
    return bool(server["channel"]) or server["role"] == Role.PRIMARY
