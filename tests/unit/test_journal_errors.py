"""Mistakes in the variables of the role journal: each is reported once, with the variable and what to write."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.journal_errors import journal_errors

TLS = {"certificate": "/tls/certificate.pem", "key": "/tls/key.pem", "ca": "/tls/ca.pem"}
RECEIVER = {"name": "web2", "address": "198.18.0.22"}
GOOD: dict[str, Any] = {
    "sizes": {"journal_max_use": "1G", "journal_remote_max_use": "500M"},
    "max_retention": "1month",
    "rate_limit_burst": 10000,
    "receivers": [RECEIVER, {"name": "mon-2.example", "address": "fd00::22", "port": 19533}],
    "listen": {"address": "198.18.0.11"},
    "senders": ["web2", "db1.example"],
    "tls": TLS,
}


def test_what_is_right_is_not_reported() -> None:
    assert journal_errors(GOOD) == []
    assert journal_errors(GOOD | {"receivers": [], "listen": {}, "senders": [], "tls": {}}) == []
    assert journal_errors(GOOD | {"listen": {"address": "*", "port": 1}, "max_retention": "0"}) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sizes": {"journal_max_use": "1 GB"}}, 'journal_max_use is "1 GB"; give a size such as 1G or 500M.'),
        ({"max_retention": "for ever"}, 'journal_max_retention is "for ever"; give a time such as 1month or 14day'),
        ({"rate_limit_burst": 0}, "journal_rate_limit_burst is 0; give the entries that a service may write"),
        ({"receivers": [RECEIVER | {"name": "a b"}]}, 'journal_receivers has the name "a b"; use letters, digits'),
        ({"receivers": [RECEIVER, RECEIVER]}, 'journal_receivers has 2 entries named "web2"; give each host one.'),
        ({"receivers": [RECEIVER | {"address": "*"}]}, 'journal_receivers: "web2" has the address "*"; give a bare'),
        ({"receivers": [RECEIVER | {"port": 0}]}, 'journal_receivers: "web2" has the port "0"; give one from 1 to'),
        ({"listen": {"address": "web1"}}, 'journal_listen has the address "web1"; give a bare IPv4 or IPv6 address.'),
        ({"listen": {"port": 1}}, 'journal_listen has the address ""; give a bare IPv4 or IPv6 address.'),
        ({"senders": []}, "journal_listen is set and journal_senders is empty; list the hosts that may send"),
        ({"senders": ["198.18.0.11"]}, 'journal_senders has "198.18.0.11", which no certificate can have as a name'),
        ({"tls": {}}, "journal_receivers is set and journal_tls is empty; give certificate, key and ca"),
        ({"tls": {}, "receivers": []}, "journal_listen is set and journal_tls is empty; give certificate, key and ca"),
    ],
)
def test_a_mistake_is_reported_once(wrong: dict[str, Any], said: str) -> None:
    found = journal_errors(GOOD | wrong)
    assert len(found) == 1, found
    assert said in found[0]


@pytest.mark.parametrize("wrong", [{"nothing": 1}, {"receivers": [{}]}])
def test_data_of_another_shape_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="journal_errors: "):
        journal_errors(GOOD | wrong)
