"""Whether an address is one of the host's own."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._firewall import interfaces


def test_an_address_of_an_interface_is_the_hosts_own() -> None:
    assert interfaces.has("127.0.0.1")


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7"])
def test_another_address_is_not(address: str) -> None:
    """Documentation's addresses: nobody has them."""
    assert not interfaces.has(address)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="lb1"):
        interfaces.has("lb1")
