"""What a release builds, what runs beside it, and commands in it: on a real host, with a real service manager."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from patience import until
from testinfra.host import Host
from tiny_application import Deploy, Run, ansible, version

testinfra_hosts = ["ansible://appservers"]
pytestmark = pytest.mark.usefixtures("as_converged")

ROOT = "/srv/www/hello"
BUILD = """
import os, pathlib
folder = pathlib.Path("static")
folder.mkdir(mode=0o700)
(folder / "site.css").write_text(f"{os.getuid() != 0} {len(os.environ['SECRET'])}")
for name in ("static/site.css", "/srv/www/hello/current/hello.py", ".venv/x"):
    print(name, os.access(name, os.W_OK))
"""
WORKER = """
import os, pathlib, signal, sys, time
shared = pathlib.Path(os.environ["APP_SHARED"])
def stop(*_arguments):
    time.sleep(1)
    (shared / f"finished-{RELEASE}").touch()
    sys.exit()
RELEASE = pathlib.Path(__file__).parent.name
signal.signal(signal.SIGTERM, stop)
(shared / "worker").write_text(os.getcwd())
while True:
    time.sleep(60)
"""
JOB = """
import os, pathlib
pathlib.Path(os.environ["APP_SHARED"], "job").write_text(os.getcwd())
"""
PROCESSES = {"worker": {"command": ["worker.py"]}}
JOBS = {"tick": {"command": ["job.py"], "schedule": "*:*:0/2"}}


def files(name: str, **more: str) -> dict[str, str]:
    given = {"worker.py": WORKER, "job.py": JOB, "make.py": BUILD}
    return version(name) | given | {f"{key}.py": text for key, text in more.items()}


@pytest.fixture
def command() -> Callable[..., Run]:
    """A command in the release that serves."""

    def run(*words: str, **options: Any) -> Run:
        arguments = {"name": "hello", "command": words, "application_secrets": {"SECRET": "canary-7f3a"}, **options}
        module = ("--module-name=foobar.webstack.app_command", f"--args={json.dumps(arguments)}")
        return ansible("ansible", "--become", "-vvv", *module, "appservers")

    return run


class TestBuild:
    def test_it_builds_as_the_application_and_the_web_server_reads_it(self, deploy: Deploy, host: Host, about) -> None:
        """Red where it may not write to the release, and where only the application may read what it made."""
        wanted = {"files": files("built"), "build": [["make.py"]]}
        deploy(**wanted).succeeded()
        css = host.file(f"{ROOT}/current/static/site.css")
        assert css.content_string == "True 11"
        assert (css.user, css.mode, host.file(f"{ROOT}/current/static").mode) == ("root", 0o644, 0o755)
        assert about()["version"] == "built"
        assert deploy(**wanted).succeeded().changed == 0
        assert host.run("ls /run/systemd/system/hello.build.service /run/appserver/hello.build").rc != 0

    def test_one_that_fails_stops_the_play_and_nobody_notices(self, deploy: Deploy, about) -> None:
        before = about()
        broken = files("broken", make="import os; raise SystemExit('no such module ' + os.environ['SECRET'])")
        run = deploy("-vvv", files=broken, build=[["make.py"]])
        run.failed("Its build failed: the command 'make.py' ended with status 1", "no such module", "keeps serving as")
        assert "canary" not in run.output
        assert about() == before

    def test_one_that_takes_too_long_is_ended(self, deploy: Deploy, about) -> None:
        before = about()
        slow = files("slow", make="import time; time.sleep(600)")
        deploy(files=slow, build=[["make.py"]], build_timeout=2).failed("was ended after exceeding the 2 s timeout")
        assert about() == before


class TestBeside:
    """In order: each goes on from what the one before has left."""

    def test_they_run_confined_in_the_release(self, deploy: Deploy, host: Host) -> None:
        wanted = {"files": files("w1"), "processes": PROCESSES, "jobs": JOBS, "release": "w1"}
        deploy(**wanted).succeeded()
        process = host.check_output("systemctl show -P MainPID hello-worker")
        assert host.file(f"{ROOT}/shared/worker").content_string == f"{ROOT}/releases/w1"
        assert host.check_output("ps -o user= -p %s", process) == "hello"
        for unit in ("hello-worker", "hello-tick"):
            verdict = host.check_output("systemd-analyze security --no-pager %s", unit)
            assert float(re.search(r"Overall exposure level.*: ([\d.]+)", verdict)[1]) <= 1.5, verdict
        assert host.service("hello-worker").is_enabled
        until(lambda: host.file(f"{ROOT}/shared/job").exists, "the job")
        assert host.file(f"{ROOT}/shared/job").content_string == f"{ROOT}/releases/w1"
        assert deploy(**wanted).succeeded().changed == 0
        assert deploy("--check", "--diff", **wanted).succeeded().changed == 0
        assert host.check_output("systemctl show -P MainPID hello-worker") == process

    def test_the_next_release_lets_them_finish_and_restarts_them(self, deploy: Deploy, host: Host) -> None:
        deploy(files=files("w2"), processes=PROCESSES, jobs=JOBS, release="w2").succeeded()
        assert host.file(f"{ROOT}/shared/finished-w1").exists
        assert host.service("hello-worker").is_running
        assert host.file(f"{ROOT}/shared/worker").content_string == f"{ROOT}/releases/w2"

    def test_one_that_does_not_stay_up_takes_the_release_back(self, deploy: Deploy, host: Host, about) -> None:
        broken = files("w3", worker="import time; time.sleep(1); raise SystemExit('no broker')")
        deploy(files=broken, processes=PROCESSES, jobs=JOBS, release="w3").failed(
            "what runs beside it does not work; release w2 was restored and serves",
            "Its unit hello-worker.service did not stay up for 5 s (exit-code, status 1)",
            "no broker",
        )
        assert about()["version"] == "w2"
        assert host.service("hello-worker").is_running
        assert host.file(f"{ROOT}/shared/worker").content_string == f"{ROOT}/releases/w2"

    def test_a_schedule_that_systemd_does_not_know_changes_nothing(self, deploy: Deploy, about) -> None:
        before = about()
        jobs = {"tick": {"command": ["job.py"], "schedule": "each night"}}
        deploy(files=files("w4"), processes=PROCESSES, jobs=jobs).failed(
            '"tick" has the schedule "each night", which systemd does not understand'
        )
        assert about() == before

    def test_what_is_not_named_any_more_is_gone(self, deploy: Deploy, host: Host) -> None:
        several = {"worker": {"command": ["worker.py"], "instances": 2}}
        deploy(files=files("w2"), release="w2", processes=several).succeeded()
        active = "systemctl list-units --plain --no-legend --state=active 'hello-*'"
        units = {line.split()[0] for line in host.check_output(active).splitlines()}
        assert units == {"hello-worker-1.service", "hello-worker-2.service"}
        deploy(files=files("w2"), release="w2").succeeded()
        assert host.check_output(active) == ""
        assert host.run("ls /etc/systemd/system/hello-*").rc != 0


class TestCommand:
    def test_it_runs_in_the_release_as_the_application(self, command, deploy: Deploy) -> None:
        who = "import os; print(os.getcwd(), os.getuid() != 0, os.environ['ONCE'][:4], os.environ['SECRET'])"
        deploy(files=files("c1") | {"who.py": who}, release="c1").succeeded()
        run = command("who.py", secrets={"ONCE": "bird-5c1d"}).succeeded()
        assert f"{ROOT}/releases/c1 True bird ********" in run.output
        assert "canary" not in run.output
        assert "bird-5c1d" not in run.output

    def test_one_that_fails_is_told(self, command) -> None:
        command("python3", "-c", "raise SystemExit('no such user')").failed("ended with status 1", "no such user")

    def test_it_cannot_ask(self, command) -> None:
        """In one sentence of Python's own, and at once. Red if it waited for an answer for ever."""
        command("python3", "-c", "input('Password: ')").failed("EOFError")

    def test_it_writes_nowhere_but_to_its_own_places(self, command) -> None:
        command("python3", "-c", "open('/srv/www/hello/current/x', 'w')").failed("Read-only file system")
        command("python3", "-c", "import os; open(os.environ['APP_SHARED'] + '/x', 'w')").succeeded()


class TestUploads:
    def test_the_web_server_reads_them_and_nothing_else(self, command, deploy: Deploy, host: Host) -> None:
        """Red with the unit's former umask, and with a directory of the application's own group."""
        deploy(files=files("u1"), release="u1", uploads=["media"]).succeeded()
        write = (
            "import os, pathlib; shared = pathlib.Path(os.environ['APP_SHARED']); (shared / 'private').write_text('x');"
            "(shared / 'media/2026').mkdir(); (shared / 'media/2026/a.txt').write_text('upload')"
        )
        command("python3", "-c", write).succeeded()
        read = "su www-data -s /bin/sh -c 'cat %s/shared/%s'"
        assert host.check_output(read, ROOT, "media/2026/a.txt") == "upload"
        assert "Permission denied" in host.run(read, ROOT, "private").stderr
        assert host.run("su www-data -s /bin/sh -c 'ls %s/shared'", ROOT).rc != 0
        assert host.run("su nobody -s /bin/sh -c 'ls %s/shared/media'", ROOT).rc != 0
        assert deploy(files=files("u1"), release="u1", uploads=["media"]).succeeded().changed == 0

    def test_what_is_to_be_mounted_and_is_not_is_refused(self, deploy: Deploy, about) -> None:
        before = about()
        deploy(files=files("u1"), release="u1", uploads=["media"], uploads_mounted=True).failed("is not on a mounted")
        assert about() == before
