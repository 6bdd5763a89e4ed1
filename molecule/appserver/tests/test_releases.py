"""Releases on a real host, with a real service manager: good ones, broken ones, and what clients notice of either."""

import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host
from tiny_application import CA, SCENARIO, Deploy, version

testinfra_hosts = ["ansible://appservers"]
pytestmark = pytest.mark.usefixtures("as_converged")

STRANGE = json.loads((SCENARIO / "files/strange.json").read_text())
TLS = "/etc/webstack/tls"


class TestAsConverged:
    def test_every_strange_value_arrives(self, about) -> None:
        """Red without the quoting of a single one of them."""
        assert {name: value for name, value in about()["environment"].items() if name.startswith("STRANGE")} == STRANGE

    def test_the_migration_ran_with_its_arguments_as_they_are(self, host: Host) -> None:
        assert host.file("/srv/www/hello/shared/migrated").content_string == "$HOME %n \"a\" 'b' \\"

    def test_the_guest_book_takes_an_entry_and_shows_it(self, host: Host) -> None:
        program = (
            "import http.cookiejar, urllib.request as u\n"
            "o = u.build_opener(u.HTTPCookieProcessor(http.cookiejar.CookieJar()))\n"
            "r = o.open('http://127.0.0.1:8000/', b'name=Ada&message=%3Cb%3EHello', timeout=10)\n"
            "h = r.headers; print(r.status, h['X-App-Server'], h['X-Database-Read'], '&lt;b&gt;' in r.read().decode())"
        )
        assert host.check_output("python3 -c %s", program) == "200 app1 sqlite True"

    def test_it_writes_nowhere_but_to_its_own_places(self, about) -> None:
        """Both temporary directories are its own, too."""
        assert about()["writable"] == ["/srv/www/hello/shared", "/var/tmp", "/tmp", "/dev/shm"]  # noqa: S108


class TestReleases:
    def test_a_good_one_goes_live_and_no_request_fails(self, deploy: Deploy, stream, about) -> None:
        """Red with a restart that closes the listening socket."""
        deploy(files=version("two")).succeeded()
        report = stream()
        assert set(report["ends"]) == {"200"}
        assert report["values"][-1] == about()["version"] == "two"
        assert report["slowest"] < 10

    def test_once_is_enough(self, deploy: Deploy, about) -> None:
        deploy(files=version("two")).succeeded()
        before = about()
        assert deploy(files=version("two")).succeeded().changed == 0
        assert deploy("--check", "--diff", files=version("two")).succeeded().changed == 0
        assert about()["parent"] == before["parent"]

    def test_checking_changes_nothing(self, deploy: Deploy, about) -> None:
        before = about()
        run = deploy("--check", "--diff", files=version("three"), environment={"X": "y"}).succeeded()
        assert run.changed == 1
        assert about() == before

    @pytest.mark.parametrize(
        ("files", "reason"),
        [
            (
                version("broken", **{"import json": "import json, nothing_of_that_name"}),
                "No module named 'nothing_of_that_name'",
            ),
            (version("broken", **{'HEALTH = "200 OK"': 'HEALTH = "500 Oops"'}), "GET /healthz answered 500 Oops"),
            (version("broken", **{"def app(": "def other("}), "Failed to find attribute 'app' in 'hello'"),
            (
                version("broken", **{"status, body = HEALTH": "__import__('time').sleep(60); status, body = HEALTH"}),
                "no answer within",
            ),
        ],
        ids=["import", "health", "attribute", "hangs"],
    )
    def test_a_broken_one_stops_the_play_and_nobody_notices(self, deploy: Deploy, stream, about, files, reason) -> None:
        before = about()
        deploy(files=files, environment={"X": "1"}, start_timeout=4).failed(reason, "keeps serving as before")
        report = stream()
        assert set(report["ends"]) == {"200"}
        assert "broken" not in report["values"]
        assert about() == before

    def test_a_broken_one_is_tried_again(self, deploy: Deploy, about) -> None:
        """It is on the host already, and must not pass for the one that serves."""
        files = version("broken", **{"import json": "import json, nothing_of_that_name"})
        for _twice in range(2):
            deploy(files=files).failed("No module named 'nothing_of_that_name'")
        assert about()["version"] != "broken"

    def test_a_failing_migration_stops_the_play(self, deploy: Deploy, about) -> None:
        before = about()
        deploy(files=version("three"), migrate=["python3", "-c", "raise SystemExit('no such column')"]).failed(
            "keeps serving as before. Its migration failed: the command", "ended with status 1", "no such column"
        )
        assert about() == before

    def test_a_failing_migration_tells_no_password(self, deploy: Deploy) -> None:
        """Not even the one in a URL, which the program may print without the rest of it."""
        tell = "import os; raise SystemExit('refused: ' + os.environ['ADMIN_URL'].split(':')[2].split('@')[0])"
        secrets = {"ADMIN_URL": "mysql://admin:canary-5d1e@db1/shop"}
        run = deploy("-vvv", files=version("three"), migrate=["python3", "-c", tell], migrate_secrets=secrets)
        run.failed("Its migration failed", "refused: ****")
        assert "canary" not in run.output

    def test_a_broken_setting_stops_the_play(self, deploy: Deploy, about) -> None:
        before = about()
        deploy(files=version("two"), unit_options={"ReadWritePaths": "/nowhere"}).failed("keeps serving as before")
        deploy(files=version("two"), bind={"address": "192.0.2.1", "port": 8001}).failed(
            "cannot listen on 192.0.2.1 port 8001"
        )
        deploy(files=version("two"), bind={"address": "127.0.0.1", "port": 8000}).failed("Address already in use")
        deploy(files=version("two"), environment={"A-B": "x"}).failed(
            "does not have a valid name; use letters, digits and _"
        )
        assert about() == before

    def test_a_changed_password_loses_no_request(self, deploy: Deploy, stream, about) -> None:
        """Nothing else changes: the release that serves is tried with it, and restarted."""
        deploy(files=version("two"), secrets={"DATABASE_URL": "mysql://u:first@db1/d"}).succeeded()
        before = about()
        deploy(files=version("two"), secrets={"DATABASE_URL": "mysql://u:second@db1/d"}).succeeded()
        report = stream()
        assert set(report["ends"]) == {"200"}
        assert sum(report["ends"].values()) > 50, "there was hardly a stream"
        after = about()
        assert after["environment"]["DATABASE_URL"] == "mysql://u:second@db1/d"
        assert after["release"] == before["release"]
        assert after["parent"] != before["parent"]

    def test_a_changed_secret_arrives_and_is_shown_nowhere(self, deploy: Deploy, stream, about) -> None:
        """Neither by a run that works nor by one that does not; the application itself is kept from telling too."""
        shout = version("two", **{"def about": "print(os.environ['SECRET'], flush=True)\n\n\ndef about"})
        good = deploy("-vvv", "--diff", files=shout, secrets={"SECRET": "canary-good"}).succeeded()
        assert about()["environment"]["SECRET"] == "canary-good"
        assert set(stream()["ends"]) == {"200"}
        shout["hello.py"] += "\nraise RuntimeError(os.environ['SECRET'])\n"
        bad = deploy("-vvv", "--diff", files=shout, secrets={"SECRET": "canary-bad"}).failed("RuntimeError")
        assert "canary" not in good.output
        assert "canary" not in bad.output

    def test_as_many_as_wanted_are_kept_and_one_can_go_back(self, deploy: Deploy, host: Host, about) -> None:
        for name in ("r1", "r2", "r3"):
            deploy(files=version(name), release=name, releases_kept=2).succeeded()
        assert set(host.check_output("ls /srv/www/hello/releases").split()) == {"r2", "r3"}
        deploy(source={"type": "directory", "path": "/nowhere"}, release="r2").succeeded()
        assert about()["version"] == "r2"
        deploy(source={"type": "directory", "path": "/nowhere"}, release="r1").failed("/nowhere")

    def test_a_half_made_release_is_made_anew(self, deploy: Deploy, host: Host, about) -> None:
        """What a run leaves that was killed while it unpacked."""
        host.check_output("mkdir /srv/www/hello/releases/r9; echo broken > /srv/www/hello/releases/r9/hello.py")
        deploy(files=version("nine"), release="r9").succeeded()
        assert about()["version"] == "nine"

    def test_an_interrupted_switch_is_finished(self, deploy: Deploy, host: Host, about) -> None:
        """Killed after the renames and before the restart: the files say what the process does not do yet."""
        deploy(files=version("three"), release="s1").succeeded()
        deploy(files=version("four"), release="s2").succeeded()
        host.check_output(
            'echo \'{"previous": "s2"}\' > /srv/www/hello/.switching; ln -sfn releases/s1 /srv/www/hello/current'
        )
        assert about()["version"] == "four"
        assert deploy(files=version("three"), release="s1").succeeded().changed == 1
        assert about()["version"] == "three"

    def test_another_address_is_taken(self, deploy: Deploy, host: Host) -> None:
        """systemd must not hand the old listening socket to the new process."""
        deploy(files=version("two"), bind={"address": "::1", "port": 8011}).succeeded()
        assert host.socket("tcp://::1:8011").is_listening
        assert not host.socket("tcp://127.0.0.1:8001").is_listening
        deploy(files=version("two")).succeeded()
        assert host.socket("tcp://127.0.0.1:8001").is_listening


class TestService:
    """What an operator does to the service, and what happens to it."""

    def test_restarts_lose_no_request(self, host: Host, stream) -> None:
        host.check_output("for i in 1 2 3; do systemctl restart hello; sleep 0.5; done")
        assert set(stream()["ends"]) == {"200"}

    def test_a_killed_service_comes_back(self, host: Host, about, stream) -> None:
        """Requests that a killed process had are lost; all others wait for its successor, and none is refused."""
        before = about()["parent"]
        host.check_output("systemctl kill --signal=KILL hello")
        report = stream()
        assert about()["parent"] != before
        assert not [end for end in report["ends"] if "refused" in end]

    def test_a_stopped_service_refuses(self, host: Host) -> None:
        """So that a proxy turns to the next server at once instead of waiting."""
        host.check_output("systemctl stop hello")
        assert not host.socket("tcp://127.0.0.1:8001").is_listening
        host.check_output("systemctl start hello")
        assert host.socket("tcp://127.0.0.1:8001").is_listening

    def test_a_run_starts_what_is_stopped(self, host: Host, deploy: Deploy, about) -> None:
        host.check_output("systemctl disable --now hello")
        deploy(files=version("two")).succeeded()
        assert about()["version"] == "two"
        assert host.service("hello").is_enabled


class TestTls:
    """With clients that verify the certificate; the stream of requests does, too."""

    @pytest.fixture(autouse=True)
    def good_certificate(self, host: Host) -> Iterator[None]:
        yield
        host.check_output("issue")

    def test_an_exchanged_certificate_is_used_without_a_restart(self, host: Host, about, shown, stream) -> None:
        """Catches a context that is made once for all. No handshake fails while the files change."""
        before, process = shown(), about()["parent"]
        for _three_times in range(3):
            host.check_output("issue && sleep 0.5")
        after = shown()
        report = stream()
        assert set(report["ends"]) == {"200"}
        assert after != before
        assert len(report["handshakes"]) >= 3
        assert {before, after} <= set(report["handshakes"])
        assert about()["parent"] == process

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            ("cp {0}/other.key {0}/application/key.pem", "does not belong to the key"),
            ("chmod 0600 {0}/application/key.pem", "key.pem of its certificate cannot be read: Permission denied"),
            ("rm {0}/application/certificate.pem", "certificate.pem of its certificate cannot be read: No such file"),
        ],
        ids=["foreign key", "secret key", "no certificate"],
    )
    def test_a_bad_one_stops_the_play_and_nobody_notices(
        self, host: Host, deploy: Deploy, about, shown, stream, spoil, reason
    ) -> None:
        """The processes that run go on with the one that they have."""
        before = about(), shown()
        host.check_output(spoil.format(TLS))
        deploy(files=version("three"), environment={"X": "1"}).failed(reason, "keeps serving as before")
        assert set(stream()["ends"]) == {"200"}
        assert (about(), shown()) == before

    def test_one_that_proxies_would_refuse_does_not_go_live(self, deploy: Deploy, about) -> None:
        before = about()
        tls = {name: f"{TLS}/application/{name}.pem" for name in ("certificate", "key")}
        deploy(files=version("three"), tls={**tls, "ca": CA, "name": "other.internal"}, start_timeout=3).failed(
            "its certificate is not accepted, Hostname mismatch", "keeps serving as before"
        )
        deploy(files=version("three"), tls={**tls, "ca": f"{TLS}/other.pem"}, start_timeout=3).failed(
            "its certificate is not accepted, unable to get local issuer certificate"
        )
        assert about() == before

    def test_clients_that_say_nothing_do_not_keep_the_workers(self, host: Host, about) -> None:
        """Catches a worker that waits for a handshake until gunicorn kills it, after 30 s. There are two."""
        workers = host.check_output("pgrep -P %s", str(about()["parent"]))
        program = (
            "import socket, ssl, sys, time, urllib.request as u\n"
            "silent = [socket.create_connection(('127.0.0.1', 8001)) for _ in range(4)]\n"
            "time.sleep(0.5)\n"
            "started = time.monotonic()\n"
            "tls = ssl.create_default_context(cafile=sys.argv[1])\n"
            "u.urlopen('https://127.0.0.1:8001/healthz', timeout=25, context=tls)\n"
            "print(time.monotonic() - started)"
        )
        assert 3 < float(host.check_output("python3 -c %s %s", program, CA)) < 25
        assert host.check_output("pgrep -P %s", str(about()["parent"])) == workers

    def test_without_it_and_back(self, deploy: Deploy, about) -> None:
        deploy(files=version("plain"), tls={}).succeeded()
        assert about("http")["version"] == "plain"
        assert deploy(files=version("plain"), tls={}).succeeded().changed == 0
        deploy(files=version("two")).succeeded()
        assert about()["version"] == "two"


class TestSources:
    def test_archives(self, deploy: Deploy, tmp_path: Path, about) -> None:
        text = version("tar")["hello.py"].encode()
        with tarfile.open(tmp_path / "hello.tar.xz", "w:xz") as tar:
            member = tarfile.TarInfo("hello-1.0/src/hello.py")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
        source = {"type": "archive", "path": str(tmp_path / "hello.tar.xz"), "subdirectory": "hello-1.0/src"}
        deploy(source=source).succeeded()
        assert about()["version"] == "tar"
        assert deploy(source=source).succeeded().changed == 0

        with zipfile.ZipFile(tmp_path / "hello.zip", "w") as archive:
            archive.writestr("hello.py", version("zip")["hello.py"])
        deploy(source={"type": "archive", "path": str(tmp_path / "hello.zip")}).succeeded()
        assert about()["version"] == "zip"

    def test_git(self, deploy: Deploy, tmp_path: Path, host: Host, about) -> None:
        """From the controller's clone; the host has no git."""
        repository = tmp_path / "repository"
        repository.mkdir()

        def git(*arguments: str) -> str:
            identity = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
            return subprocess.run(
                ["git", *identity, *arguments], cwd=repository, check=True, capture_output=True, text=True
            ).stdout.strip()

        git("init")
        commits = {}
        for name in ("git1", "git2"):
            (repository / "hello.py").write_text(version(name)["hello.py"])
            git("add", ".")
            git("commit", "-m", name)
            git("tag", "-a", f"v-{name}", "-m", name)
            commits[name] = git("rev-parse", "HEAD")
        deploy(source={"type": "git", "repo": str(repository)}).succeeded()
        assert (about()["version"], about()["release"]) == ("git2", commits["git2"][:12])
        deploy(source={"type": "git", "repo": str(repository), "version": "v-git1"}).succeeded()
        assert (about()["version"], about()["release"]) == ("git1", commits["git1"][:12])
        assert (
            deploy(source={"type": "git", "repo": str(repository), "version": commits["git1"]}).succeeded().changed == 0
        )
        deploy(source={"type": "git", "repo": str(repository), "version": "nothing"}).failed("no branch or tag nothing")
        assert host.run("command -v git").rc != 0

    def test_a_virtual_environment_for_a_release(self, deploy: Deploy, about, host: Host) -> None:
        """From wheels that the release brings, so that nobody needs an index; gunicorn comes from the system."""
        files: dict[str, Any] = {
            **version("venv", **{"VERSION = ": "import greeting\nVERSION = greeting.__file__ + "}),
            "requirements.txt": "greeting==1.0\n",
            "vendor/greeting-1.0-py3-none-any.whl": wheel("greeting", "1.0"),
        }
        options = {
            "requirements": "requirements.txt",
            "pip_arguments": ["--no-index", "--find-links", "vendor"],
            "system_site_packages": True,
        }
        deploy(files=files, **options).succeeded()
        told = about()
        assert told["version"].startswith(f"/srv/www/hello/releases/{told['release']}/.venv/lib/")
        assert deploy(files=files, **options).succeeded().changed == 0
        assert host.check_output("find /srv/www/hello/current/.venv -user hello") == ""

        files["requirements.txt"] = "greeting==2.0\n"
        deploy(files=files, **options).failed("No matching distribution found for greeting==2.0")
        deploy(files=files, **{**options, "requirements": "other.txt"}).failed("does not contain other.txt")
        assert about() == told
        files["requirements.txt"] = "greeting==1.0\n"
        deploy(files=files, **{**options, "system_site_packages": False}).failed("does not install gunicorn")
        assert about() == told


def wheel(name: str, number: str) -> bytes:
    """The least that pip installs."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        info = f"{name}-{number}.dist-info"
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/RECORD", f"{name}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return content.getvalue()
