"""The rules of the role firewall, rendered and read by nft itself, and its checks of the data."""

import importlib.util
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.firewall_rules import firewall_rules

IMAGE = "foobar-webstack/parsers:trixie"
ROLE = Path(__file__).resolve().parents[2] / "roles/firewall"

EVERYBODY = ["0.0.0.0/0", "::/0"]
WEB = {"name": "web", "direction": "in", "protocol": "tcp", "ports": [80, 443], "addresses": EVERYBODY}
MYSQL = {"name": "mysql", "protocol": "tcp", "ports": [3306], "addresses": ["198.18.0.21", "2001:db8::22"]}
VRRP = {"name": "vrrp", "protocol": "vrrp", "ports": [], "addresses": ["198.18.0.12"]}

SCENARIOS: dict[str, dict[str, Any]] = {
    "nothing but SSH": {},
    "a database": {"firewall_rules": [MYSQL | {"direction": "out"}, MYSQL]},
    "everything": {
        "firewall_rules": [WEB, MYSQL, VRRP, MYSQL | {"direction": "out"}, VRRP | {"direction": "out"}],
        "firewall_extra_rules": [
            {"name": "metrics for all", "ports": ["9100-9104", "9113"]},
            {"name": "syslog", "protocol": "udp", "ports": ["514"], "addresses": ["10.0.0.0/8", "10.1.2.3"]},
            {"name": "IPv6 only", "ports": ["7000"], "addresses": ["::/0"]},
            {"name": "IPv4 only", "ports": ["7001"], "addresses": ["0.0.0.0/0", "192.0.2.7"]},
        ],
        "firewall_extra_input": ['iifname "eth9" tcp dport 5000 accept'],
        "firewall_extra_output": ["ip daddr 192.0.2.1 reject"],
        "firewall_ssh_port": 2222,
        "firewall_ssh_sources": ["198.51.100.0/24", "2001:db8:1::/48"],
        "firewall_outbound": "drop",
        "firewall_log": True,
        "__firewall_controller": {"stdout": "2001:db8:5::7"},
    },
    "lines for outbound packets that are accepted": {"firewall_extra_output": ["ip daddr 192.0.2.1 reject"]},
    "SSH over IPv4 alone": {"firewall_ssh_sources": ["0.0.0.0/0"], "__firewall_controller": {"stdout": "192.0.2.7"}},
}


@pytest.fixture
def render(render_template: Callable[..., str]) -> Callable[[Mapping[str, Any]], str]:
    return lambda variables: render_template("firewall", "nftables-webstack.conf.j2", variables)


@pytest.fixture
def problems(render_template: Callable[..., str]) -> Callable[[Mapping[str, Any]], list[str]]:
    def sentences(variables: Mapping[str, Any]) -> list[str]:
        text = render_template("firewall", "problems.j2", variables) or ""
        return [line for line in text.split("\n") if line]

    return sentences


@pytest.fixture
def nft(engine: Any) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Load rules twice and list them, in a container with a network namespace of its own and nothing in it."""
    commands = 'printf %s "$RULES" >/tmp/rules && nft --check --file /tmp/rules && nft --file /tmp/rules'
    commands += " && nft --file /tmp/rules && nft --stateless list ruleset"

    def run(rules: str) -> subprocess.CompletedProcess[str]:
        container = engine.containers.create(
            IMAGE,
            ["sh", "-c", commands],
            network_mode="none",
            cap_add=["NET_ADMIN"],
            environment={"RULES": rules},
            labels={"foobar.webstack.parser": str(os.getpid())},
        )
        try:
            container.start()
            status = container.wait()["StatusCode"]
            streams = [container.logs(stdout=out, stderr=not out).decode() for out in (True, False)]
        finally:
            container.remove(force=True)
        return subprocess.CompletedProcess(commands, status, *streams)

    return run


def chain(text: str, name: str) -> list[str]:
    """The lines of a chain."""
    body = re.search(rf"^ +chain {name} \{{\n(.*?)^    \}}", text, re.MULTILINE | re.DOTALL)
    assert body, f"no chain {name}"
    return [line.strip() for line in body[1].splitlines()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_nft_takes_the_rules(name: str, render: Any, problems: Any, nft: Any) -> None:
    """Twice in one namespace: the second time the table is there and replaced, not added to."""
    assert problems(SCENARIOS[name]) == []
    result = nft(render(SCENARIOS[name]))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("table ") == 1
    assert result.stdout.count("policy drop") == (2 if SCENARIOS[name].get("firewall_outbound") == "drop" else 1)
    assert result.stdout.count('comment "dropped"') == result.stdout.count("policy drop")


def test_nft_is_really_asked(render: Any, nft: Any) -> None:
    """The test of the test above: a line that only nft can refuse."""
    result = nft(render({"firewall_extra_input": ["no such rule"]}))
    assert result.returncode != 0
    assert "no such rule" in result.stderr


@pytest.mark.parametrize("name", SCENARIOS)
def test_other_tables_are_left_alone(name: str, render: Any) -> None:
    """Catches a flush of everything, which would cut off what Docker and others have set up."""
    text = render(SCENARIOS[name])
    assert "flush" not in text
    assert re.findall(r"^(?:delete )?table (.*?)(?: \{)?$", text, re.MULTILINE) == ["inet webstack"] * 3


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_data_same_file(name: str, render: Any) -> None:
    assert render(dict(SCENARIOS[name])) == render(SCENARIOS[name])


def test_rules_of_both_families(render: Any) -> None:
    """Catches a rule that opens one family for everybody because its list has no address of it."""
    lines = chain(render({"firewall_rules": [WEB, MYSQL, VRRP]}), "input")
    assert [line for line in lines if re.search('comment "(web|mysql|vrrp)"', line)] == [
        'tcp dport { 80, 443 } accept comment "web"',
        'ip saddr { 198.18.0.21 } tcp dport { 3306 } accept comment "mysql"',
        'ip6 saddr { 2001:db8::22 } tcp dport { 3306 } accept comment "mysql"',
        'ip saddr { 198.18.0.12 } meta l4proto 112 accept comment "vrrp"',
    ]
    assert lines[0] == "type filter hook input priority filter; policy drop;"


def test_what_goes_out_opens_nothing_inbound(render: Any) -> None:
    text = render({"firewall_rules": [MYSQL | {"direction": "out"}], "firewall_outbound": "drop"})
    assert "mysql" not in " ".join(chain(text, "input"))
    assert "ip daddr { 198.18.0.21 } tcp dport { 3306 } accept" in " ".join(chain(text, "output"))


def test_controller_comes_before_the_limit_and_whoever_else_may_use_ssh(render: Any) -> None:
    lines = chain(render(SCENARIOS["everything"]), "input")
    ssh = [line for line in lines if "dport 2222" in line]
    assert ssh == [
        'ip6 saddr 2001:db8:5::7 tcp dport 2222 accept comment "Ansible"',
        "ip saddr { 198.51.100.0/24 } tcp dport 2222 goto ssh",
        "ip6 saddr { 2001:db8:1::/48 } tcp dport 2222 goto ssh",
    ]


def test_open_ssh_does_not_depend_on_who_runs_ansible(render: Any) -> None:
    """Catches a file that changes with the operator's own address where it need not."""
    elsewhere = {"__firewall_controller": {"stdout": "203.0.113.9"}}
    assert render(elsewhere) == render({})
    assert "tcp dport 22 goto ssh" in chain(render({}), "input")


def test_filter_s_rules_are_the_role_s_rules(render: Any, problems: Any, nft: Any) -> None:
    hostvars = {"lb1": {"ansible_host": "198.18.0.11"}, "db1": {"ansible_host": "2001:db8::31"}}
    flows = [
        {"name": "www", "to": "lb", "from": "any", "ports": [80]},
        {"name": "mysql", "to": "db", "from": ["lb", "db"], "ports": [3306]},
    ]
    for host in hostvars:
        rules = firewall_rules(flows, {"lb": ["lb1"], "db": ["db1"]}, hostvars, host)
        variables = {"firewall_rules": rules, "firewall_outbound": "drop"}
        assert problems(variables) == []
        assert nft(render(variables)).returncode == 0


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"firewall_rules": [MYSQL | {"addresses": ["db1.example.com"]}]},
            'firewall_rules: rule "mysql": "db1.example.com" is not an address or network; '
            "write one such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/32.",
        ),
        (
            {"firewall_rules": [MYSQL | {"addresses": []}]},
            'firewall_rules: rule "mysql" has no addresses; '
            "write some, leave addresses out for everybody, or remove the rule.",
        ),
        (
            {"firewall_extra_rules": [{"name": 'a"b', "ports": ["1"]}]},
            'firewall_extra_rules: rule "a"b" has a name that nftables does not take; '
            'write at most 64 letters, digits, spaces, "_", "-" and ".".',
        ),
        (
            {"firewall_extra_rules": [{"name": "x"}]},
            'firewall_extra_rules: rule "x" has no ports; write the ports to open, or remove the rule.',
        ),
        (
            {"firewall_extra_rules": [VRRP | {"ports": ["1"]}]},
            'firewall_extra_rules: rule "vrrp" has ports and the protocol vrrp, which has none; leave ports out.',
        ),
        *(
            (
                {"firewall_outbound_rules": [{"name": "x", "ports": [port]}]},
                f'firewall_outbound_rules: rule "x": port "{port}" is none; '
                "write a number from 1 to 65535, or a range such as 8000-8010.",
            )
            for port in ("0", "65536", "ssh", "9-8", "1-70000", 0, "22 accept")
        ),
        (
            {"firewall_ssh_sources": ["any"]},
            'firewall_ssh_sources: "any" is not an address or network; '
            "write one such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/32.",
        ),
        ({"firewall_ssh_port": 0}, "firewall_ssh_port is 0; write a port from 1 to 65535."),
        ({"firewall_ssh_rate": "many"}, 'firewall_ssh_rate is "many"; write a rate such as 60/minute.'),
        ({"firewall_ping_rate": "1/s"}, 'firewall_ping_rate is "1/s"; write a rate such as 60/minute.'),
        (
            {"firewall_rollback_seconds": 5},
            "firewall_rollback_seconds is 5; write at least 10, or good rules may be taken back before they are "
            "confirmed.",
        ),
    ],
)
def test_problem_is_named(variables: Mapping[str, Any], sentence: str, problems: Any) -> None:
    assert problems(variables) == [sentence]


# --- the program ------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The role's program with its files in a folder, and a kernel and a systemd that only remember."""
    specification = importlib.util.spec_from_file_location("webstack_firewall", ROLE / "files/webstack_firewall.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    for name in ("WANTED", "CONFIRMED", "RECORD", "PREVIOUS"):
        monkeypatch.setattr(module, name, tmp_path / name.lower())
    module.kernel, module.armed = "", False

    def run(*argv: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        status, output = 0, ""
        if argv[:2] == ("nft", "-f"):
            content = Path(argv[2]).read_text()
            status = int("broken" in content)
            module.kernel = module.kernel if status else content.removeprefix(module.ABSENT)
        elif argv[:2] == ("nft", "delete"):
            module.kernel = ""
        elif argv[0] == "nft":
            status, output = int(not module.kernel), module.kernel
        else:
            module.armed = argv[0] == "systemd-run"
        return subprocess.CompletedProcess(argv, status, output, "")

    monkeypatch.setattr(module, "run", run)
    return module


def test_rules_are_kept_once_confirmed(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.WANTED.write_text("new")
    program.attempt("60")
    assert (program.kernel, program.armed) == ("new", True)
    assert not program.current()
    program.keep()
    assert (program.CONFIRMED.read_text(), program.armed) == ("new", False)
    assert program.current()
    program.attempt("60")
    assert capsys.readouterr().out.split() == ["loaded", "current"]


def test_rules_come_back_unless_confirmed(program: Any) -> None:
    """Also catches a confirmation that comes too late and is believed."""
    program.WANTED.write_text("old")
    program.attempt("60")
    program.keep()
    program.WANTED.write_text("new")
    program.attempt("60")
    program.rollback()
    assert program.kernel == "old"
    with pytest.raises(SystemExit) as status:
        program.keep()
    assert status.value.code == 3
    assert program.CONFIRMED.read_text() == "old"
    assert not program.current()
    program.WANTED.write_text("old")
    assert program.current()


def test_first_rules_come_back_to_none(program: Any) -> None:
    program.WANTED.write_text("new")
    program.attempt("60")
    program.rollback()
    assert program.kernel == ""


@pytest.mark.parametrize(("confirmed", "after"), [("old", "old"), ("broken", "")])
def test_rules_come_back_even_if_the_listing_of_the_previous_cannot_be_read(
    confirmed: str, after: str, program: Any
) -> None:
    """Catches a host that stays cut off: first what was confirmed counts, then nothing at all."""
    program.WANTED.write_text("old")
    program.attempt("60")
    program.keep()
    program.CONFIRMED.write_text(confirmed)
    program.kernel = "broken by hand"
    program.WANTED.write_text("new")
    program.attempt("60")
    program.rollback()
    assert program.kernel == after


def test_second_attempt_goes_back_to_what_was_before_the_first(program: Any) -> None:
    """A run that was interrupted before it confirmed leaves unproven rules: they are not what to return to."""
    program.WANTED.write_text("old")
    program.attempt("60")
    program.keep()
    for rules in ("first", "second"):
        program.WANTED.write_text(rules)
        program.attempt("60")
    program.rollback()
    assert program.kernel == "old"


def test_rules_that_nft_refuses_leave_everything(program: Any) -> None:
    program.WANTED.write_text("old")
    program.attempt("60")
    program.keep()
    program.WANTED.write_text("broken")
    with pytest.raises(SystemExit, match="what ran before goes on"):
        program.attempt("60")
    assert (program.kernel, program.armed, program.PREVIOUS.exists()) == ("old", False, False)


@pytest.mark.parametrize("change", ["", "old and something"])
def test_change_at_runtime_is_seen(change: str, program: Any) -> None:
    """Catches a comparison of files alone: a table that somebody flushed or added to is not what is wanted."""
    program.WANTED.write_text("old")
    program.attempt("60")
    program.keep()
    program.kernel = change
    assert not program.current()


def test_what_traffic_changes_is_no_change(program: Any) -> None:
    program.kernel = "set s {\n\t\ttype ipv4_addr\n\t}"
    before = program.fingerprint()
    program.kernel = (
        "set s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 limit rate 1/minute,\n\t\t\t10.0.0.2 }\n\t}"
    )
    assert program.fingerprint() == before
