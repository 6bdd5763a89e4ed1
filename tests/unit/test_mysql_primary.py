"""Which server may be made to take writes, and for which reason."""

import pytest
from ansible_collections.foobar.webstack.plugins.modules.mysql_primary import permission


@pytest.mark.parametrize("reason", ["new", "restarted", "failover"])
@pytest.mark.parametrize("role", ["primary", "replica", "read_only", "fresh"])
def test_what_takes_writes_already_may(role: str, reason: str) -> None:
    assert permission(role, reason, takes_writes=True) == ""


@pytest.mark.parametrize(
    ("role", "reason", "refused"),
    [
        ("fresh", "new", ""),
        ("fresh", "restarted", ""),
        ("read_only", "restarted", ""),
        ("read_only", "failover", ""),
        ("replica", "failover", ""),
        ("read_only", "new", "playbooks/failover.yml with -e webstack_primary=<this host>"),
        ("replica", "new", "run playbooks/switchover.yml"),
        ("replica", "restarted", "run playbooks/switchover.yml"),
    ],
)
def test_what_takes_none_needs_a_reason(role: str, reason: str, refused: str) -> None:
    said = permission(role, reason, takes_writes=False)
    assert (refused in said) if refused else said == ""
