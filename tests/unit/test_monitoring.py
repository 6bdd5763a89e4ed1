"""What Prometheus and Alertmanager are given, and mistakes in the variables of the role monitoring."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.alertmanager_configuration import alertmanager_configuration
from ansible_collections.foobar.webstack.plugins.filter.monitoring_errors import monitoring_errors
from ansible_collections.foobar.webstack.plugins.filter.prometheus_configuration import prometheus_configuration

NODE = {"name": "node", "targets": [{"address": "198.18.0.21:9100", "labels": {"instance": "web1"}}]}
PEOPLE = {"name": "people", "email_configs": [{"to": "people@foobar.com"}]}
PROMETHEUS: dict[str, Any] = {
    "global_settings": {"scrape_interval": "10s"},
    "external_labels": {},
    "jobs": [NODE],
    "scrape_configs": [],
    "alertmanagers": ["127.0.0.1:9093"],
    "rule_files": ["/rules/a.yml"],
    "prober": "127.0.0.1:9115",
}
ALERTMANAGER: dict[str, Any] = {
    "smtp": {},
    "receivers": [PEOPLE],
    "route": {},
    "inhibit_rules": [],
    "watchdog_file": "",
}


def scraped(**more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = prometheus_configuration(PROMETHEUS | more)["scrape_configs"]
    return found


def test_a_target_has_its_labels() -> None:
    [job] = scraped()
    assert job["job_name"] == "node"
    assert job["static_configs"] == [{"targets": ["198.18.0.21:9100"], "labels": {"instance": "web1"}}]
    assert job["sample_limit"] > 0, "a target that is broken would fill the disk"


def test_what_is_probed_is_asked_for_by_the_prober() -> None:
    probe = {"module": "site", "hostname": "www.foobar.com"}
    [job] = scraped(jobs=[{**NODE, "probe": probe, "interval": "5s"}])
    assert job["params"] == {"module": ["site"], "hostname": ["www.foobar.com"]}
    assert job["scrape_interval"] == "5s"
    assert job["relabel_configs"][-1] == {"target_label": "__address__", "replacement": "127.0.0.1:9115"}


def test_a_target_that_asks_who_asks() -> None:
    access = {"scheme": "https", "tls_config": {"ca_file": "/ca.pem"}, "basic_auth": {"username": "webstack"}}
    [job] = scraped(jobs=[{**NODE, **access}])
    assert access.items() <= job.items()
    assert not access.keys() & scraped()[0].keys()


def test_jobs_of_the_user_s_own_come_as_they_are() -> None:
    own = {"job_name": "own", "static_configs": [{"targets": ["a:1"]}], "honor_labels": True}
    assert scraped(scrape_configs=[own])[-1] == own


def test_external_labels() -> None:
    made = prometheus_configuration(PROMETHEUS | {"external_labels": {"site": "berlin"}})
    assert made["global"] == {"scrape_interval": "10s", "external_labels": {"site": "berlin"}}


def told(**more: Any) -> dict[str, Any]:
    return alertmanager_configuration(ALERTMANAGER | more)


def test_everything_goes_to_the_first_receiver_but_the_watchdog() -> None:
    made = told()
    assert made["route"]["receiver"] == "people"
    assert made["route"]["routes"] == [{"matchers": ['alertname="Watchdog"'], "receiver": "nobody"}]
    assert [receiver["name"] for receiver in made["receivers"]] == ["people", "nobody"]


def test_nobody_is_told_where_nobody_is_named() -> None:
    made = told(receivers=[])
    assert made["route"]["receiver"] == "nobody"
    assert made["receivers"] == [{"name": "nobody"}]


def test_the_dead_man_s_switch_gets_the_watchdog_and_nothing_else() -> None:
    """Every minute; red if people were sent an alert a minute, or the switch were told of a disk."""
    made = told(watchdog_file="/secrets/watchdog", route={"routes": [{"receiver": "people"}], "group_wait": "1s"})
    watchdog, other = made["route"]["routes"]
    assert (watchdog["receiver"], watchdog["repeat_interval"], other) == ("watchdog", "1m", {"receiver": "people"})
    assert made["route"]["group_wait"] == "1s"
    [receiver] = [receiver for receiver in made["receivers"] if receiver["name"] == "watchdog"]
    assert receiver["webhook_configs"] == [{"url_file": "/secrets/watchdog", "send_resolved": False}]


def test_mail() -> None:
    assert told(smtp={"from": "a@foobar.com"})["global"] == {"smtp_from": "a@foobar.com"}


def test_a_host_that_is_down_is_told_of_alone() -> None:
    first = told(inhibit_rules=[{"equal": ["x"]}])["inhibit_rules"]
    assert first[0]["source_matchers"] == ['alertname="HostDown"']
    assert first[0]["equal"] == ["instance"]
    assert first[-1] == {"equal": ["x"]}


GOOD: dict[str, Any] = {
    "listen": {"monitoring_prometheus_web_listen_address": "127.0.0.1:9090"},
    "times": {"monitoring_prometheus_storage_retention": "15d"},
    "sizes": {"monitoring_prometheus_storage_retention_size": "2GB", "monitoring_prometheus_memory_max": "768M"},
    "jobs": [NODE],
    "scrape_configs": [{"job_name": "own"}],
    "receivers": [PEOPLE],
    "route": {"receiver": "people", "routes": [{"receiver": "nobody"}]},
    "smtp": {"auth_password_file": "/etc/prometheus/webstack/secrets/mail"},
    "secrets": ["mail"],
    "watchdog_url": "https://hc.example.com/1",
    "objective": 99.9,
    "virtual_addresses": ["198.18.0.10", "fd00::10"],
    "users": {"webstack": "correct horse battery"},
    "external_url": "https://mon1:9090/",
}
PLAIN = {"name": "chat", "webhook_configs": [{"http_config": {"basic_auth": {"password": "x"}}}]}


def test_what_is_right_is_not_reported() -> None:
    assert monitoring_errors(GOOD) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"listen": {"monitoring_x": "mon1:9090"}}, 'monitoring_x is "mon1:9090"; give an address and a port'),
        ({"times": {"monitoring_x": "15 days"}}, 'monitoring_x is "15 days"; give a time such as 15d.'),
        ({"sizes": {"monitoring_x": "lots"}}, 'monitoring_x is "lots"; give a size such as 512M.'),
        ({"objective": 100}, "monitoring_objective is 100; give a percentage from 50 to below 100"),
        ({"objective": 0.999}, "monitoring_objective is 0.999; give a percentage"),
        ({"virtual_addresses": ["lb"]}, 'monitoring_virtual_addresses has "lb"; give bare'),
        ({"jobs": [NODE, NODE]}, "monitoring_jobs and monitoring_prometheus_scrape_configs: two have the name node"),
        ({"scrape_configs": [{"job_name": "node"}]}, "two have the name node; give each its own."),
        ({"scrape_configs": [{}]}, "monitoring_prometheus_scrape_configs: one has no job_name; give each one."),
        ({"users": {"a:b": "correct horse battery"}}, 'basic_auth_users has "a:b"; use letters, digits, -, _ and'),
        ({"users": {"webstack": "short"}}, "the password of webstack is not valid; give 12 to 72 letters, digits"),
        ({"users": {"webstack": "p" * 73}}, "the password of webstack is not valid"),
        ({"external_url": "mon1:9090"}, "monitoring_prometheus_web_external_url is not a URL; give one that begins"),
        ({"secrets": ["a/b"]}, 'monitoring_secrets has "a/b"; use letters'),
        ({"secrets": ["watchdog"]}, "monitoring_secrets has watchdog, which is of monitoring_alertmanager_watchdog"),
        ({"watchdog_url": "hc.example.com"}, "monitoring_alertmanager_watchdog_url is not a URL; give one that"),
        ({"receivers": [PEOPLE, PEOPLE]}, "monitoring_alertmanager_receivers: two have the name people; give"),
        ({"receivers": [PEOPLE, {}]}, "monitoring_alertmanager_receivers: one has no name; give each one."),
        ({"receivers": [PEOPLE, {"name": "nobody"}]}, "has nobody, which the role makes itself; use another name."),
        ({"route": {"routes": [{"receiver": "peple"}]}}, "monitoring_alertmanager_route names peple; add it to"),
        ({"receivers": [PEOPLE, PLAIN]}, "password of a receiver, or of monitoring_alertmanager_smtp, is a secret"),
        ({"smtp": {"auth_password": "x"}}, "give auth_password_file: /etc/prometheus/webstack/secrets/<its name>."),
    ],
)
def test_a_mistake_is_reported_once(wrong: dict[str, Any], said: str) -> None:
    [found] = monitoring_errors(GOOD | wrong)
    assert said in found


@pytest.mark.parametrize("made", [prometheus_configuration, alertmanager_configuration, monitoring_errors])
def test_data_of_another_shape_is_refused(made: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"\w+: .*unexpected keyword argument 'colour'"):
        made({"colour": "red"})
