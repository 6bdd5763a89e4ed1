"""What runs beside the application: released, restarted, rolled back and removed with it."""

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._release import gunicorn, health
from ansible_collections.foobar.webstack.plugins.module_utils._release.companions import Job, Process
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.differences import differences
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from release_host import Host

WORKER = Process("worker", ["celery", "-A", "shop", "worker"])
CLEANUP = Job("cleanup", ["manage.py", "clearsessions"], "daily")
BOTH: dict[str, Any] = {"processes": [WORKER], "jobs": [CLEANUP]}


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    host = Host(tmp_path / "host")
    monkeypatch.setattr(health, "ask", host.ask)
    monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
    return host


def unit(host: Host, name: str) -> str:
    return (host.at.units / name).read_text()


class TestUnits:
    def test_a_process_is_confined_as_the_application_and_of_its_release(self, host) -> None:
        host.deploy("a", **BOTH)
        text, release = unit(host, "shop-worker.service"), host.at.release("a")
        assert f"WorkingDirectory={release}\n" in text
        assert f"EnvironmentFile={host.at.environment}\n" in text
        assert f"ReadWritePaths={host.at.shared} " in text
        assert 'ExecStart=/usr/bin/env -- "APP_INSTANCE=1" "celery" "-A" "shop" "worker"\n' in text
        assert "gunicorn" not in text
        assert "Restart=always\n" in text
        assert text.endswith("[Install]\nWantedBy=multi-user.target\n\n[X-Appserver]\nApplication=shop\n")

    def test_a_job_runs_when_its_timer_says_so(self, host) -> None:
        host.deploy("a", **BOTH)
        assert 'ExecStart=/usr/bin/env -- "python3" "manage.py" "clearsessions"\n' in unit(host, "shop-cleanup.service")
        assert "[Install]" not in unit(host, "shop-cleanup.service")
        assert "OnCalendar=daily\nPersistent=false\n" in unit(host, "shop-cleanup.timer")
        assert host.beside == {"shop-worker.service": "a", "shop-cleanup.timer": ""}
        assert set(host._state()["enabled"]) == {"shop.service", "shop-worker.service", "shop-cleanup.timer"}

    def test_its_own_environment_has_the_last_word(self, host) -> None:
        """EnvironmentFile, which holds the application's, wins over Environment: red with that."""
        host.deploy("a", processes=[Process("worker", ["x"], environment={"SECRET": 'a "b" %c $d'})])
        assert '-- "APP_INSTANCE=1" "SECRET=a \\"b\\" %%c $$d" "x"\n' in unit(host, "shop-worker.service")

    def test_several_of_one(self, host) -> None:
        host.deploy("a", processes=[Process("worker", ["x"], instances=2, unit_options={"Nice": 5})])
        assert host.beside == {"shop-worker-1.service": "a", "shop-worker-2.service": "a"}
        assert "APP_INSTANCE=2" in unit(host, "shop-worker-2.service")
        assert "Nice=5\n" in unit(host, "shop-worker-2.service")

    @pytest.mark.parametrize(
        "wanted",
        [
            {"processes": [WORKER], "jobs": [Job("worker", ["x"], "daily")]},
            {"processes": [Process("w", ["x"], instances=2), Process("w-2", ["x"])]},
            {"processes": [Process("candidate", ["x"])]},
        ],
    )
    def test_two_of_one_name_are_refused(self, host, wanted) -> None:
        with pytest.raises(ReleaseError, match=r"two units of shop would be called shop-[\w-]+\.service; give"):
            host.deploy("a", **wanted)


class TestRelease:
    def test_once_is_enough(self, host) -> None:
        host.deploy("a", **BOTH)
        before = host.files()
        host.calls.clear()
        assert host.deploy("a", **BOTH) == []
        assert host.files() == before
        assert not [call for call in host.calls if call[1] in {"restart", "start", "enable", "daemon-reload"}]

    def test_the_next_one_restarts_them_once_it_serves(self, host) -> None:
        host.deploy("a", **BOTH)
        host.restarted.clear()
        host.deploy("b", **BOTH)
        assert host.restarted == ["shop.service", "shop-worker.service", "shop-cleanup.timer"]
        assert host.beside == {"shop-worker.service": "b", "shop-cleanup.timer": ""}

    def test_a_changed_secret_restarts_them(self, host) -> None:
        """They read the same file."""
        host.deploy("a", **BOTH)
        host.restarted.clear()
        host.deploy("a", **BOTH, environment={"SECRET": "t"})
        assert "shop-worker.service" in host.restarted

    @pytest.mark.parametrize("behaviour", ["error", "answers on trial"])
    def test_one_that_does_not_answer_touches_none(self, host, behaviour) -> None:
        """Neither on trial nor after the switch: a worker may be in the middle of something. Red with a restart."""
        host.deploy("a", **BOTH)
        host.restarted.clear()
        with pytest.raises(ReleaseError):
            host.deploy("b", behaviour, **BOTH)
        assert not [name for name in host.restarted if name != "shop.service"]
        assert host.beside == {"shop-worker.service": "a", "shop-cleanup.timer": ""}

    def test_a_process_that_does_not_stay_up_takes_all_back(self, host) -> None:
        host.deploy("a", **BOTH)
        before = host.files()
        host.ends = lambda name, text: name == "shop-worker.service" and "releases/b" in text
        with pytest.raises(ReleaseError) as raised:
            host.deploy("b", **BOTH, environment={"NEW": "1"})
        said = str(raised.value)
        assert (
            "release b of shop answered on trial but what runs beside it does not work; release a was restored" in said
        )
        assert "Its unit shop-worker.service did not stay up for 0 s" in said
        assert "Traceback: the reason" in said
        assert ["--unit=shop-worker.service" in call for call in host.calls if call[0] == "journalctl"][-1]
        assert host.serves == "a"
        assert host.beside == {"shop-worker.service": "a", "shop-cleanup.timer": ""}
        after = {
            name: text for name, text in host.files().items() if "/releases/b/" not in name and "archives" not in name
        }
        assert after == {name: text for name, text in before.items() if "archives" not in name}

    def test_one_that_is_new_is_gone_after_that(self, host) -> None:
        host.deploy("a")
        host.ends = lambda name, _text: name == "shop-worker.service"
        with pytest.raises(ReleaseError):
            host.deploy("b", **BOTH)
        assert host.beside == {}
        assert [path.name for path in host.at.units.iterdir()] == ["shop.service"]

    def test_the_first_release_of_all_leaves_none(self, host) -> None:
        host.ends = lambda name, _text: name == "shop-worker.service"
        with pytest.raises(ReleaseError, match="no earlier release to restore, so the service was stopped"):
            host.deploy("a", **BOTH)
        assert host.beside == {}

    def test_what_is_not_named_any_more_is_removed(self, host) -> None:
        host.deploy("a", **BOTH)
        changed = host.deploy("a", jobs=[CLEANUP])
        assert changed == [str(host.at.units / "shop-worker.service")]
        assert host.beside == {"shop-cleanup.timer": ""}
        host.deploy("a")
        assert [path.name for path in host.at.units.iterdir()] == ["shop.service"]
        assert host._state()["enabled"] == ["shop.service"]

    def test_what_ended_is_started_again(self, host) -> None:
        host.deploy("a", **BOTH)
        host.run(["systemctl", "stop", "shop-worker.service"])
        assert host.deploy("a", **BOTH) == ["shop-worker.service"]
        assert host.beside["shop-worker.service"] == "a"

    def test_what_does_not_start_at_boot_is_enabled_without_a_restart(self, host) -> None:
        host.deploy("a", **BOTH)
        state = host._state()
        state["enabled"].remove("shop-cleanup.timer")
        host._save(state)
        host.restarted.clear()
        assert host.deploy("a", **BOTH) == ["start of shop-cleanup.timer at boot"]
        assert host.restarted == []
        assert host.deploy("a", **BOTH) == []

    def test_a_run_that_was_interrupted_does_not_mix_releases(self, host) -> None:
        """It left the units of the release that was to serve, which then turned out not to work."""
        host.deploy("a", **BOTH)
        host.deploy("b", **BOTH)
        host.at.pending.write_text('{"previous": "a", "release": "b"}')
        with pytest.raises(ReleaseError, match="release a was restored and serves"):
            host.deploy("c", "answers on trial", **BOTH)
        assert host.serves == "a"
        assert host.beside["shop-worker.service"] == "a"


class TestChecks:
    def test_a_schedule_that_systemd_does_not_take_is_refused_before_anything_is_changed(self, host) -> None:
        before = host.files()
        with pytest.raises(ReleaseError, match='"cleanup" has the schedule "never", which systemd does not understand'):
            host.deploy("a", jobs=[Job("cleanup", ["x"], "never")])
        assert host.files() == before

    @pytest.mark.parametrize("folder", ["etc/systemd/system", "usr/lib/systemd/system"])
    def test_the_unit_of_somebody_else_is_not_replaced(self, host, folder) -> None:
        """Another application may be called shop-worker."""
        path = host.base / folder / "shop-worker.service"
        path.write_text("[Service]\n")
        with pytest.raises(ReleaseError, match=r"shop-worker\.service does not belong to shop; give the process"):
            host.deploy("a", **BOTH)
        assert path.read_text() == "[Service]\n"
        host.deploy("a")
        assert path.exists()

    def test_a_plan_shows_the_units(self, host) -> None:
        host.deploy("a", processes=[WORKER])
        wanted = host.wanted("a", jobs=[CLEANUP])
        found = {difference.what: difference for difference in differences(Deployment.of(host.at, wanted, host.run))}
        assert found[str(host.at.units / "shop-worker.service")].after == ""
        assert "OnCalendar=daily" in found[str(host.at.units / "shop-cleanup.timer")].after
        assert found["shop-cleanup.timer"].after == "active\n"
