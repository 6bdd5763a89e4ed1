"""--limit and --tags do what they say, or are refused with the reason."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.module_utils._firewall.outbound import closed, lets_in
from ansible_collections.foobar.webstack.plugins.plugin_utils.groups import (
    GroupError,
    refuse_foreign_limit,
    refuse_unknown_tags,
    table_of,
)

ROOT = Path(__file__).resolve().parents[2]
TABLE = table_of({name: {"required": True, "base": True, "roles": []} for name in ("databases", "webservers")})
MEMBERS = {"all": ["db1", "web1", "printer"], "databases": ["db1"], "webservers": ["web1"], "office": ["printer"]}


@pytest.mark.parametrize(
    "limit", ["", "db1", "web*", "printer,db1", "all", "all:!web1", "!printer", "webservers:&web*"]
)
def test_a_limit_that_leaves_a_host_is_taken(limit):
    refuse_foreign_limit(limit, TABLE, MEMBERS)


@pytest.mark.parametrize("limit", ["webx", "@failed", "~print.*", "office[0]", "2001:db8::1"])
def test_a_limit_that_is_not_understood_is_left_to_ansible(limit):
    refuse_foreign_limit(limit, TABLE, MEMBERS)


@pytest.mark.parametrize("limit", ["printer", "office", "print*", "all:!db1:!web1", "webservers:&office"])
def test_a_limit_to_hosts_that_are_not_the_stack_s_is_refused(limit):
    """Red when every play is skipped and the run ends with 0."""
    with pytest.raises(GroupError, match=r"leaves no host that is in one of the groups databases, webservers"):
        refuse_foreign_limit(limit, TABLE, MEMBERS)


def rule(name: str, direction: str, *addresses: str, protocol: str = "tcp"):
    return {"name": name, "direction": direction, "protocol": protocol, "ports": [3306], "addresses": list(addresses)}


MYSQL = rule("mysql", "out", "192.0.2.31", "192.0.2.32")


@pytest.mark.parametrize(
    ("rules", "left_out", "answering", "expected"),
    [
        ([MYSQL], [], [], []),
        ([MYSQL], ["192.0.2.31"], [], []),
        ([MYSQL], ["192.0.2.31", "192.0.2.32"], [], ["mysql"]),
        ([MYSQL], ["192.0.2.31", "192.0.2.32"], ["192.0.2.32"], []),
        # db2 alone, while db1 is off: it is one of the databases itself.
        ([rule("mysql", "in", "192.0.2.31"), rule("mysql", "out", "192.0.2.31")], ["192.0.2.31"], [], []),
        ([rule("vrrp", "out", "192.0.2.12", protocol="vrrp")], ["192.0.2.12"], [], []),
    ],
    ids=["no limit", "one is in the run", "a new host alone", "one knows it", "a target itself", "no tcp"],
)
def test_a_new_host_alone_is_known_by_those_that_drop_it(rules, left_out, answering, expected):
    assert closed(rules, left_out, lambda address, _port: address in answering) == expected


def test_a_port_that_is_refused_has_been_reached():
    """Catches a run that is refused because the other's program is down."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert lets_in("127.0.0.1", port)
    assert lets_in("127.0.0.1", port)


def run(folder: Path, *options: str) -> tuple[int, str]:
    hosts = {
        "lb1": {"ansible_host": "192.0.2.11"},
        "web1": {"ansible_host": "192.0.2.21"},
        "db1": {"ansible_host": "192.0.2.31", "mysql_role": "primary"},
        "printer": {"ansible_host": "192.0.2.51"},
    }
    groups = {"loadbalancers": "lb1", "webservers": "web1", "appservers": "web1", "databases": "db1"}
    inventory = {
        "hosts": hosts,
        "children": {name: {"hosts": {host: None}} for name, host in groups.items()},
        "vars": {"ansible_ssh_executable": "/bin/false"},
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": inventory}))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            ROOT / "playbooks/site.yml",
            "-i",
            folder / "hosts.yml",
            *options,
        ],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "400"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--limit", "printer"], "--limit printer leaves no host that is in one of the groups"),
        (["--tags", "webb"], "use some of base, database, application, web, dns, loadbalancer, monitoring."),
        (["--skip-tags", "mysql"], "--skip-tags mysql: unknown tag; use some of"),
    ],
)
def test_what_would_do_nothing_is_refused(tmp_path, options, said):
    code, printed = run(tmp_path, *options)
    assert code != 0
    assert said in printed
    assert not (tmp_path / ".secrets.yml").exists()


def test_tags_that_molecule_skips_are_known(tmp_path):
    """Every run of molecule names them. Red where they count as misspelt."""
    _code, printed = run(tmp_path, "--skip-tags", "molecule-notest,notest,molecule-idempotence-notest")
    assert "Check the groups and the variables" in printed
    assert "unknown tag" not in printed


@pytest.mark.parametrize("tags", [["database"], ["always"], ["all", "web"]])
def test_a_verb_is_done_as_a_whole(tags):
    """Red where `switchover.yml --tags database` does nothing and ends with 0."""
    with pytest.raises(GroupError, match=r"^--tags (database|always|web): this playbook is done as a whole; leave out"):
        refuse_unknown_tags(tags, [], [])
    with pytest.raises(GroupError, match="leave out --skip-tags"):
        refuse_unknown_tags(["all"], tags[-1:], [])
    refuse_unknown_tags(["all"], ["molecule-notest", "notest"], [])


PLAYBOOKS = [file for file in sorted((ROOT / "playbooks").glob("*.yml")) if file.stem != "site"]


@pytest.mark.parametrize("file", PLAYBOOKS, ids=lambda file: file.stem)
def test_every_playbook_says_which_tags_it_has(file):
    """Of its first play that is its own; the tiers' are those that the table of groups lists."""
    own = [play for play in yaml.safe_load(file.read_text()) if "hosts" in play]
    tiers = yaml.safe_load((ROOT / "playbooks/group_vars/all/groups.yml").read_text())["__webstack_tags"]
    assert f"tags={'__webstack_tags' if file.stem in [*tiers, 'preflight'] else '[]'})" in own[0]["hosts"]


@pytest.mark.parametrize("tag", ["base", "database", "application", "web", "loadbalancer"])
def test_a_tag_is_a_tier_after_the_preflight(tmp_path, tag):
    """Red for a tier's play without its tag, and for a preflight that --tags leaves out."""
    code, printed = run(tmp_path, "--tags", tag, "--list-tasks")
    assert code == 0, printed
    tasks = [line for line in printed.splitlines() if "TAGS: [" in line and not line.strip().startswith("play #")]
    # Ansible's own check of a role's arguments is always done; it needs no host.
    tasks = [line for line in tasks if "Validating arguments against arg spec" not in line]
    kinds = {line.partition("TAGS: [")[2].rstrip("]") for line in tasks}
    assert kinds == {"always", tag}
