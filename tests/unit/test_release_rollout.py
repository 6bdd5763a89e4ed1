"""A deployment in two halves: tried on every host, then live on one after the other, taken back, or made final."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._release import (
    before,
    files,
    gunicorn,
    health,
    listing,
    plan,
    releases,
    verb_lock,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.apply import (
    Until,
    apply,
    give_back,
    go_live,
    make_final,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.companions import Job, Process
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment, Requirements
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.shared import Uploads
from ansible_collections.foobar.webstack.plugins.modules import app_release
from release_host import CONFIG, Host

HOLDER = {"who": "ada@desk", "process": 4711}
NEW: dict[str, Any] = {"keep": 2, "environment": {"SECRET": "new"}, "config": CONFIG + "workers = 3\n"}


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    return made(tmp_path / "host", monkeypatch)


def made(base: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(base)
    monkeypatch.setattr(health, "ask", host.ask)
    monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
    return host


def stage(host: Host, name: str, behaviour: str = "answers", token: str = "", **changes: Any) -> bool:
    """As deploy.yml does, on this host; whether something waits to go live."""
    deployment = Deployment.of(host.at, host.wanted(name, **changes), host.run)
    outcome = apply(deployment, None, Until.UNPACKED, token)
    if outcome.missing:
        apply(deployment, host.archive(name, behaviour), Until.UNPACKED, token)
    return apply(deployment, None, Until.TRIED, token).staged


def rollout(host: Host, name: str, behaviour: str = "answers", **changes: Any) -> None:
    if stage(host, name, behaviour, **changes):
        go_live(host.at, host.run)
    make_final(host.at, host.wanted(name, **changes).keep)


def started(host: Host) -> list[str]:
    return [call[2] for call in host.calls if call[0] == "systemctl" and call[1] in {"start", "restart"}]


def state(host: Host, name: str) -> dict[str, Any]:
    return releases.state_of(host.at, name) or {}


class TestStaging:
    def test_what_serves_is_not_touched(self, host) -> None:
        host.deploy("a")
        assert stage(host, "b", environment={"NEW": "1"})
        assert host.serves == "a"
        assert "NEW" not in host.at.environment.read_text()
        assert host.at.plan.stat().st_mode & 0o777 == 0o600

    def test_what_was_tried_goes_live_without_another_trial(self, host) -> None:
        host.deploy("a")
        stage(host, "b", environment={"NEW": "1"})
        host.calls.clear()
        assert go_live(host.at, host.run) == "b"
        assert started(host) == ["shop.service"]
        assert host.serves == "b"
        assert 'NEW="1"' in host.environment

    def test_one_that_does_not_work_waits_for_nothing(self, host) -> None:
        """Red where the plan of an earlier trial would go live in its place."""
        host.deploy("a")
        stage(host, "b")
        with pytest.raises(ReleaseError, match="release c of shop does not work"):
            stage(host, "c", "error")
        with pytest.raises(ReleaseError, match="no release of shop was tried on this host"):
            go_live(host.at, host.run)
        assert host.serves == "a"

    def test_what_serves_already_does_not_wait(self, host) -> None:
        host.deploy("a")
        assert not stage(host, "a")
        assert not host.at.plan.exists()

    def test_unpacking_tries_nothing(self, host) -> None:
        host.deploy("a")
        host.calls.clear()
        deployment = Deployment.of(host.at, host.wanted("b"), host.run)
        assert apply(deployment, host.archive("b", "answers"), Until.UNPACKED).found
        assert not apply(deployment, None, Until.UNPACKED).found
        assert started(host) == []

    def test_all_that_is_wanted_is_in_the_plan(self, host) -> None:
        wanted = host.wanted(
            "b",
            candidate_environment={"ADMIN": "x"},
            migrate=["m"],
            build=[["b"]],
            processes=[Process("worker", ["w"])],
            jobs=[Job("job", ["j"], "daily")],
            uploads=Uploads(["media"], 33, True),
            requirements=Requirements("requirements.txt", ["-q"]),
            tls_ca="/ca.pem",
        )
        plan.keep(host.at, wanted)
        loaded = plan.load(host.at)
        assert loaded.candidate_environment == {}
        assert plan.as_data(loaded) == plan.as_data(wanted)
        one, other = (Deployment.of(host.at, each, host.run) for each in (wanted, loaded))
        assert (one.files, one.units) == (other.files, other.units)


class TestGoingBack:
    def test_what_served_before_serves_again_with_its_own_settings(self, host) -> None:
        """The next host has failed: as if it had never been live here."""
        host.deploy("a", environment={"X": "old"}, processes=[Process("worker", ["old"])])
        marks, texts = state(host, "a"), host.files()
        stage(host, "b", environment={"X": "new"}, config=CONFIG + "workers = 3\n", processes=[Process("w", ["new"])])
        go_live(host.at, host.run)
        assert (host.serves, host.beside) == ("b", {"shop-w.service": "b"})
        assert state(host, "b")["served"]
        assert give_back(host.at, host.run) == ("a", True)
        assert (host.serves, host.beside) == ("a", {"shop-worker.service": "a"})
        assert 'X="old"' in host.environment
        assert state(host, "a") == marks
        assert not releases.has_served(state(host, "b")), "it counts neither for keeping nor for going back to"
        left = {name: text for name, text in host.files().items() if "/b" not in name}
        assert left == {name: text for name, text in texts.items() if "/b" not in name}

    def test_where_nothing_went_live_nothing_is_done(self, host) -> None:
        host.deploy("a")
        stage(host, "b")
        host.calls.clear()
        assert give_back(host.at, host.run) == ("a", False)
        assert started(host) == []

    def test_the_host_that_has_failed_is_back_already(self, host) -> None:
        host.deploy("a")
        stage(host, "b", "answers on trial")
        with pytest.raises(ReleaseError, match="release a was restored and serves"):
            go_live(host.at, host.run)
        host.calls.clear()
        assert give_back(host.at, host.run) == ("a", False)
        assert started(host) == []
        assert not host.at.before.exists()

    def test_the_first_release_stays(self, host) -> None:
        """Nothing served before it: red where the service is stopped."""
        stage(host, "a")
        go_live(host.at, host.run)
        assert give_back(host.at, host.run) == ("a", False)
        assert host.serves == "a"

    def test_settings_alone_are_taken_back_too(self, host) -> None:
        host.deploy("a", environment={"X": "old"})
        served = state(host, "a")
        stage(host, "a", environment={"X": "new"})
        go_live(host.at, host.run)
        assert give_back(host.at, host.run) == ("a", True)
        assert 'X="old"' in host.environment
        assert state(host, "a") == served

    def test_a_deployment_that_was_never_final_is_taken_back_as_a_whole(self, host) -> None:
        """It was interrupted, and the next one fails: the last release that all hosts had counts."""
        host.deploy("a")
        for name in "bc":
            stage(host, name)
            go_live(host.at, host.run)
        assert give_back(host.at, host.run) == ("a", True)
        assert host.serves == "a"

    def test_what_does_not_work_any_more_is_said(self, host) -> None:
        host.deploy("a")
        stage(host, "b")
        go_live(host.at, host.run)
        (host.at.release("a") / "behaviour").write_text("error")
        with pytest.raises(ReleaseError, match="release a of shop was restored and does not work either"):
            give_back(host.at, host.run)
        assert host.at.before.exists(), "another run can try it again"


class TestFinality:
    def test_a_deployment_leaves_what_one_run_of_the_role_leaves(self, host) -> None:
        for name in "abcde":
            rollout(host, name)
        assert {path.name for path in host.at.releases.iterdir()} == set("cde")
        assert host.deploy("e") == []
        assert not host.at.before.exists()
        assert not host.at.plan.exists()

    def test_nothing_is_removed_before_that(self, host) -> None:
        """With one release to keep, there would be none to go back to."""
        host.deploy("a", keep=1)
        stage(host, "b", keep=1)
        go_live(host.at, host.run)
        assert host.at.release("a").exists()
        assert sorted(Path(name).name for name in make_final(host.at, 1)) == [".before", "a"]
        assert make_final(host.at, 1) == []

    def test_a_run_of_the_role_makes_it_final(self, host) -> None:
        host.deploy("a")
        stage(host, "b")
        go_live(host.at, host.run)
        (change,) = host.deploy("b")
        assert change.endswith(".before")
        assert host.deploy("b") == []

    def test_when_each_served_is_known(self, host, monkeypatch) -> None:
        for name, now in (("a", 100.0), ("b", 200.0)):
            monkeypatch.setattr("time.time", lambda now=now: now)
            rollout(host, name)
        assert state(host, "a") | {"requirements": {}} == {
            "requirements": {},
            "served": 100.0,
            "until": 200.0,
            "withdrawn": 0,
        }
        assert (state(host, "b")["served"], state(host, "b")["until"]) == (200.0, 0)

    def test_what_is_left_for_another_one_is_withdrawn(self, host) -> None:
        for name in "ab":
            rollout(host, name)
        rollout(host, "a", goes_back=True)
        assert state(host, "b")["withdrawn"]
        assert not state(host, "a")["withdrawn"]
        rollout(host, "b")
        assert not state(host, "b")["withdrawn"], "released again, it is as any other"

    def test_a_release_that_is_gone_back_to_is_used_as_it_was_made(self, host) -> None:
        """Red where another list of packages in the inventory forbids it; one without packages is another matter."""
        rollout(host, "a")
        releases.mark(
            host.at, "a", requirements={"file": "old.txt", "pip_arguments": "1", "system_site_packages": False}
        )
        rollout(host, "b")
        wanted = host.wanted("a", requirements=Requirements("new.txt"))
        with pytest.raises(ReleaseError, match="another virtual environment"):
            releases.is_present(Deployment.of(host.at, wanted, host.run))
        back = host.wanted("a", requirements=Requirements("new.txt"), goes_back=True)
        assert releases.is_present(Deployment.of(host.at, back, host.run))
        with pytest.raises(ReleaseError, match="another virtual environment"):
            releases.is_present(Deployment.of(host.at, host.wanted("a", goes_back=True), host.run))


class TestLock:
    def test_one_verb_at_a_time(self, host) -> None:
        token = verb_lock.take(host.at, "deploy.yml", HOLDER)["lock"]
        with pytest.raises(LockError, match=r"deploy\.yml of ada@desk is at work on this host since 0 s") as raised:
            verb_lock.take(host.at, "rollback.yml", HOLDER)
        assert raised.value.holder
        verb_lock.free(host.at, "another")
        assert verb_lock.standing(host.at)
        verb_lock.free(host.at, token)
        assert verb_lock.standing(host.at) is None
        assert verb_lock.take(host.at, "rollback.yml", HOLDER)["stale"] == ""

    def test_an_old_one_is_not_taken_away(self, host, monkeypatch) -> None:
        """Nobody knows whether the other one is still at work: red where it expires."""
        verb_lock.take(host.at, "deploy.yml", HOLDER)
        monkeypatch.setattr("time.time", lambda: 1e11)
        with pytest.raises(LockError):
            verb_lock.take(host.at, "deploy.yml", HOLDER)

    def test_one_of_a_process_that_has_ended_is_taken_over(self, host) -> None:
        token = verb_lock.take(host.at, "deploy.yml", HOLDER)["lock"]
        taken = verb_lock.take(host.at, "deploy.yml", HOLDER, token)
        assert "has not ended properly" in taken["stale"]
        assert taken["lock"] != token
        assert taken["replaced"]["verb"] == "deploy.yml"

    def test_a_dry_run_takes_none_and_sees_one(self, host) -> None:
        assert verb_lock.take(host.at, "deploy.yml", HOLDER, check=True) == {"lock": "", "stale": "", "replaced": {}}
        assert not host.at.verb_lock.exists()
        verb_lock.take(host.at, "deploy.yml", HOLDER)
        with pytest.raises(LockError):
            verb_lock.take(host.at, "deploy.yml", HOLDER, check=True)

    def test_nothing_changes_for_anybody_else(self, host) -> None:
        """A run of the role, too; one that finds nothing to change goes through."""
        host.deploy("a")
        token = verb_lock.take(host.at, "deploy.yml", HOLDER)["lock"]
        assert host.deploy("a") == []
        for change in (lambda: host.deploy("b"), lambda: make_final(host.at, 3), lambda: stage(host, "b")):
            with pytest.raises(ReleaseError, match=r"deploy\.yml of ada@desk is at work .*, so nothing was changed"):
                change()
        assert stage(host, "b", token=token)
        with pytest.raises(ReleaseError, match="is at work"):
            go_live(host.at, host.run)
        assert go_live(host.at, host.run, token) == "b"
        with pytest.raises(ReleaseError, match="is at work"):
            give_back(host.at, host.run)


class TestWithdrawn:
    class Module:
        def __init__(self, release: str, **params: Any) -> None:
            self.params = {"release": release, "withdrawn": False, "goes_back": False} | params
            self.said: list[str] = []

        def warn(self, text: str) -> None:
            self.said.append(text)

    @pytest.fixture
    def back(self, host) -> Host:
        for name in "ab":
            rollout(host, name)
        rollout(host, "a", goes_back=True)
        return host

    def test_the_next_run_of_the_role_does_not_undo_a_rollback(self, back) -> None:
        """The inventory still names b. Red where site.yml releases it again, at night."""
        module = self.Module("b")
        app_release.hold(module, back.at)
        assert module.params["release"] == "a"
        assert "rollback.yml has taken release b of shop back, so a goes on serving" in module.said[0]

    @pytest.mark.parametrize(
        ("release", "params"), [("b", {"withdrawn": True}), ("a", {}), ("c", {}), ("b", {"goes_back": True})]
    )
    def test_whoever_asks_for_it_gets_it(self, back, release, params) -> None:
        module = self.Module(release, **params)
        app_release.hold(module, back.at)
        assert (module.params["release"], module.said) == (release, [])


class TestListing:
    def test_the_releases_the_one_that_served_last_first(self, host, monkeypatch) -> None:
        for name, now in (("a", 100.0), ("b", 200.0), ("c", 300.0)):
            monkeypatch.setattr("time.time", lambda now=now: now)
            rollout(host, name)
        rollout(host, "b", goes_back=True)
        (host.at.releases / "half").mkdir()
        found = listing.as_data(host.at, 310)
        assert [one["release"] for one in found["releases"]] == ["b", "c", "a", "half"]
        assert [one["whole"] for one in found["releases"]] == [True, True, True, False]
        assert found["releases"][1]["withdrawn"] == 300.0
        assert (found["serving"], found["not_final"], found["interrupted"], found["holder"]) == ("b", None, None, {})

    def test_what_is_under_way(self, host) -> None:
        host.deploy("a")
        token = verb_lock.take(host.at, "deploy.yml", HOLDER)["lock"]
        stage(host, "b", token=token)
        go_live(host.at, host.run, token)
        found = listing.as_data(host.at, verb_lock.standing(host.at).since + 5)
        assert found["not_final"] == "a"
        assert (found["holder"]["who"], found["holder"]["seconds"]) == ("ada@desk", 5.0)
        assert token not in str(found)

    def test_files_that_change_the_database(self, tmp_path) -> None:
        for name in (
            "shop/migrations/0001_first.py",
            "alembic/versions/1.py",
            "guestbook/migrate.py",
            "guestbook/web.py",
            ".venv/lib/django/db/migrations/x.py",
            "shop/migrations/__pycache__/x.pyc",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        found = listing.migrations(tmp_path, listing.MIGRATIONS)
        assert sorted(found) == ["alembic/versions/1.py", "guestbook/migrate.py", "shop/migrations/0001_first.py"]
        assert len(set(found.values())) == 3
        assert list(listing.migrations(tmp_path, ["web.py"])) == ["guestbook/web.py"]

    def test_without_any(self, host) -> None:
        assert listing.as_data(host.at, 0)["releases"] == []


class TestInterruption:
    """A deployment is killed before any one of its steps on a host. Run again, it ends as if it had not been."""

    STEPS = (
        (files, "write"),
        (files, "link"),
        (os, "replace"),
        (os, "chmod"),
        (Path, "unlink"),
    )

    def killed_at(self, host: Host, step: int, work: Any) -> bool:
        child = os.fork()
        if not child:
            left = step

            def tick(*_arguments: Any) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)

            host.tick = tick
            for owner, name in (*self.STEPS, (shutil, "rmtree")):
                original = getattr(owner, name)

                def replacement(*arguments: Any, original: Any = original, **options: Any) -> Any:
                    tick()
                    return original(*arguments, **options)

                setattr(owner, name, replacement)
            work()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    @pytest.mark.parametrize("then", ["again", "back"])
    def test_it_goes_on_or_back(self, tmp_path, monkeypatch, then) -> None:
        monkeypatch.setattr(os, "fsync", lambda _file: None)
        steps = 0
        while True:
            host = made(tmp_path / f"host{steps}", monkeypatch)
            for name in "yz":
                host.deploy(name, keep=2)
            marks = state(host, "z")

            def work(host: Host = host) -> None:
                stage(host, "a", **NEW)
                go_live(host.at, host.run)

            killed = self.killed_at(host, steps, work)
            assert host.serves in {"z", "a"}, "a visitor is always answered"
            if then == "again":
                rollout(host, "a", **NEW)
                assert host.serves == "a"
                assert 'SECRET="new"' in host.environment
                assert host.deploy("a", **NEW) == []
                assert {path.name for path in host.at.releases.iterdir()} == {"a", "z"}
            else:
                give_back(host.at, host.run)
                assert host.serves == "z"
                assert 'SECRET="s"' in host.environment
                assert state(host, "z") == marks
                assert not releases.has_served(state(host, "a"))
            assert not host.at.pending.exists()
            assert before.load(host.at) is None
            if not killed:
                break
            steps += 1
        assert steps > 20
