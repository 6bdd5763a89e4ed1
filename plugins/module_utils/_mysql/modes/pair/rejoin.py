"""Which database host comes back as a replica after a failover, decided from what the hosts were found to be. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role


class Code(str, Enum):
    """Why no host comes back, and what is done."""

    UNKNOWN_HOST = "rejoin.unknown_host"
    NOT_ONE_PRIMARY = "rejoin.not_one_primary"
    OTHER_IS_FENCED = "rejoin.other_is_fenced"
    AMBIGUOUS = "rejoin.ambiguous"

    COMES_BACK = "rejoin.comes_back"
    FRESH = "rejoin.fresh"
    NONE_MISSING = "rejoin.none_missing"


@dataclass(frozen=True)
class Choice:
    """Who comes back, and whose replica it becomes. Hosts go by their inventory names."""

    primary: str = ""
    host: str = ""
    """Empty where no host is missing."""
    fresh: bool = False
    """Whether it has no data: there is nothing to save then, and it takes no writes."""
    refusals: tuple[Reason, ...] = ()

    @property
    def plan(self) -> Reason:
        """What is done."""
        if not self.host:
            return reason(Code.NONE_MISSING)
        return reason(Code.FRESH if self.fresh else Code.COMES_BACK, host=self.host, primary=self.primary)

    def as_data(self) -> dict[str, Any]:
        return {
            "primary": self.primary,
            "host": self.host,
            "fresh": self.fresh,
            "plan": [self.plan.as_data()],
            "refusals": [refusal.as_data() for refusal in self.refusals],
        }


def decide(
    roles: Mapping[str, str], databases: Mapping[str, str], fenced_addresses: Collection[str], asked: str = ""
) -> Choice:
    """Who comes back.

    `roles` has what each host is, `databases` each host's address; the fences cut off `fenced_addresses`; the operator
    has `asked` for a host.
    """
    writable = [name for name, role in roles.items() if role == Role.PRIMARY]
    fenced = [name for name, address in databases.items() if address in fenced_addresses]
    if asked:
        lost = [asked]
    else:
        lost = [name for name, role in roles.items() if role not in (Role.PRIMARY, Role.REPLICA)]
        # An old primary that was cut off and runs takes itself for the primary still.
        lost += [name for name in writable if name in fenced]
    host = next(iter(lost), "")
    primary = next((name for name in writable if name not in lost), "")
    refusals = []
    if asked and asked not in databases:
        refusals.append(reason(Code.UNKNOWN_HOST, host=asked, databases=list(databases)))
    if not primary or set(writable) - {primary, host}:
        refusals.append(reason(Code.NOT_ONE_PRIMARY, found=[f"{name}: {role}" for name, role in roles.items()]))
    if asked and (others := [name for name in fenced if name != asked]):
        refusals.append(reason(Code.OTHER_IS_FENCED, asked=asked, fenced=others))
    if len(lost) > 1:
        refusals.append(reason(Code.AMBIGUOUS, hosts=lost))
    return Choice(primary=primary, host=host, fresh=roles.get(host) == Role.FRESH, refusals=tuple(refusals))
