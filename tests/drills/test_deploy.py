"""Releases under load: live on one host after the other, refused, taken back, interrupted. Nobody who visits notices.

Each drill catches a request that is refused or cut off while an application server restarts; besides, what its own
docstring says.
"""

import itertools
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.tests.drills.load import Load
from plays import ROOT, Run

GUEST_BOOK = ROOT / "roles/appserver/files/guestbook"
ROOT_OF_RELEASES = "/srv/www/guestbook"

# A trial is told from the real thing by where it listens.
LIVE_ON = """
import os
if os.environ["APP_SERVER_NAME"] == "{host}" and "GUNICORN_CMD_ARGS" not in os.environ:
    raise RuntimeError("this release works on trial only")
"""
NOWHERE = "raise RuntimeError('this release works nowhere')\n"


@pytest.fixture
def version(tmp_path: Path) -> Callable[..., str]:
    """A release of the guest book, as the option -e of a deployment: ``version("2", NOWHERE)``."""

    def make(name: str, code: str = "") -> str:
        folder = tmp_path / name
        shutil.copytree(GUEST_BOOK, folder)
        file = folder / "guestbook/wsgi.py"
        file.write_text(f"# Version {name}\n{code}{file.read_text()}")
        return json.dumps({"appserver_source": {"type": "directory", "path": str(folder)}})

    return make


@pytest.fixture
def serving(inventory, on) -> Callable[[], dict[str, str]]:
    """The release that serves on each application host."""

    def ask() -> dict[str, str]:
        names = inventory.groups["appservers"]
        return {name: on(name).check_output(f"basename $(readlink {ROOT_OF_RELEASES}/current)") for name in names}

    return ask


@pytest.fixture
def under_load(site, wait_until) -> Callable[..., Run]:
    """Run something while people read and write; no request fails, and every entry that was acknowledged is there."""

    def run(work: Callable[..., Any], *arguments: Any) -> Any:
        with Load(site) as load:
            wait_until(lambda: len(load.acknowledged) > 10, "the load to begin")
            began = time.monotonic()
            result = work(*arguments)
            took, made = time.monotonic() - began, len(load.acknowledged)
            wait_until(lambda: len(load.acknowledged) > made + 10, "the load to go on")
        longest = load.gap(began, began + took, "read")
        print(f"{took:.1f} s, {len(load.moments)} requests, the longest time without a page {longest:.2f} s")
        assert load.refused == []
        return result

    return run


@pytest.fixture(autouse=True)
def as_the_inventory_has_it(play) -> Iterator[None]:
    """After every drill, however it ends."""
    yield
    done = play("deploy.yml")
    assert done.succeeded, done.output


def only(serving: dict[str, str]) -> str:
    (release,) = set(serving.values())
    return release


class TestDeploy:
    def test_it_goes_live_and_once_is_enough(self, under_load, play, version, serving, inventory) -> None:
        before, new = only(serving()), version("1")
        run = under_load(play, "deploy.yml", "-e", new)
        assert run.succeeded, run.output
        after = only(serving())
        assert after != before
        assert re.search(rf"Release {after} serves on .* in place of {before}\. It took [0-9.]+ s a host", run.said)
        again = play("deploy.yml", "-e", new)
        assert again.succeeded, again.output
        assert again.changed == dict.fromkeys(inventory.groups["appservers"], 0), again.output

    def test_a_dry_run_tells_and_changes_nothing(self, play, version, serving) -> None:
        before = serving()
        run = play("deploy.yml", "--check", "-e", version("1"))
        assert run.succeeded, run.output
        assert f"goes live on web1 and web2, in place of {only(before)}" in run.said
        assert serving() == before

    def test_a_broken_one_goes_live_nowhere(self, under_load, play, version, serving) -> None:
        """It is tried on every host first: red where the first host has it before the second is asked."""
        before = serving()
        run = under_load(play, "deploy.yml", "-e", version("1", NOWHERE))
        assert not run.succeeded
        assert "No host was changed, because not every one is ready" in run.said
        assert "RuntimeError: this release works nowhere" in run.said
        assert serving() == before

    def test_one_that_fails_on_the_second_host_leaves_the_first(self, under_load, play, version, serving, inventory):
        """It has answered there on trial, and does not in its place. Red where the hosts are left with two releases."""
        before, hosts = serving(), inventory.groups["appservers"]
        run = under_load(play, "deploy.yml", "-e", version("1", LIVE_ON.format(host=hosts[1])))
        assert not run.succeeded
        assert f"{only(before)} serves again on {hosts[0]}" in run.said
        assert serving() == before
        listed = play("releases.yml").output
        assert listed.count("has never served") == len(hosts), listed

    def test_one_at_a_time(self, play, version, serving, inventory, on) -> None:
        """And a lock of somebody else's is said, with its age, and stays."""
        before, (first, *_) = serving(), inventory.groups["appservers"]
        lock = "/var/lib/appserver/guestbook.lock"
        held = {"verb": "deploy.yml", "who": "ada@desk", "process": 1, "token": "t", "until": 0}
        text = json.dumps(held | {"since": time.time() - 7300})
        on(first).check_output(f"mkdir -p /var/lib/appserver && echo '{text}' > {lock}")
        try:
            run = play("deploy.yml", "-e", version("1"))
            assert not run.succeeded
            assert f"deploy.yml of ada@desk is at work on {first} since 2 h" in run.said
            assert serving() == before
            assert "ada@desk" in on(first).check_output(f"cat {lock}")
        finally:
            on(first).check_output(f"truncate --size=0 {lock}")


class TestRollback:
    def test_back_to_what_served_and_it_stays(self, under_load, play, version, serving, inventory) -> None:
        """Within seconds a host; the next run of site.yml does not release again what was left."""
        before, new = only(serving()), version("1")
        assert play("deploy.yml", "-e", new).succeeded
        left = only(serving())
        told = play("rollback.yml", "--check")
        assert f"Release {before} goes live on web1 and web2, in place of {left}" in told.said
        run = under_load(play, "rollback.yml")
        assert run.succeeded, run.output
        assert only(serving()) == before
        seconds = float(re.search(r"It took ([0-9.]+) s a host at most", run.said)[1])
        print(f"rollback: {seconds} s a host")
        stays = play("application.yml", "-e", new)
        assert stays.succeeded, stays.output
        assert f"rollback.yml has taken release {left} of guestbook back, so {before} goes on serving" in stays.said
        assert only(serving()) == before
        assert "taken back" in play("releases.yml").output
        asked = play("rollback.yml", "-e", f"release={left}")
        assert asked.succeeded, asked.output
        assert only(serving()) == left

    def test_what_never_served_is_refused(self, play, version, serving) -> None:
        before = serving()
        play("deploy.yml", "-e", version("1", NOWHERE))
        never = re.search(r"([0-9a-f]{12}) +has never served", play("releases.yml").output)[1]
        run = play("rollback.yml", "-e", f"release={never}")
        assert not run.succeeded
        assert f"Release {never} has never served on web1 and web2" in run.said
        assert serving() == before

    def test_migrations_between_are_told(self, play, version, tmp_path) -> None:
        new = version("1")
        (tmp_path / "1/guestbook/migrations.py").write_text("# One more column\n")
        assert play("deploy.yml", "-e", new).succeeded
        assert "Migrations stand between" in play("rollback.yml", "--check").said
        assert "(guestbook/migrations.py)" in play("rollback.yml").said


@pytest.mark.parametrize("verb", ["deploy.yml", "rollback.yml"])
def test_interrupted_anywhere_it_goes_on(under_load, killed_at, play, version, serving, inventory, verb, on) -> None:
    """Killed at each of its tasks, and run again: all hosts serve the same, and no lock is left."""
    for number in itertools.count(1):
        before, new = only(serving()), version(str(number))
        options = ["-e", new]
        if verb == "rollback.yml":
            assert play("deploy.yml", *options).succeeded
            options = []
        at = under_load(killed_at, number, verb, *options)
        run = play(verb, *options)
        assert run.succeeded, f"after {at}: {run.output}"
        after = only(serving())
        assert (after == before) == (verb == "rollback.yml"), at
        for name in inventory.groups["appservers"]:
            assert not on(name).file("/etc/appserver/guestbook/.before").exists, at
            assert on(name).file("/var/lib/appserver/guestbook.lock").size == 0, at
        if not at:
            break
    assert number > 5
