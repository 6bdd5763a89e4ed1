"""Tokens of an index or a repository: in no file that others read, on no command line, in no message."""

import base64
import http.server
import json
import netrc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.action.app_release import ActionModule
from ansible_collections.foobar.webstack.plugins.module_utils._release import credentials, gunicorn, health
from ansible_collections.foobar.webstack.plugins.module_utils._release.credentials import CredentialsError
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment, Requirements
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.releases import unpack
from ansible_collections.foobar.webstack.plugins.plugin_utils import release_source
from ansible_collections.foobar.webstack.plugins.plugin_utils.release_source import SourceError, find_commit
from release_host import Host

INDEX = "https://reader:canary%2F1@pypi.example.com/simple"
ARGUMENTS = ["--index-url", INDEX]


@pytest.mark.parametrize(
    ("text", "stored", "shown"),
    [
        ("https://u:p@h/x", "https://h/x", "https://***@h/x"),
        ("git+https://token@h/x.git@v1", "git+https://h/x.git@v1", "git+https://***@h/x.git@v1"),
        ("--index-url=http://u:p@h:81/s", "--index-url=http://h:81/s", "--index-url=http://***@h:81/s"),
        (
            "see https://h/a@b and HTTPS://t@h/",
            "see https://h/a@b and HTTPS://h/",
            "see https://h/a@b and HTTPS://***@h/",
        ),
        ("ssh://git@h/x and git@h:x", "ssh://git@h/x and git@h:x", "ssh://git@h/x and git@h:x"),
        ("https://h/x.tgz?Signature=s", "https://h/x.tgz?Signature=s", "https://h/x.tgz?***"),
    ],
)
def test_accounts_are_found_in_text(text, stored, shown) -> None:
    assert credentials.without_accounts(text) == stored
    assert credentials.redacted(text) == shown


def test_a_token_is_what_must_not_be_shown() -> None:
    found = credentials.secrets_of([INDEX, "--extra-index-url=https://token2@h/s", "https://h/"])
    assert found == {"reader:canary%2F1", "canary%2F1", "canary/1", "token2"}


@pytest.fixture
def asked() -> Iterator[tuple[int, list[bytes]]]:
    """A server that wants an account: its port, and with which ones it was asked."""
    accounts = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization")
            if given:
                accounts.append(base64.b64decode(given.split()[1]))
            self.send_response(404 if given else 401)
            self.send_header("WWW-Authenticate", "Basic realm=x")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port, accounts
        server.shutdown()


@pytest.mark.parametrize(("account", "sent"), [("tok", b"tok:"), ("u:p%22w%20x", b'u:p"w x')])
class TestPrograms:
    """pip and git themselves, which are to find the account where it is put."""

    def test_pip(self, tmp_path, asked, account, sent) -> None:
        port, accounts = asked
        given = credentials.for_pip(["--index-url", f"http://{account}@127.0.0.1:{port}/simple"])
        (tmp_path / ".netrc").write_text(given.netrc)
        command = [sys.executable, "-m", "pip", "--isolated", "--no-input", "download", *given.arguments, "nothing"]
        home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        subprocess.run(command, env=home, cwd=tmp_path, capture_output=True, check=False)
        assert account not in str(command)
        assert set(accounts) == {sent}

    def test_git(self, tmp_path, asked, account, sent) -> None:
        port, accounts = asked
        with pytest.raises(SourceError):
            find_commit(f"http://{account}@127.0.0.1:{port}/shop.git", "main")
        assert set(accounts) == {sent}


class TestPip:
    def test_it_finds_the_accounts_elsewhere(self, tmp_path) -> None:
        given = credentials.for_pip(["--index-url", INDEX, "--extra-index-url=https://tok@h:8443/s", "--pre"])
        assert given.arguments == [
            "--index-url",
            "https://pypi.example.com/simple",
            "--extra-index-url=https://h:8443/s",
            "--pre",
        ]
        (tmp_path / "netrc").write_text(given.netrc)
        known = netrc.netrc(str(tmp_path / "netrc"))
        assert known.authenticators("pypi.example.com")[::2] == ("reader", "canary/1")
        assert known.authenticators("h")[::2] == ("tok", "")

    @pytest.mark.parametrize("password", ["a b", 'q"\\x', "#hash", "ü"])
    def test_any_password_survives(self, tmp_path, password) -> None:
        (tmp_path / "netrc").write_text(f"machine h login u password {credentials._word(password)}\n")
        assert netrc.netrc(str(tmp_path / "netrc")).authenticators("h")[2] == password

    @pytest.mark.parametrize("arguments", [["--proxy", "u:p@proxy:3128"], ["--proxy=u:p@proxy:3128"]])
    def test_a_proxy_s_account_is_in_the_environment(self, arguments) -> None:
        given = credentials.for_pip(["--pre", *arguments])
        assert (given.arguments, given.environment) == (["--pre"], {"PIP_PROXY": "u:p@proxy:3128"})

    def test_two_accounts_of_one_host_are_refused(self) -> None:
        same = ["https://a:b@h/1", "https://a:b@h/2"]
        assert credentials.for_pip(same).netrc.count("machine") == 1
        with pytest.raises(CredentialsError, match="two accounts for h; give one that may read everything there"):
            credentials.for_pip([*same, "https://c:d@h/3"])


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    host = Host(tmp_path / "host")
    monkeypatch.setattr(health, "ask", host.ask)
    monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
    return host


class TestHost:
    """Wherever a release is made, no file and no command line has the token; pip has it while it runs."""

    def deployment(self, host: Host, arguments: list[str]) -> Deployment:
        requirements = Requirements("requirements.txt", arguments)
        return Deployment.of(host.at, host.wanted("a", requirements=requirements), host.run)

    def everything(self, host: Host) -> str:
        return json.dumps([host.calls, host.files()])

    def test_it_is_in_no_file_and_on_no_command_line(self, host, monkeypatch) -> None:
        seen = {}
        run = host.run

        def spy(arguments: list[str], **options):
            if "install" in arguments:
                home = Path(options["environ_update"]["HOME"])
                file = home / ".netrc"
                seen.update(modes=[path.stat().st_mode & 0o777 for path in (home, file)], text=file.read_text())
            return run(arguments, **options)

        monkeypatch.setattr(host, "run", spy)
        host.deploy("a", requirements=Requirements("requirements.txt", ARGUMENTS))
        assert seen == {"modes": [0o700, 0o600], "text": "machine pypi.example.com login reader password canary/1\n"}
        assert "canary" not in self.everything(host)
        install = next(call for call in host.calls if "install" in call)
        assert "https://pypi.example.com/simple" in install
        # A new token is not another release, and is not asked about.
        again = Requirements("requirements.txt", ["--index-url", INDEX.replace("canary", "next")])
        assert host.deploy("a", requirements=again) == []

    def test_other_arguments_are_another_virtual_environment(self, host) -> None:
        host.deploy("a", requirements=Requirements("requirements.txt", ARGUMENTS))
        with pytest.raises(ReleaseError, match="another virtual environment"):
            host.deploy("a", requirements=Requirements("requirements.txt", [*ARGUMENTS, "--pre"]))

    def test_a_failure_does_not_show_it(self, host, monkeypatch) -> None:
        run = host.run
        failed = 1, "", f"ERROR: 404 for url: {INDEX}/shop/"
        monkeypatch.setattr(
            host, "run", lambda words, **options: failed if "install" in words else run(words, **options)
        )
        with pytest.raises(ReleaseError) as raised:
            unpack(self.deployment(host, ARGUMENTS), host.archive("a", "answers"))
        assert "404 for url: https://***@pypi.example.com/simple/shop/" in str(raised.value)
        assert not host.at.one_off_etc("pip").exists()

    def test_one_that_an_earlier_run_has_stored_is_removed(self, host) -> None:
        """Red if .release.json, which everybody on the host reads, went on holding it."""
        requirements = Requirements("requirements.txt", ARGUMENTS)
        host.deploy("a", requirements=requirements)
        marker = host.at.release("a") / ".release.json"
        state = json.loads(marker.read_text())
        state["requirements"]["pip_arguments"] = ARGUMENTS
        marker.write_text(json.dumps(state))
        host.restarted.clear()
        assert host.deploy("a", requirements=requirements) == [str(marker)]
        assert "canary" not in marker.read_text()
        assert host.restarted == []
        assert host.deploy("a", requirements=requirements) == []

    def test_arguments_without_one_stay_as_they_were_stored(self, host) -> None:
        """Red if an upgrade of the collection alone changed every host."""
        requirements = Requirements("requirements.txt", ["--no-index"])
        host.deploy("a", requirements=requirements)
        marker = host.at.release("a") / ".release.json"
        state = json.loads(marker.read_text())
        state["requirements"]["pip_arguments"] = ["--no-index"]
        marker.write_text(json.dumps(state))
        assert host.deploy("a", requirements=requirements) == []

    def test_the_id_does_not_depend_on_it(self) -> None:
        def suffix(index: str) -> str:
            arguments = {
                "requirements": "r.txt",
                "pip_arguments": ["--index-url", index],
                "system_site_packages": False,
            }
            return ActionModule._environment_suffix(arguments)

        assert suffix(INDEX) == suffix(INDEX.replace("canary", "next")) == suffix("https://pypi.example.com/simple")
        assert suffix("https://other.example.com/simple") != suffix(INDEX)


class TestGit:
    def test_the_account_is_not_on_the_command_line(self, monkeypatch, tmp_path) -> None:
        """Nor on that of git's own helper, which gets the URL. Asked of git itself: what would it send?"""
        clean, environment = credentials.for_git(
            "https://tok%40n@git.example.com:8443/shop.git", {"GIT_CONFIG_COUNT": "1"}
        )
        assert clean == "https://git.example.com:8443/shop.git"
        first = {"GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "x"}
        asked = subprocess.run(
            ["git", "config", "--get-urlmatch", "http.extraHeader", clean],
            env=os.environ | first | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        kind, _, token = asked.stdout.strip().rpartition(" ")
        assert kind == "Authorization: Basic"
        assert base64.b64decode(token) == b"tok@n:"

    def test_others_are_left_as_they_are(self) -> None:
        for repository in ("git@h:shop.git", "ssh://git@h/shop.git", "/srv/shop.git", "https://h/shop.git"):
            assert credentials.for_git(repository, {}) == (repository, {})

    def test_a_failure_does_not_show_it(self, monkeypatch) -> None:
        calls = []
        run = subprocess.run

        def spy(arguments, **options):
            calls.append(arguments)
            return run([sys.executable, "-c", "import sys; sys.exit('fatal: unable to access')"], **options)

        monkeypatch.setattr(release_source.subprocess, "run", spy)
        with pytest.raises(SourceError) as raised:
            find_commit("https://u:canary@git.example.com/shop.git", "main")
        assert "canary" not in f"{raised.value}{calls}"
