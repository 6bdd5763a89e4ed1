"""An ACME server's question reaches whoever has asked, wherever it comes in, and never goes in circles."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.acme_routing import acme_routing
from ansible_collections.foobar.webstack.plugins.filter.dns_challenges import dns_challenges
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import configuration

HOSTVARS = {"lb1": {"ansible_host": "198.18.0.11"}, "lb2": {"ansible_host": "198.18.0.12"}}


def of(hosts: list[str], host: str = "lb1") -> dict[str, Any]:
    return acme_routing(hosts, HOSTVARS, host, "127.0.0.1", 8402)


def test_the_only_load_balancer_asks_its_own_client() -> None:
    found = of(["lb1"])
    assert [backend["name"] for backend in found["backends"]] == ["acme"]
    [server] = found["backends"][0]["servers"]
    assert server == {"name": "lego", "address": "127.0.0.1", "port": 8402, "check": False}
    assert [route["backend"] for route in found["routes"]] == ["acme"]


def test_a_question_that_was_passed_on_goes_no_further() -> None:
    """Red where the relayed one meets the backend with the others: two load balancers would pass it on for ever."""
    found = of(["lb1", "lb2"], "lb2")
    backends = {backend["name"]: backend for backend in found["backends"]}
    assert [server["name"] for server in backends["acme"]["servers"]] == ["lego", "lb1"]
    assert [server["name"] for server in backends["acme-here"]["servers"]] == ["lego"]
    first, second = found["routes"]
    assert first["backend"] == "acme-here"
    assert "req.hdr(X-ACME-Relayed) -m found" in first["condition"]
    assert second["backend"] == "acme"
    assert backends["acme"]["http_request"] == ["set-header X-ACME-Relayed 1"]


def test_every_wrong_answer_is_tried_elsewhere() -> None:
    """A client that has not asked refuses the connection, or answers 404; another HAProxy says 503 for the former."""
    backend = of(["lb1", "lb2"])["backends"][0]
    assert {"conn-failure", "404", "503"} <= set(backend["retry_on"])
    assert backend["redispatch"] == 1
    assert backend["retries"] >= len(backend["servers"]) - 1
    configuration([], of(["lb1", "lb2"])["backends"], [], {})


def test_one_that_is_in_the_network_of_the_proxies_speaks_as_they_do() -> None:
    """Its connection would be refused else: a balancer of the provider's often has addresses of the same network."""

    def extras(*proxies: str) -> list[Any]:
        found = acme_routing(["lb1", "lb2"], HOSTVARS, "lb1", "127.0.0.1", 8402, list(proxies))
        return [server.get("extra", []) for server in found["backends"][0]["servers"]]

    assert extras() == extras("192.0.2.0/24", "2001:db8::/32") == [[], []]
    assert extras("192.0.2.0/24", "198.18.0.0/24") == [[], ["send-proxy-v2"]]
    assert extras("198.18.0.11") == [[], ["send-proxy-v2"]]


def test_a_load_balancer_without_an_address_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="lb3"):
        of(["lb1", "lb3"])


class TestChallenges:
    """By records of the own zone (DNS-01)."""

    def test_a_wildcard_and_the_name_below_it_share_a_record(self) -> None:
        """Red where the record is looked for at _acme-challenge.*.foobar.com, which nobody asks for."""
        found = dns_challenges(["foobar.com", "*.foobar.com", "www.bücher.foobar.com"], "foobar.com", ["lb1"])
        assert found == ["_acme-challenge.foobar.com", "_acme-challenge.www.xn--bcher-kva.foobar.com"]

    @pytest.mark.parametrize(
        ("names", "servers", "wanted"),
        [(["www.foobar.com"], ["lb1"], None), (["*.foobar.com"], ["lb1"], False), (["*.foobar.com"], [], None)],
    )
    def test_otherwise_the_names_are_proven_by_http(
        self, names: list[str], servers: list[str], wanted: bool | None
    ) -> None:
        assert dns_challenges(names, "foobar.com", servers, wanted) == []

    def test_it_can_be_wanted_without_a_wildcard(self) -> None:
        assert dns_challenges(["www.foobar.com"], "foobar.com", ["lb1"], True) == ["_acme-challenge.www.foobar.com"]

    @pytest.mark.parametrize(
        ("names", "servers", "said"),
        [
            (["*.foobar.com", "www.foobar.net"], ["lb1"], "www.foobar.net cannot be proven by a record of the zone"),
            (["www.foobar.com"], [], "webstack_dns_acme is true, and the group dns has no host"),
        ],
    )
    def test_what_cannot_be_proven_is_refused(self, names: list[str], servers: list[str], said: str) -> None:
        with pytest.raises(AnsibleFilterError, match=said):
            dns_challenges(names, "foobar.com", servers, True)
