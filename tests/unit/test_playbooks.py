"""Which hosts the playbooks are for, and what they refuse before they reach one."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
LAB = sorted((ROOT / "playbooks/lab").glob("*.yml"))
TABLE = yaml.safe_load((ROOT / "playbooks/group_vars/all/groups.yml").read_text())["__webstack_groups"]
FILTER = "foobar.webstack.play_hosts("

HOSTS = {
    "lb1": {"ansible_host": "192.0.2.11"},
    "web1": {"ansible_host": "192.0.2.21"},
    "db1": {"ansible_host": "192.0.2.31", "mysql_role": "primary"},
    "store": {"ansible_host": "192.0.2.41"},
    "printer": {"ansible_host": "192.0.2.51"},
    "localhost": {"ansible_connection": "local"},
}
GROUPS = {
    "loadbalancers": ["lb1"],
    "webservers": ["web1"],
    "appservers": ["web1"],
    "databases": ["db1"],
    "backups": ["store"],
}


@pytest.fixture
def inventory(tmp_path: Path) -> Callable[..., Path]:
    """Write an inventory of `HOSTS` with these groups and variables for all."""

    def write(groups: dict[str, list[str]], **variables: Any) -> Path:
        children = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in groups.items()}
        file = tmp_path / "hosts.yml"
        file.write_text(yaml.safe_dump({"all": {"hosts": HOSTS, "children": children, "vars": variables}}))
        return file

    return write


def ansible(tmp_path: Path, playbook: str, *options: Any) -> subprocess.CompletedProcess[str]:
    """Run a playbook as a user of the installed collection: from elsewhere, without the checkout's ansible.cfg."""
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", f"foobar.webstack.{playbook}", *options],
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "400",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def plays(file: Path) -> list[dict[str, Any]]:
    """The plays of a playbook, those of imported ones in their place."""
    found = []
    for play in yaml.safe_load(file.read_text()):
        imported = play.get("ansible.builtin.import_playbook")
        found += plays(file.parent / imported) if imported else [play]
    return found


@pytest.mark.parametrize("file", PLAYBOOKS, ids=lambda file: file.stem)
def test_the_first_play_refuses_an_inventory_without_hosts(file):
    """Catches a playbook that is skipped, and so succeeds, when -i was forgotten."""
    first = plays(file)[0]
    assert FILTER in first["hosts"]
    assert first["vars_files"] == ["group_vars/all/groups.yml"]


@pytest.mark.parametrize("file", PLAYBOOKS, ids=lambda file: file.stem)
def test_no_play_lists_the_groups_again(file):
    """A play is for one group or for what follows from the table: red for `hosts: databases:appservers:webservers`."""
    patterns = [play["hosts"] for play in plays(file) if FILTER not in play["hosts"]]
    assert set(patterns) <= set(TABLE)


@pytest.mark.parametrize("file", [*PLAYBOOKS, *LAB], ids=lambda file: file.stem)
def test_a_playbook_says_how_to_call_it(file):
    """From the checkout, and with the collection installed."""
    path = file.relative_to(ROOT / "playbooks").with_suffix("")
    top = file.read_text().partition("\n- ")[0]
    assert f"#   ansible-playbook playbooks/{path}.yml" in top
    assert f"#   ansible-playbook foobar.webstack.{'.'.join(path.parts)}" in top


def included(play: dict[str, Any]) -> Iterator[str]:
    """The roles that a play's tasks take whole, and only where there is something to do for them."""
    for task in play.get("tasks", []):
        role = task.get("ansible.builtin.include_role", {})
        if role and "tasks_from" not in role:
            yield role["name"].removeprefix("foobar.webstack.")


@pytest.mark.parametrize("group", [name for name, entry in TABLE.items() if entry["roles"]])
def test_a_tier_has_the_roles_of_the_table(group):
    """Catches a role that is added to a play alone: its variables would be refused as unknown."""
    tier = [
        name
        for play in plays(ROOT / "playbooks/site.yml")
        if play["hosts"] == group or f", '{group}'" in play["hosts"]
        for name in [
            *(role["role"].removeprefix("foobar.webstack.") for role in play.get("roles", [])),
            *included(play),
        ]
    ]
    assert tier == TABLE[group]["roles"]


@pytest.mark.parametrize("group", [name for name, entry in TABLE.items() if entry.get("everywhere")])
def test_what_a_group_brings_to_every_host_is_in_a_play_for_every_host(group):
    [roles] = [
        [role["role"].removeprefix("foobar.webstack.") for role in play["roles"]]
        for play in plays(ROOT / "playbooks/site.yml")
        if f"beside='{group}'" in play["hosts"]
    ]
    assert roles == TABLE[group]["everywhere"]


@pytest.mark.parametrize(
    ("role", "variable", "written"),
    [
        ("haproxy", "haproxy_socket", "haproxy_socket | default('{}')"),
        ("mysql_endpoint", "mysql_endpoint_port", "'mysql_endpoint_port', default={})"),
    ],
)
def test_constants_are_those_of_the_roles(role, variable, written):
    """Two values that the playbooks need where the inventory does not set them, and that a role's defaults hold."""
    wiring = "".join(file.read_text() for file in (ROOT / "playbooks/group_vars/all").glob("*.yml"))
    default = yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())[variable]
    assert written.format(default) in wiring


@pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("site", ()),
        ("site", ("-i", "empty.yml")),
        ("web", ("-i", "broken.yml")),
        # No play on localhost could say it, because --limit leaves that out, too.
        ("failover", ("-i", "empty.yml", "--limit", "db1")),
    ],
)
def test_an_inventory_without_hosts_is_an_error(tmp_path, playbook, options):
    (tmp_path / "empty.yml").touch()
    (tmp_path / "broken.yml").write_text("all: [\n")
    result = ansible(tmp_path, playbook, *options)
    assert result.returncode != 0
    assert "The inventory has no hosts; give one with -i" in result.stderr + result.stdout
    assert "PLAY [" not in result.stdout


@pytest.mark.parametrize(
    ("playbook", "groups", "said"),
    [
        ("preflight", {**GROUPS, "backups": [], "backup": ["store"]}, "Unknown group backup; did you mean backups?"),
        ("switchover", {"webservers": ["web1"]}, "The inventory's group databases is missing or empty"),
        ("restore", {"database": ["db1"]}, "Unknown group database; did you mean databases?"),
    ],
)
def test_what_is_wrong_with_the_groups_is_said(tmp_path, inventory, playbook, groups, said):
    result = ansible(tmp_path, playbook, "-i", inventory(groups))
    assert result.returncode != 0
    assert said in result.stderr + result.stdout


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"webstack_app_port": 80, "webstack_domain": "https://x"},
            'webstack_domain is \\"https://x\\"; in the inventory\'s group_vars/all, set it to a host name such as '
            "www.foobar.com. webstack_app_port is 80; ",
        ),
        ({"webstack_domian": "x"}, "db1: Unknown variable webstack_domian; did you mean webstack_domain?"),
        ({"haproxy_socke": "/x"}, "db1: Unknown variable haproxy_socke; did you mean haproxy_socket?"),
        ({"webstack_http3": "perhaps"}, 'webstack_http3 is \\"perhaps\\"; write true or false, without quotes.'),
        ({"webstack_domain": None}, "webstack_domain is null; write a string, or remove it."),
        (
            {"firewall_ssh_sources": "192.0.2.0/24"},
            'db1: firewall_ssh_sources is \\"192.0.2.0/24\\"; write a list, such as [192.0.2.0/24].',
        ),
        ({"webstack_address": "192.0.2.11"}, "both have the address 192.0.2.11; give each its own ansible_host or web"),
    ],
)
def test_what_is_wrong_with_the_variables_is_said(tmp_path, inventory, variables, said):
    """Before the secrets are made, and before a host is reached."""
    result = ansible(tmp_path, "preflight", "-i", inventory(GROUPS, **variables))
    assert result.returncode != 0
    assert said in result.stdout + result.stderr
    assert not (tmp_path / ".secrets.yml").exists()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("mysql_role: replica", "mysql_role: primary", "db1 and db2 both have mysql_role=primary; keep it on one of"),
        ("webservers:", "webserver:", "Unknown group webserver; did you mean webservers?"),
        ("198.18.0.22", "198.18.0.21", "web1 and web2 both have the address 198.18.0.21; give each its own"),
        (
            "mysql_role: primary",
            "mysql_rol: primary",
            "db1: mysql_role is not set; write mysql_role=primary on the one host that takes",
        ),
    ],
)
def test_what_is_wrong_with_the_lab_is_said(tmp_path, right, wrong, said):
    """Red where two lists are added of which one cannot be made: Ansible says that they cannot be added then."""
    file = tmp_path / "hosts.yml"
    file.write_text((ROOT / "inventories/lab/hosts.yml").read_text().replace(right, wrong))
    result = ansible(tmp_path, "preflight", "-i", str(file))
    assert result.returncode != 0
    assert said in " ".join((result.stdout + result.stderr).split())


REACHED = "PLAY [Check that every host can be reached]"
SILENT = {"ansible_ssh_executable": "/bin/false"}


def test_two_inventory_files_of_a_folder_share_no_secrets_unnoticed(tmp_path, inventory):
    """Staging and production side by side: red if both were to get the passwords and the CA of the first."""
    staging, production = tmp_path / "staging.yml", tmp_path / "production.yml"
    file = inventory(GROUPS, **SILENT)
    for one in (staging, production):
        one.write_text(file.read_text())
    for _ in range(2):
        assert REACHED in ansible(tmp_path, "preflight", "-i", staging).stdout
    kept = (tmp_path / ".secrets.yml").read_text()
    refused = ansible(tmp_path, "preflight", "-i", production)
    assert (
        f"{tmp_path}/.secrets.yml and the CA beside it belong to the inventory staging.yml; for production.yml, set "
        "webstack_secrets_file and webstack_ca_directory to places of its own, in its vars of all hosts, or give"
    ) in " ".join(refused.stdout.split())
    own = ("-e", "webstack_secrets_file=production/secrets.yml")
    assert "for production.yml, set webstack_ca_directory to" in " ".join(
        ansible(tmp_path, "preflight", "-i", production, *own).stdout.split()
    )
    passed = ansible(tmp_path, "preflight", "-i", production, *own, "-e", "webstack_ca_directory=production/ca")
    assert REACHED in passed.stdout, passed.stdout
    assert (tmp_path / ".secrets.yml").read_text() == kept
    # A new name is no other inventory.
    staging.rename(tmp_path / "test.yml")
    assert REACHED in ansible(tmp_path, "preflight", "-i", tmp_path / "test.yml").stdout


def test_of_several_inventories_the_first_has_the_secrets(tmp_path, inventory):
    """-i a -i b: red if a host of b looked for them beside b, where there are none."""
    (tmp_path / "more").mkdir()
    first = inventory({**GROUPS, "webservers": []}, **SILENT)
    second = tmp_path / "more/hosts.yml"
    second.write_text(yaml.safe_dump({"webservers": {"hosts": {"web9": {"ansible_host": "192.0.2.29"}}}}))
    result = ansible(tmp_path, "preflight", "-i", first, "-i", second)
    assert REACHED in result.stdout, result.stdout
    assert (tmp_path / ".secrets.yml").exists()
    assert not (tmp_path / "more/.secrets.yml").exists()
    asked = [
        sys.executable,
        "-m",
        "ansible",
        "adhoc",
        "all",
        "-i",
        first,
        "-i",
        second,
        "--playbook-dir",
        ROOT / "playbooks",
    ]
    asked += ["-m", "ansible.builtin.debug", "-a", "msg={{ [__webstack_secrets_file, certificates_ca_directory] }}"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.count(f"{tmp_path}/.secrets.yml") == said.count(f"{tmp_path}/.ca") == len(HOSTS) + 1


def test_two_programs_on_one_port_of_a_host_are_refused(tmp_path, inventory):
    """One sentence: host, groups, port. Red if the run went on until the second program finds the port taken.

    Before the secrets are made: red if a run that is refused left a file.
    """
    together = {**GROUPS, "webservers": ["web1", "lb1"]}
    result = ansible(tmp_path, "preflight", "-i", inventory(together, webstack_web_port=443))
    assert result.returncode != 0
    assert (
        '"lb1: nginx (group webservers) and HAProxy (group loadbalancers) would both listen on TCP port 443 of every '
        "address; set webstack_web_port to another port, or take the host out of the group webservers or "
        'loadbalancers."'
    ) in result.stdout + result.stderr
    assert not (tmp_path / ".secrets.yml").exists()


def test_a_given_certificate_is_looked_at_before_a_host_is(tmp_path, inventory):
    """In one sentence that names the variable which the inventory has. Red where only the role on the host says it."""
    given = {"provider": "files", "certificate": str(tmp_path / "chain.pem"), "key": "/none.key"}
    (tmp_path / "chain.pem").touch()
    result = ansible(tmp_path, "preflight", "-i", inventory(GROUPS, webstack_certificate=given))
    assert result.returncode != 0
    said = (
        'lb1: webstack_certificate: key is \\"/none.key\\", which is not a file on the controller; give the path of the'
    )
    assert said in result.stdout + result.stderr
    assert not (tmp_path / ".secrets.yml").exists()


def test_the_controller_needs_no_privilege(tmp_path, inventory):
    """`ansible_become: true` in the inventory is for the hosts: red if the secrets were written as another user.

    It counts on this machine, too, where the inventory names that.
    """
    # No host answers, which ends it.
    silent = {"ansible_ssh_executable": "/bin/false"}
    file = inventory(GROUPS, **silent, ansible_become=True, ansible_become_user="nobody", ansible_become_exe="/x")
    result = ansible(tmp_path, "preflight", "-i", file)
    assert (tmp_path / ".secrets.yml").exists(), result.stdout + result.stderr


@pytest.mark.parametrize("playbook", ["preflight", "base", "rotate_secrets"])
def test_a_host_in_an_optional_group_alone_is_one_of_the_stack(tmp_path, inventory, playbook):
    """And a host in none of the groups is not, in no play."""
    result = ansible(tmp_path, playbook, "-i", inventory({**GROUPS, "office": ["printer"]}), "--list-hosts")
    assert result.returncode == 0, result.stderr
    assert "hosts (4):" in result.stdout
    assert "store" in result.stdout
    assert "printer" not in result.stdout
