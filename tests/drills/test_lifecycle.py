"""The playbooks run again on a stack that stands: nothing changes, it grows, it heals, it survives mistakes."""

import json
import re

import pytest


def test_second_run_changes_nothing(inventory_copy, inventory):
    run = inventory_copy.play("site.yml")
    assert run.succeeded, run.output
    assert run.changed == dict.fromkeys(inventory.hostvars, 0), run.output


def test_check_mode_finds_nothing_to_change(inventory_copy, inventory):
    run = inventory_copy.play("site.yml", "--check", "--diff")
    assert run.succeeded, run.output
    assert run.changed == dict.fromkeys(inventory.hostvars, 0), run.output


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"haproxy_defaults_extra": ["no_such_keyword"]}, "unknown keyword 'no_such_keyword'"),
        ({"nginx_http_extra": ["no_such_directive on;"]}, 'unknown directive "no_such_directive"'),
        ({"mysql_replication_variables": {"no_such_variable": 1}}, "unknown variable 'no_such_variable"),
    ],
    ids=["haproxy", "nginx", "mysql"],
)
def test_a_broken_configuration_stops_the_play(play, stream, variables, reason):
    """The play fails with the program's own words, and what ran before goes on serving."""
    with stream() as requests:
        run = play("site.yml", "-e", json.dumps(variables))
        requests.more()
    assert not run.succeeded, run.output
    assert re.search(reason, run.output), run.output
    assert requests.failed == []


def test_a_third_web_server_takes_traffic(inventory_copy, inventory, site, remove):
    """One host more in the inventory, one run, and it serves; taken out again, one run, and nothing goes to it."""
    hosts = inventory_copy.hosts()
    groups = [hosts["all"]["children"][group]["hosts"] for group in ("webservers", "appservers")]
    hosts["all"]["hosts"]["web3"] = {"ansible_host": inventory.address("web2").rpartition(".")[0] + ".23"}
    for group in groups:
        group["web3"] = None
    inventory_copy.write("hosts.yml", hosts)
    inventory_copy.converge("lab/up.yml", "site.yml")
    answers = [site.get("/") for _ in range(30)]
    for header in ("X-Web-Server", "X-App-Server"):
        assert {answer.headers[header] for answer in answers} == {"web1", "web2", "web3"}

    for group in groups:
        del group["web3"]
    del hosts["all"]["hosts"]["web3"]
    inventory_copy.write("hosts.yml", hosts)
    inventory_copy.converge("site.yml")
    remove("web3")
    answers = [site.get("/") for _ in range(30)]
    assert {answer.headers["X-Web-Server"] for answer in answers} == {"web1", "web2"}


def test_a_replica_that_lost_everything_is_provisioned(inventory_copy, site, on, remove):
    """The replica's machine is replaced by a bare one: one run, and it has the primary's data and follows it."""
    for number in range(20):
        made = site.post_json("/api/entries", {"name": "drill", "message": f"before the loss {number}"})
        assert made.status == 201, made
    remove("db2")
    inventory_copy.converge("lab/up.yml", "site.yml")
    executed = on("db1").check_output("mysql -NBe 'SELECT @@gtid_executed'").replace("\\n", "")
    arrived = on("db2").check_output("mysql -NBe \"SELECT WAIT_FOR_EXECUTED_GTID_SET('%s', 60)\"", executed)
    assert arrived == "0", "the replica does not catch up"
    checksums = {on(name).check_output("mysql -NBe 'CHECKSUM TABLE guestbook.entry'") for name in ("db1", "db2")}
    assert len(checksums) == 1
    assert not checksums.pop().endswith("NULL")
    assert site.get("/").headers["X-Database-Read"] == "db2"


def test_changing_the_domain_interrupts_nothing(inventory_copy, stream):
    """A site that gets another name and keeps the old one as an alias answers throughout. Red with a check for 200."""
    inventory_copy.write(
        "group_vars/all/zz.yml", {"webstack_domain": "www.example.org", "webstack_aliases": ["www.foobar.com"]}
    )
    with stream() as requests:
        inventory_copy.converge("site.yml")
        requests.more()
        inventory_copy.write("group_vars/all/zz.yml", {})
        inventory_copy.converge("site.yml")
        requests.more()
    assert requests.failed == []
