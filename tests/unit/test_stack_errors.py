"""The filter that checks the variables of the whole stack."""

import re
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.stack_errors import stack_errors
from ansible_collections.foobar.webstack.plugins.modules.app_release import NAME
from ansible_collections.foobar.webstack.plugins.plugin_utils.stack import RULES
from hypothesis import given
from hypothesis import strategies as st

SPECIFICATION = Path(__file__).resolve().parents[2] / "playbooks/meta/argument_specs.yml"
OPTIONS = yaml.safe_load(SPECIFICATION.read_text())["argument_specs"]["main"]["options"]
FILES = {"provider": "files", "certificate": "/chain.pem", "key": "/key.pem"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("webstack_domain", "shop.example"),
        ("webstack_domain", "a" * 253),
        ("webstack_domain", "xn--bcher-kva.example"),
        ("webstack_aliases", ["shop.example"]),
        ("webstack_aliases", ["*.shop.example", "xn--e1afmkfd.xn--p1ai", "192.0.2.1", "2001:db8::1"]),
        ("webstack_app_name", "shop_2"),
        ("webstack_app_port", 1024),
        ("webstack_app_port", "65535"),
        ("webstack_health_uri", "/health?full=1"),
        ("webstack_max_body_size", "10m"),
        ("webstack_max_header_size", "16384"),
        ("webstack_response_timeout", 300),
        ("webstack_drain_timeout", "10m"),
        ("webstack_trusted_proxies", ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"]),
        ("webstack_lb_health", {}),
        ("webstack_lb_health", {"port": 8090, "sources": ["192.0.2.0/24", "2001:db8::7"]}),
        ("webstack_database_charset", "utf8mb4"),
        ("webstack_database_charset", "koi8r"),
        ("webstack_database_collation", "utf8mb4_unicode_520_ci"),
        ("webstack_certificate", {}),
        ("webstack_certificate", FILES),
    ],
)
def test_good_values_have_no_errors(variable, value):
    assert stack_errors({variable: value}) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("webstack_domain", "https://shop.example/"),
        ("webstack_domain", "shop.example\n"),
        ("webstack_domain", "-shop"),
        ("webstack_aliases", "shop.example"),
        ("webstack_aliases", {"shop.example": None}),
        ("webstack_aliases", ["https://shop.example"]),
        ("webstack_aliases", [None]),
        ("webstack_app_name", "Shop"),
        ("webstack_app_name", "a" * 25),
        ("webstack_app_name", "my-shop"),
        ("webstack_app_name", "mysql"),
        ("webstack_app_name", "backup"),
        ("webstack_app_port", 80),
        ("webstack_app_port", "80"),
        ("webstack_app_port", 65536),
        ("webstack_health_uri", "health"),
        ("webstack_health_uri", "/health check"),
        ("webstack_max_body_size", "ten"),
        ("webstack_max_body_size", "0"),
        ("webstack_max_header_size", 8192),
        ("webstack_max_header_size", 65536),
        ("webstack_response_timeout", 0),
        ("webstack_drain_timeout", "0s"),
        ("webstack_drain_timeout", "1h 30m"),
        ("webstack_trusted_proxies", ["192.0.2.0/24", "cdn.example"]),
        ("webstack_trusted_proxies", ["0.0.0.0/0"]),
        ("webstack_trusted_proxies", ["::/0"]),
        ("webstack_lb_health", {"port": 0, "sources": []}),
        ("webstack_lb_health", {"port": 8090, "sources": ["balancer.example"]}),
        ("webstack_database_charset", "utf8"),
        ("webstack_database_charset", "utf16"),
        ("webstack_database_collation", "latin1_swedish_ci"),
        ("webstack_proxy_protocol", True),
        ("webstack_certificate", {"provider": "files", "key": "/key.pem"}),
    ],
)
def test_an_error_names_the_variable_and_the_fix(variable, value):
    """Catches a rule that accepts whatever it is given."""
    [error] = stack_errors({variable: value})
    assert error.startswith(f"{variable} is ")
    assert "; in the inventory's group_vars/all, set it to " in error


@pytest.mark.parametrize(
    ("variable", "value", "written"),
    [
        ("webstack_domain", "bücher.example", '"xn--bcher-kva.example"'),
        ("webstack_domain", "www.straße.example", '"www.xn--strae-oqa.example"'),
        ("webstack_domain", "Пример.рф", '"xn--e1afmkfd.xn--p1ai"'),
        ("webstack_aliases", ["shop.example", "*.Bücher.example"], '["shop.example", "*.xn--bcher-kva.example"]'),
        ("webstack_aliases", ["bu\u0308cher.example"], '["xn--bcher-kva.example"]'),
    ],
)
def test_internationalized_names_are_written_in_ascii(variable, value, written):
    """As DNS and certificates have them. Red with Python's own codec, which makes ss of ß: another name."""
    [error] = stack_errors({variable: value})
    assert error.endswith(f"set it to the ASCII form {written}.")
    shown = value if isinstance(value, str) else value[-1]
    assert shown in error


@given(st.from_regex(r"[a-z][a-z0-9_-]{0,30}", fullmatch=True))
def test_a_name_that_the_preflight_lets_pass_can_be_released(name):
    """my_shop got as far as the release, when SSH, firewall and databases were made."""
    if stack_errors({"webstack_app_name": name}) == []:
        assert NAME.fullmatch(name)


@pytest.mark.parametrize(
    ("secret", "length", "error"),
    [
        ("mysql_replication", 33, "webstack_secrets.mysql_replication: the replication password has 33 characters"),
        ("mysql_application", 257, "webstack_secrets.mysql_application: the password has 257 bytes"),
        ("backup_repository", 300, ""),
        ("mysql_replication", 32, ""),
    ],
)
def test_passwords_that_mysql_does_not_take(secret, length, error):
    """Red when a run stops in the middle, with the accounts made."""
    found = stack_errors({"webstack_secrets": {secret: "x" * length}})
    assert len(found) == bool(error)
    assert "".join(found).startswith(error)


@pytest.mark.parametrize(
    ("password", "good"), [("p" * 12, True), ("p" * 72, True), ("p" * 11, False), ("p" * 73, False)]
)
def test_a_password_of_the_pages_that_is_no_password(password, good):
    """Red when the monitoring host says so at the end of a run. The password is not repeated."""
    found = stack_errors({"webstack_secrets": {"monitoring_page": password}})
    assert found == (
        []
        if good
        else ["webstack_secrets.monitoring_page is not valid; give 12 to 72 letters, digits and signs of ASCII."]
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"webstack_monitoring_sources": ["192.0.2.0/24", "2001:db8::1"], "webstack_monitoring_port": 9443}, ""),
        ({"webstack_monitoring_sources": []}, ""),
        (
            {"webstack_monitoring_sources": ["office"]},
            "set it to a list of addresses and networks such as [192.0.2.0/24]",
        ),
        ({"webstack_monitoring_port": 0}, "set it to a port from 1 to 65535"),
    ],
)
def test_who_reaches_the_pages(given, said):
    found = stack_errors(given)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_database_hosts_share_the_endpoint_s_port():
    assert stack_errors({}, endpoint_ports=[3308]) == []
    [error] = stack_errors({}, endpoint_ports=[3308, 3309])
    assert error.startswith("mysql_endpoint_port is [3308, 3309]; ")


def test_acme_needs_an_address():
    acme = {"webstack_certificate": {"provider": "acme"}}
    assert stack_errors(acme, acme_email="operator@example.com") == []
    [error] = stack_errors(acme)
    assert error.startswith('certificates_acme_email is ""; ')


@pytest.mark.parametrize("true", [True, "yes"])
def test_proxy_headers_come_from_somebody_and_not_over_quic(true):
    """Whom they are expected of stands in one variable, and HTTP/3 has none."""
    trusted = {"webstack_proxy_protocol": true, "webstack_trusted_proxies": ["192.0.2.0/24"]}
    assert stack_errors(trusted) == []
    assert stack_errors(trusted | {"webstack_http3": False}) == []
    assert stack_errors({"webstack_proxy_protocol": False}) == []
    [error] = stack_errors(trusted | {"webstack_http3": true})
    assert "webstack_http3 to false" in error
    [error] = stack_errors({"webstack_proxy_protocol": true, "webstack_trusted_proxies": []})
    assert "webstack_trusted_proxies" in error


def test_a_wrong_type_is_all_that_is_said():
    """The rules are for values of the right type: red if one ran into a string where it expects a dict."""
    assert stack_errors({"webstack_certificate": "acme"}, ["it is not a dict"]) == ["it is not a dict."]


def test_rules_are_for_variables_that_there_are():
    """Catches a rule whose variable was renamed: it would accept everything from then on."""
    assert {rule.variable for rule in RULES} <= set(OPTIONS)


def test_the_wiring_makes_numbers_and_booleans_of_text():
    """With -e and in an INI inventory every value is a string, which passes: red if a role were to get it as it is."""
    wiring = "".join(file.read_text() for file in (SPECIFICATION.parents[1] / "group_vars/all").glob("*.yml"))
    for name, option in OPTIONS.items():
        if option["type"] in ("int", "bool"):
            uses = re.findall(rf"\b{name} \| default\(.*?\)(.*)", wiring)
            assert uses, f"{name} is used nowhere in group_vars/all, or without a default"
            for use in uses:
                assert use.startswith(f" | {option['type']}"), f"{name}{use}: convert it with | {option['type']}"


def test_defaults_are_good():
    defaults = {name: option["default"] for name, option in OPTIONS.items() if "default" in option}
    assert stack_errors(defaults) == []


def test_what_is_no_dict_is_refused():
    with pytest.raises(AnsibleFilterError, match="give a dict"):
        stack_errors(["webstack_domain"])
