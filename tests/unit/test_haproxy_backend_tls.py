"""Backends over TLS: every server is to be verified by its inventory name."""

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.haproxy_backend import haproxy_backend
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import proxies

HOSTVARS = {"web1": {"ansible_host": "198.18.0.21"}, "web2": {"ansible_host": "2001:db8::22"}}


def backend(hostvars: dict[str, Any] = HOSTVARS, **options: Any) -> dict[str, Any]:
    return haproxy_backend(list(hostvars), hostvars, name="web", port=443, **options)


def test_servers_are_verified_by_their_inventory_names() -> None:
    result = backend(tls={"ca_file": "/etc/webstack/tls/ca.pem"}, balance="source")
    assert [server["tls_name"] for server in result["servers"]] == ["web1", "web2"]
    assert result["tls"] == {"ca_file": "/etc/webstack/tls/ca.pem"}
    assert result["balance"] == "source"
    json.dumps(result)


def test_empty_tls_is_tls_with_the_defaults() -> None:
    """Catches a test for truth where one for presence is meant: the traffic would be plain."""
    result = backend(tls={})
    assert result["tls"] == {}
    assert all("tls_name" in server for server in result["servers"])


def test_without_tls_nothing_speaks_of_it() -> None:
    result = backend()
    assert "tls" not in result
    assert not any("tls_name" in server for server in result["servers"])


def test_the_caller_s_dict_is_not_the_result_s() -> None:
    given: dict[str, Any] = {}
    backend(tls=given)["tls"]["verify"] = False
    assert given == {}


@pytest.mark.parametrize("tls", [True, "yes", ["/etc/ca.pem"], "/etc/ca.pem", 0, ""])
def test_tls_is_a_dict(tls: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^backend web: tls is .*; write a dict such as "):
        backend(tls=tls)


@pytest.mark.parametrize("name", ["198.18.0.21", "2001:db8::21"])
def test_an_address_cannot_be_verified(name: str) -> None:
    """HAProxy compares names only, so that server would be down for ever, and nobody would know why."""
    with pytest.raises(AnsibleFilterError) as caught:
        backend({name: {}}, tls={})
    assert str(caught.value).endswith(
        f"backend web: HAProxy cannot verify the certificate of {name}, an address; "
        "give the host a name in the inventory and the address as its webstack_address"
    )
    assert backend({name: {}})["servers"][0]["address"] == name


def test_data_class_has_it_too() -> None:
    [server] = proxies.backend_servers(["web1"], HOSTVARS, name="web", port=443, tls=True)
    assert server.tls_name == "web1"
