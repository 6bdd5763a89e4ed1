"""Which server may be made to take writes, and for which reason."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.promotion import Occasion, permission
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from reading import read


@pytest.mark.parametrize("reason", ["new", "restarted", "failover"])
@pytest.mark.parametrize("role", ["primary", "replica", "read_only", "fresh"])
def test_what_takes_writes_already_may(role: str, reason: str) -> None:
    assert permission(Role(role), Occasion(reason), takes_writes=True) is None


@pytest.mark.parametrize(
    ("role", "reason", "refused"),
    [
        ("fresh", "new", ""),
        ("fresh", "restarted", ""),
        ("read_only", "restarted", ""),
        ("read_only", "failover", ""),
        ("replica", "failover", ""),
        ("read_only", "new", "playbooks/failover.yml -e webstack_primary=<this host>"),
        ("replica", "new", "ansible-playbook playbooks/switchover.yml"),
        ("replica", "restarted", "ansible-playbook playbooks/switchover.yml"),
    ],
)
def test_what_takes_none_needs_a_reason(role: str, reason: str, refused: str) -> None:
    said = read(permission(Role(role), Occasion(reason), takes_writes=False))
    assert (refused in said) if refused else said == ""
