"""The picture of a site: what it shows, in which words of Graphviz, and that the ones in docs/ are those of today."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.site_graph import site_graph
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.graph import End, Kind, Site, graph

ROOT = Path(__file__).resolve().parents[2]
EVERYBODY = ["0.0.0.0/0", "::/0"]

GROUPS = {
    "loadbalancers": ["lb1", "lb2"],
    "webservers": ["web1", "web2"],
    "appservers": ["web1", "web2"],
    "databases": ["db1", "db2"],
    "all": ["lb1", "lb2", "web1", "web2", "db1", "db2", "printer"],
}
LISTENERS = {
    "all": [{"program": "sshd", "port": 22}],
    "loadbalancers": [
        {"program": "HAProxy", "binds": [{"port": 80}, {"port": 443, "tls": {"quic": True}}]},
        {"program": "HAProxy", "binds": [{"address": "127.0.0.1", "port": 8404}]},
    ],
    "webservers": [{"program": "nginx", "port": 443}],
    "appservers": [{"program": "gunicorn", "port": 8000}],
    "databases": [{"program": "mysqld", "port": 3306}],
}
FLOWS = [
    {"name": "www", "to": "loadbalancers", "ports": [80, 443], "from": "any"},
    {"name": "vrrp", "to": "loadbalancers", "protocol": "vrrp", "from": "loadbalancers"},
    {"name": "web", "to": "webservers", "ports": {"web1": 443, "web2": [8443]}, "from": "loadbalancers"},
    {"name": "application", "to": "appservers", "ports": [8000], "from": "webservers"},
    {"name": "mysql", "to": "databases", "ports": [3306], "from": ["appservers", "databases"]},
    {"name": "endpoint", "to": "databases", "ports": [3308], "from": ["appservers", "databases"]},
    {"name": "backup", "to": "backups", "ports": [22], "from": "databases"},
]
INSTANCES = {
    "lb1": [{"name": "webstack_1", "priority": 253, "addresses": ["198.18.0.9", "fd00::9"]}],
    "lb2": [{"name": "webstack_1", "priority": 254, "addresses": ["198.18.0.9", "fd00::9"]}],
}
SETTINGS = {
    "db1": {"role": "primary", "source": None},
    "db2": {"role": "replica", "source": {"name": "db1", "host": "198.18.0.5", "port": 3306}},
}


def site(**changes: Any) -> dict[str, Any]:
    """A site of six hosts, at 198.18.0.1 and so on; `rules` by host are added to those of the flows."""
    rules = changes.pop("rules", {})
    of_flow = {"name": "www", "direction": "in", "protocol": "tcp", "ports": [80, 443], "addresses": EVERYBODY}
    hosts = {
        name: {
            "address": f"198.18.0.{number}",
            "listeners": LISTENERS,
            "rules": [of_flow, *rules.get(name, rules.get("*", []))],
        }
        for number, name in enumerate(GROUPS["all"], 1)
    }
    table = {name: {"roles": [f"{name}_role"]} for name in ("databases", "appservers", "webservers", "loadbalancers")}
    table["backups"] = {"roles": []}
    return {
        "flows": FLOWS,
        "groups": GROUPS,
        "table": table,
        "hosts": hosts,
        "optional": ["backups"],
        "settings": SETTINGS,
    } | changes


def drawn(**changes: Any) -> Any:
    return graph(Site(**site(**changes)))


def shown(**changes: Any) -> dict[tuple[str, str], tuple[str, ...]]:
    """Labels of the arrows by the names of their ends."""
    return {(arrow.source.name, arrow.target.name): arrow.labels for arrow in drawn(**changes).arrows}


class TestWhatIsShown:
    def test_a_host_stands_in_the_box_of_each_of_its_groups(self):
        boxes = {box.group: box for box in drawn().boxes}
        assert list(boxes) == ["databases", "appservers", "webservers", "loadbalancers"]
        assert [(host.name, host.address, host.also) for host in boxes["appservers"].hosts] == [
            ("web1", "198.18.0.3", ("webservers",)),
            ("web2", "198.18.0.4", ("webservers",)),
        ]

    def test_what_is_in_no_group_of_the_stack_is_left_out(self):
        assert "printer" not in site_graph(site(), "x")

    def test_programs_with_the_ports_that_others_reach_and_those_that_they_do_not(self):
        [program] = drawn().boxes[3].hosts[0].programs
        assert (program.name, program.ports, program.local) == ("HAProxy", ("80", "443", "443/udp"), ("8404",))

    def test_one_arrow_between_two_groups(self):
        """However many hosts and flows there are."""
        assert shown() == {
            ("anybody", "loadbalancers"): ("www 80, 443/tcp",),
            ("loadbalancers", "webservers"): ("web 443, 8443/tcp",),
            ("webservers", "appservers"): ("application 8000/tcp",),
            ("appservers", "databases"): ("mysql 3306/tcp", "endpoint 3308/tcp"),
        }

    def test_what_the_hosts_of_a_group_open_to_each_other(self):
        among = {box.group: box.among for box in drawn().boxes}
        assert among["databases"] == ("mysql 3306/tcp", "endpoint 3308/tcp")
        assert among["loadbalancers"] == ("vrrp",)
        alone = {box.group: box.among for box in drawn(groups=GROUPS | {"loadbalancers": ["lb1"]}).boxes}
        assert alone["loadbalancers"] == ()

    def test_visitors_come_to_the_virtual_addresses(self):
        found = drawn(instances=INSTANCES)
        [virtual] = found.virtuals
        assert virtual.addresses == ("198.18.0.9", "fd00::9")
        assert virtual.holders == ("lb2", "lb1"), "by priority, not in the inventory's order"
        [arrow] = [arrow for arrow in found.arrows if arrow.source.name == "anybody"]
        assert arrow.target == End(Kind.VIRTUAL, "webstack_1")

    def test_a_replica_points_at_its_source(self):
        assert drawn().replication.pairs == (("db1", "db2"),)
        assert [host.role for host in drawn().boxes[0].hosts] == ["primary", "replica"]

    def test_of_a_group_the_inventory_does_not_know_the_primary(self):
        settings = {name: SETTINGS[name] | {"source": None, "group": {"name": "one"}} for name in SETTINGS}
        found = drawn(settings=settings)
        assert found.replication.pairs == ()
        assert [host.role for host in found.boxes[0].hosts] == ["member", "member"]

    def test_roles_that_have_nothing_to_do_are_left_out(self):
        table = site()["table"] | {"loadbalancers": {"roles": ["haproxy", "keepalived"]}}
        assert drawn(table=table, idle=["keepalived"]).boxes[3].roles == ("haproxy",)

    def test_ssh_is_said_once(self):
        assert drawn().everywhere == ("sshd 22/tcp on every host",)
        hosts = site()["hosts"]
        hosts["db1"] = hosts["db1"] | {"listeners": LISTENERS | {"all": [{"program": "sshd", "port": 2222}]}}
        assert set(drawn(hosts=hosts).everywhere) == {"sshd 22/tcp on every other host", "sshd 2222/tcp on db1"}

    def test_what_else_every_host_has_is_no_exception_from_it(self):
        ports = [{"program": "sshd", "port": 22}, {"program": "node exporter", "port": 9100}]
        hosts = {name: host | {"listeners": LISTENERS | {"all": ports}} for name, host in site()["hosts"].items()}
        assert drawn(hosts=hosts).everywhere == ("sshd 22/tcp on every host", "node exporter 9100/tcp on every host")


def rule(name: str, port: int, *addresses: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "direction": "in", "protocol": "tcp", "ports": [port], "addresses": addresses} | changes


class TestWhatTheInventoryAdds:
    """A port that is open and in no picture would be the first that is forgotten."""

    def test_a_rule_of_one_host(self):
        rules = {"web2": [rule("metrics", 9100, "192.0.2.9")]}
        [arrow] = [arrow for arrow in drawn(rules=rules).arrows if arrow.source.name == "192.0.2.9"]
        assert (arrow.target, arrow.labels) == (End(Kind.HOST, "web2", "webservers"), ("metrics 9100/tcp",))

    def test_a_rule_of_a_group_is_where_its_port_is_listened_at(self):
        accounts = [rule("accounts", 3306, "192.0.2.0/24")]
        assert shown(rules={"db1": accounts, "db2": accounts})[("192.0.2.0/24", "databases")] == ("accounts 3306/tcp",)

    def test_a_rule_of_all_hosts_is_said_once(self):
        found = drawn(rules={"*": [rule("metrics", 9100, "192.0.2.9")]})
        assert "metrics 9100/tcp from 192.0.2.9 on every host" in found.everywhere
        assert [source.name for source in found.sources] == ["anybody"]

    def test_many_addresses_are_counted(self):
        found = drawn(rules={"lb1": [rule("api", 8443, *(f"192.0.2.{number}" for number in range(1, 8)))]})
        assert found.sources[1].lines == ("192.0.2.1", "192.0.2.2", "and 5 more")

    def test_anybody_is_anybody(self):
        assert shown(rules={"lb1": [rule("api", 8443, *EVERYBODY)]})[("anybody", "lb1")] == ("api 8443/tcp",)

    def test_what_a_host_opens_itself_is_not_shown(self):
        assert shown(rules={"lb1": [rule("mail", 25, *EVERYBODY, direction="out")]}) == shown()


class TestDescription:
    def test_the_same_site_gives_the_same_text_and_another_one_another_identifier(self):
        one, same, other = site_graph(site(), "x"), site_graph(site(), "x"), site_graph(site(), "y")
        assert one == same
        assert one.splitlines()[1] != other.splitlines()[1]

    def test_names_are_quoted(self):
        """A title or a rule's name with what Graphviz or its HTML reads otherwise."""
        text = site_graph(site(rules={"lb1": [rule("a", 1, 'x"y\\')]}), "<b> & co")
        assert "&lt;b&gt; &amp; co" in text
        assert '"outside x\\"y\\\\"' in text

    def test_rows_of_hosts(self):
        """Twenty hosts beside each other could not be read."""
        many = [f"web{number}" for number in range(1, 13)]
        hosts = {name: {"address": "198.18.1.1", "listeners": LISTENERS, "rules": []} for name in many}
        flows = [{"name": "web", "to": "webservers", "ports": [443], "from": "any"}]
        text = site_graph(
            {"flows": flows, "groups": {"webservers": many}, "table": {"webservers": {"roles": []}}, "hosts": hosts},
            "x",
        )
        [node] = [line for line in text.splitlines() if 'port="host0"' in line]
        assert [row.count("<td ") for row in node.split("<tr>")[1:]] == [5, 5, 2]

    def test_a_host_that_nothing_is_known_of(self):
        hosts = site()["hosts"]
        del hosts["db2"]
        with pytest.raises(
            AnsibleFilterError, match="nothing is known of 'db2', a host of databases; leave out --limit"
        ):
            site_graph(site(hosts=hosts), "x")

    def test_data_of_another_shape(self):
        with pytest.raises(AnsibleFilterError, match=r"site_graph: .*unexpected"):
            site_graph(site(unexpected=1), "x")


# --- the playbook -----------------------------------------------------------------------------------------------------


def draw(tmp_path: Path, inventory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook with a Graphviz that copies its input, so that the layout's version does not matter."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    dot = programs / "dot"
    dot.write_text('#!/bin/sh\ncp "$3" "${2#-o}"\n')
    dot.chmod(0o755)
    command = [sys.executable, "-m", "ansible", "playbook", "playbooks/graph.yml", "-i", str(inventory)]
    command += ["-e", f"webstack_graph={tmp_path}/site.svg", *options]
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["lab", "ha"])
def test_the_pictures_of_the_docs_are_those_of_the_inventories(tmp_path, name):
    """Red when a flow, a group, a port or an inventory has changed, and the picture has not."""
    done = draw(tmp_path, ROOT / "inventories" / name)
    assert done.returncode == 0, done.stdout + done.stderr
    again = f"run: make graph INVENTORY=inventories/{name} GRAPH=docs/graphs/{name}.svg"
    described = (tmp_path / "site.dot").read_text()
    assert described == (ROOT / f"docs/graphs/{name}.dot").read_text(), again
    identifier = described.splitlines()[1].strip().removeprefix("id=").strip('"')
    assert f'id="{identifier}"' in (ROOT / f"docs/graphs/{name}.svg").read_text(), again


def test_no_host_is_reached_and_a_second_run_changes_nothing(tmp_path):
    """As in docs: of any inventory, before there are any hosts."""
    hosts = yaml.safe_load((ROOT / "inventories/lab/hosts.yml").read_text())
    hosts["all"]["vars"] = {"ansible_ssh_executable": "/bin/false", "ansible_connection": "ssh", "ansible_become": True}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump(hosts))
    first, second = draw(tmp_path, inventory), draw(tmp_path, inventory)
    assert first.returncode == second.returncode == 0, first.stdout + second.stdout
    assert (tmp_path / "site.svg").read_text() == (tmp_path / "site.dot").read_text()
    assert "changed=1" not in second.stdout
    assert "changed=2" in first.stdout


def test_a_picture_that_is_older_than_its_description_is_drawn_again(tmp_path):
    """A run that was interrupted between the two. Red when only the description decides."""
    draw(tmp_path, ROOT / "inventories/lab")
    (tmp_path / "site.svg").write_text('<g id="site_0123456789abcdef">')
    draw(tmp_path, ROOT / "inventories/lab")
    assert (tmp_path / "site.svg").read_text() == (tmp_path / "site.dot").read_text()
