"""The rules that cut a lost server off, and when a service counts as stopped."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.fence import addresses_in, is_stopped, rules


def test_addresses_are_dropped_in_both_directions() -> None:
    text = rules(["198.18.0.31", "2001:db8::31"])
    for rule in ("ip saddr 198.18.0.31", "ip daddr 198.18.0.31", "ip6 saddr 2001:db8::31", "ip6 daddr 2001:db8::31"):
        assert f"{rule} drop\n" in text
    assert addresses_in(text) == ["198.18.0.31", "2001:db8::31"]
    assert text.splitlines()[:2] == ["table inet webstack_fence", "delete table inet webstack_fence"]


def test_no_address_leaves_no_table() -> None:
    assert rules([]).splitlines() == ["table inet webstack_fence", "delete table inet webstack_fence"]


@pytest.mark.parametrize("address", ["db1", "198.18.0.0/24", "198.18.0.31; flush ruleset"])
def test_anything_but_an_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        rules([address])


@pytest.mark.parametrize(
    ("state", "sub", "pid", "load", "stopped"),
    [
        ("inactive", "dead", "0", "loaded", True),
        ("failed", "failed", "0", "loaded", True),
        ("inactive", "dead", "0", "not-found", True),
        ("active", "running", "88", "loaded", False),
        ("deactivating", "stop-sigterm", "88", "loaded", False),
        ("activating", "auto-restart", "0", "loaded", False),
        ("failed", "failed", "88", "loaded", False),
    ],
)
def test_stopped_is_what_does_not_run_and_does_not_start_again(
    state: str, sub: str, pid: str, load: str, stopped: bool
) -> None:
    status = {"ActiveState": state, "SubState": sub, "MainPID": pid, "LoadState": load}
    assert is_stopped(status) is stopped
    assert is_stopped({}) is False
