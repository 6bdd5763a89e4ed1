"""A command that somebody runs once: where, as whom, with what, and what is shown of it."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.run_host import as_typed, run_host
from ansible_collections.foobar.webstack.plugins.module_utils._release import command, gunicorn, health
from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import environment_text, values_of
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import Systemd
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller, sentences
from release_host import Host

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ["web1", "web2"]
CHECK = ["manage.py", "check"]


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    host = Host(tmp_path / "host")
    monkeypatch.setattr(health, "ask", host.ask)
    monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
    # Complete: an older Python asks for it when it unpacks an archive.
    ids = pwd.struct_passwd(("shop", "x", os.geteuid(), os.getegid(), "", "/", "/bin/false"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: ids)
    return host


class TestCommand:
    def run(self, host: Host, **secrets: str):
        return command.run(host.at, Systemd(host.run), CHECK, secrets, 60)

    def test_it_runs_in_the_release_that_serves_as_the_application_would(self, host) -> None:
        for name in "ab":
            host.deploy(name)
        seen = []
        host.once = lambda _command, output: seen.append((output.parent / "environment").read_text()) or ""
        assert self.run(host, DJANGO_SUPERUSER_PASSWORD="p")[0] == "b"
        (text,) = host.ran
        assert 'ExecStart=/usr/bin/env -- "python3" "manage.py" "check"\n' in text
        assert f"WorkingDirectory={host.at.release('b')}\n" in text
        assert f"ReadWritePaths={host.at.shared} " in text
        assert "TimeoutStartSec=60\n" in text
        assert 'SECRET="s"' in seen[0]
        assert 'DJANGO_SUPERUSER_PASSWORD="p"' in seen[0]
        assert not host.at.one_off_etc("run").exists()
        assert not host.at.one_off_unit("run").exists()

    def test_its_output_and_its_status_are_told(self, host) -> None:
        host.deploy("a")

        def fail(_command: str, output: Path) -> str:
            output.write_text("no such table\n")
            return "Result=exit-code\nExecMainCode=1\nExecMainStatus=2\n"

        host.once = fail
        _release, ended = self.run(host)
        assert (ended.status, ended.problem, ended.output) == (2, "ended with status 2", "no such table\n")

    def test_without_a_release_nothing_runs(self, host) -> None:
        assert command.serving(host.at) == ""
        with pytest.raises(ReleaseError, match="no release of shop serves on this host"):
            self.run(host)

    def test_a_half_made_release_does_not_count(self, host) -> None:
        host.deploy("a")
        assert command.serving(host.at) == "a"
        (host.at.release("a") / ".release.json").unlink()
        assert command.serving(host.at) == ""

    def test_what_must_not_be_shown(self, host) -> None:
        """The host's own value, too, which may be older than the inventory's; and passwords without their URLs."""
        host.deploy("a", environment={"URL": "mysql://u:first%20one@db/x", "KEY": 'a "b"\n\\', "NAME": "web1"})
        secrets = {"URL": "mysql://u:second@db/x", "KEY": "new"}
        assert command.hidden(host.at, secrets, {"PASSWORD": "third", "EMPTY": ""}) == {
            "mysql://u:first%20one@db/x",
            "first%20one",
            "first one",
            'a "b"\n\\',
            "mysql://u:second@db/x",
            "second",
            "new",
            "third",
        }

    def test_values_are_read_as_they_were_written(self) -> None:
        values = {"A": "$HOME `x`", "B": 'q"\\"', "C": "two\nlines\\", "D": ""}
        assert values_of(environment_text(values).encode()) == values
        assert values_of(None) == {}


class TestChoice:
    def said(self, choice) -> str:
        caller = Caller.of({"inventory_hostname": "web1"})
        return "; ".join(sentences(choice["refusals"], caller))

    @pytest.mark.parametrize(
        ("serving", "asked", "chosen"),
        [
            ({"web1": "a", "web2": "b"}, "", ("web1", "a")),
            ({"web1": "", "web2": "b"}, "", ("web2", "b")),
            ({"web1": "a", "web2": "b"}, "web2", ("web2", "b")),
            # --limit web2
            ({"web2": "b"}, "", ("web2", "b")),
        ],
    )
    def test_the_first_that_serves_or_the_one_that_is_asked_for(self, serving, asked, chosen) -> None:
        choice = run_host(serving, HOSTS, "manage.py shell -c 'print(1)'", asked)
        assert (choice["host"], choice["release"]) == chosen
        assert choice["words"] == ["manage.py", "shell", "-c", "print(1)"]
        assert choice["refusals"] == []

    @pytest.mark.parametrize(
        ("serving", "line", "asked", "said"),
        [
            ({"web1": "a"}, "  ", "", "Name the command: -e command='manage.py check'"),
            ({"web1": "a"}, "echo 'x", "", "The command cannot be read (No closing quotation)"),
            ({"web1": "a"}, "x", "web3", "web3 is not an application host: -e webstack_run_on=<one of web1, web2>"),
            ({"web1": "a"}, "x", "web2", "web2 is left out by --limit"),
            ({"web1": "a", "web2": ""}, "x", "web2", "no release serves on web2, or it was not reached"),
            ({"web1": "", "web2": ""}, "x", "", "No release serves on any of web1, web2"),
        ],
    )
    def test_what_cannot_be_is_refused_in_a_sentence(self, serving, line, asked, said) -> None:
        choice = run_host(serving, HOSTS, line, asked)
        assert choice["host"] == ""
        assert said.lower() in self.said(choice).lower()

    @pytest.mark.parametrize(
        ("options", "read", "whole"),
        [
            # As Ansible reads it, and what was meant.
            (["command=manage.py check --deploy"], "manage.py", "manage.py check --deploy"),
            (["command=sh -c 'a  b' --name=x"], "sh", "sh -c 'a  b' --name=x"),
            (["command=check"], "check", "check"),
            (["command='manage.py check'", "webstack_run_on=web2"], "manage.py check", "manage.py check"),
            (["command=first a", "command=second b"], "second", "second b"),
            (['{"command": "manage.py check"}'], "manage.py check", "manage.py check"),
            # Among other variables, as Ansible has it; where that cannot be told, nothing runs.
            (["command=check webstack_run_on=web2"], "check", "check"),
            (["webstack_run_on=web2 command=manage.py check"], "manage.py", "manage.py check"),
            (["command='manage.py check' webstack_run_on=web2"], "manage.py check", "manage.py check"),
            (["command=manage.py check webstack_run_on=web2"], "manage.py", ""),
            (['command="my prog" --x'], "my prog", '"my prog" --x'),
            (["command={{ what }} now"], "manage.py", ""),
            (["command='{{ what }} now'"], "manage.py now", "manage.py now"),
            # Replaced by a later one, in a file, say.
            (["command=first a", "@file.yml"], "manage.py check", "manage.py check"),
            (["@file.yml", "other=command=x"], "manage.py check", "manage.py check"),
            ([], "", ""),
        ],
    )
    def test_the_command_is_taken_as_it_was_typed(self, options, read, whole) -> None:
        """Red where Ansible's splitting leaves its first word, which is another command."""
        assert as_typed(read, options) == whole


def test_the_playbook_says_where_it_cannot_run(tmp_path) -> None:
    """With hosts that do not answer: red where that is a traceback, or another host's error."""
    inventory = tmp_path / "hosts.yml"
    hosts = {name: {"ansible_host": f"192.0.2.{number}"} for number, name in enumerate(HOSTS, 1)}
    silent = tmp_path / "ssh"
    silent.write_text("#!/bin/sh\nexit 255\n")
    silent.chmod(0o755)
    variables = {"ansible_ssh_executable": str(silent)}
    inventory.write_text(yaml.safe_dump({"all": {"children": {"appservers": {"hosts": hosts}}, "vars": variables}}))

    def said(*options: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", ROOT / "playbooks/run.yml", "-i", inventory, *options],
            env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "400"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        return done.stdout + done.stderr

    assert "No release serves on any of web1, web2, or they were not reached; run" in said("-e", "command=x")
    assert "web3 is not an application host" in said("-e", "command=x", "-e", "webstack_run_on=web3")
    assert "web2 is left out by --limit" in said("-e", "command=x", "-e", "webstack_run_on=web2", "--limit", "web1")
    assert "Name the command: -e command=" in said()
    assert """-e: "b" is not part of any variable""" in said("-e", "webstack_run_on=a b")
