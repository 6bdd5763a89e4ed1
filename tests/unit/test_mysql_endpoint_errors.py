"""Mistakes in the variables of the role mysql_endpoint: each is reported once, with the variable and what to write."""

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.mysql_endpoint_errors import mysql_endpoint_errors

ROLE = Path(__file__).resolve().parents[2] / "roles/mysql_endpoint"
GOOD = {"address": "*", "port": 3308, "tls": {}, "max_lag": 5}


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"address": "198.18.0.31"},
        {"address": "2001:db8::31"},
        {"tls": {"certificate": "/c", "key": "/k"}},
        {"max_lag": 0.5},
        {"reopen": True, "ca": "/ca.pem", "peers": [{"name": "db2", "address": "198.18.0.32", "port": 3309}]},
        {"reopen": True, "ca": "/ca.pem", "peers": [{"name": "db2", "address": "2001:db8::32"}]},
    ],
)
def test_good_variables_have_no_errors(good) -> None:
    assert mysql_endpoint_errors(GOOD | good) == []


def test_the_role_s_defaults_are_good() -> None:
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    assert mysql_endpoint_errors({name.removeprefix("mysql_endpoint_"): at for name, at in defaults.items()}) == []


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"address": "[2001:db8::31]"}, 'mysql_endpoint_address: "[2001:db8::31]" is not a valid address; use'),
        ({"address": "db1"}, 'mysql_endpoint_address: "db1" is not a valid address; use'),
        ({"port": 0}, "mysql_endpoint_port: 0 is not a valid port; use 1 to 65535."),
        ({"port": 65536}, "mysql_endpoint_port: 65536 is not a valid port; use 1 to 65535."),
        ({"tls": {"certificate": "/c"}}, "mysql_endpoint_tls has no key; set both"),
        ({"tls": {"key": "/k"}}, "mysql_endpoint_tls has no certificate; set both"),
        ({"reopen": True}, "mysql_endpoint_reopen is true without mysql_endpoint_ca; name the file"),
        ({"peers": [{"name": "db 2", "address": "198.18.0.32"}]}, 'mysql_endpoint_peers: "db 2" is not a valid name'),
        ({"peers": [{"name": "db2", "address": "db2"}]}, 'mysql_endpoint_peers: db2: "db2" is not a valid address'),
        ({"peers": [{"name": "db2", "address": "::1", "port": 0}]}, "mysql_endpoint_peers: db2: 0 is not a valid port"),
        ({"max_lag": 0}, "mysql_endpoint_max_lag is 0; use more than 0 seconds."),
    ],
)
def test_a_mistake_is_named_with_its_fix(bad, error) -> None:
    (found,) = mysql_endpoint_errors(GOOD | bad)
    assert found.startswith(error)


def test_every_mistake_is_reported_at_once() -> None:
    assert len(mysql_endpoint_errors({"address": "", "port": 0, "tls": {"key": "/k"}, "max_lag": -1})) == 4


def test_data_of_another_shape_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"mysql_endpoint_errors: .*unexpected keyword argument 'colour'"):
        mysql_endpoint_errors(GOOD | {"colour": "red"})
