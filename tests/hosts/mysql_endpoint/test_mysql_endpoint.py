"""What holds on the database servers of any inventory: each says what it is, and the source has a heartbeat."""

import json
import re
import time

import pytest
import testinfra
from connection import send_from

testinfra_hosts = ["ansible://databases"]

UNIT = "/etc/systemd/system/mysql-endpoint.service"


def ask(host, path):
    """Of the service on this host, whatever name the certificate has: that is for those who route to verify."""
    unit = host.file(UNIT).content_string
    port, tls = int(re.search(r"--port=(\d+)", unit)[1]), {} if "--certificate=" in unit else None
    (answer,) = send_from(host, port=port, path=path, tls=tls, timeout=10)
    assert answer.status, answer.error
    return answer.status, answer.text.strip()


def state(host):
    status, body = ask(host, "/state")
    assert status == 200, body
    return json.loads(body)


def value(host, expression):
    # As JSON, because a GTID set has line breaks.
    text = host.check_output("mysql --batch --raw --skip-column-names --execute=%s", f"SELECT JSON_ARRAY({expression})")
    return json.loads(text)[0]


@pytest.fixture(scope="module")
def servers(request):
    """Every database server of the inventory by name."""
    inventory = request.config.getoption("--ansible-inventory")
    return {host.backend.host: host for host in testinfra.get_hosts(testinfra_hosts, ansible_inventory=inventory)}


def eventually(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.2)


def test_it_says_what_the_server_says(host):
    """Of the server's variables, not of what the host was to be."""
    seen = state(host)
    read_only, super_read_only = value(host, "@@read_only"), value(host, "@@super_read_only")
    assert (seen["read_only"], seen["super_read_only"]) == (bool(read_only), bool(super_read_only))
    assert seen["writable"] == (not (read_only or super_read_only))
    assert seen["server_uuid"] == value(host, "@@server_uuid")
    assert ask(host, "/primary")[0] == (200 if seen["writable"] else 503)


def test_exactly_one_is_the_primary_and_the_others_are_replicas(servers):
    primaries = [name for name, host in servers.items() if ask(host, "/primary")[0] == 200]
    assert len(primaries) == 1
    for name, host in servers.items():
        if name not in primaries:
            eventually(lambda host=host: ask(host, "/replica")[0] == 200, f"{name} to be a replica to read from")


def test_the_source_s_heartbeat_is_on_every_server_and_goes_on(servers):
    (source,) = [host for host in servers.values() if ask(host, "/primary")[0] == 200]
    uuid = state(source)["server_uuid"]
    for name, host in servers.items():
        first = state(host)["heartbeat"]
        assert first["server_uuid"] == uuid, name
        eventually(
            lambda host=host, first=first: state(host)["heartbeat"]["written"] > first["written"],
            f"{name}: the next heartbeat",
        )


def test_what_is_on_the_replica_is_proven(servers):
    """Confirmations advance, as long as a replica acknowledges. In a group, each heartbeat that is committed is one."""
    if len(servers) == 1:
        return
    (source,) = [host for host in servers.values() if ask(host, "/primary")[0] == 200]
    if state(source)["group"]:
        written = state(source)["heartbeat"]["written"]
        eventually(lambda: state(source)["heartbeat"]["written"] > written, "the next heartbeat")
        return
    eventually(lambda: (state(source)["heartbeat"] or {}).get("confirmed"), "a confirmation")
    first = state(source)["heartbeat"]
    assert first["semi_sync"] is True
    eventually(lambda: state(source)["heartbeat"]["confirmed"] > first["confirmed"], "the next confirmation")


def test_the_account_may_do_what_it_does_and_no_more(host):
    granted = host.check_output(
        "mysql --batch --raw --skip-column-names --execute=%s", "SHOW GRANTS FOR 'mysql-endpoint'@'localhost'"
    )
    assert sorted(re.sub(r" TO .*", "", line) for line in granted.splitlines()) == [
        "GRANT REPLICATION CLIENT ON *.*",
        "GRANT SELECT ON `performance_schema`.*",
        "GRANT SELECT ON `webstack`.*",
        "GRANT SELECT, INSERT, UPDATE ON `webstack`.`heartbeat`",
    ]


def test_the_service_is_there_after_a_boot_and_can_do_little(host):
    service = host.service("mysql-endpoint")
    assert (service.is_running, service.is_enabled) == (True, True)
    verdict = host.check_output("systemd-analyze security --no-pager mysql-endpoint.service")
    assert float(re.search(r"Overall exposure level.*: ([\d.]+)", verdict)[1]) <= 3.0, verdict
