"""What deploy.yml and rollback.yml decide, what they say, and what releases.yml shows."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.release_choice import release_choice
from ansible_collections.foobar.webstack.plugins.filter.release_ended import release_ended
from ansible_collections.foobar.webstack.plugins.filter.release_ready import release_ready
from ansible_collections.foobar.webstack.plugins.filter.release_table import release_table
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller, sentences

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
DAY = 86400.0
NONE: dict[str, Any] = {"lock": "t"}


def said(reasons: list[dict[str, Any]]) -> str:
    return ". ".join(sentences(reasons, Caller()))


def codes(reasons: list[dict[str, Any]]) -> list[str]:
    return [each["code"].removeprefix("release.") for each in reasons]


def host(serving: str, *names: str, never: str = "", withdrawn: str = "", **more: Any) -> dict[str, Any]:
    """An answer: releases in the order in which they served, the last one first; of these some never did."""
    releases = [
        {
            "release": name,
            "whole": True,
            "served": 0 if name in never else (len(names) - number) * DAY,
            "until": 0 if name in never or name == serving else (len(names) - number + 1) * DAY,
            "withdrawn": 1.0 if name in withdrawn else 0,
            "migrations": {"shop/migrations/1.py": "x"},
        }
        for number, name in enumerate(names)
    ]
    return {"serving": serving, "releases": releases, "not_final": None, "interrupted": None, "holder": {}} | more


def back(asked: str = "", **answers: dict[str, Any]) -> dict[str, Any]:
    return release_choice(answers, dict.fromkeys(answers, NONE), "shop", goes_back=True, asked=asked)


class TestBack:
    def test_to_the_last_that_served(self) -> None:
        found = back(web1=host("c", "c", "b", "a"), web2=host("c", "c", "b", "a"))
        assert (found["release"], found["refusals"], found["notes"]) == ("b", [], [])

    def test_never_to_one_that_did_not_serve(self) -> None:
        """Capistrano and its kin go to the folder before, whether it has worked or not."""
        assert back(web1=host("c", "c", "x", "a", never="x"))["release"] == "a"

    def test_never_to_one_that_somebody_went_back_from(self) -> None:
        """Once more is one further back, and not to the release that does not work."""
        assert back(web1=host("b", "c", "b", "a", withdrawn="c"))["release"] == "a"

    def test_only_to_one_that_has_served_on_every_host(self) -> None:
        assert back(web1=host("c", "c", "b", "a"), web2=host("c", "c", "b", "a", never="b"))["release"] == "a"

    def test_where_there_is_none(self) -> None:
        found = back(web1=host("c", "c", "b"), web2=host("c", "c"))
        assert codes(found["refusals"]) == ["nothing_before"]
        assert "No other release has served on all of web1, web2" in said(found["refusals"])

    @pytest.mark.parametrize(
        ("asked", "code"), [("a", None), ("c", None), ("x", "never_served"), ("y", "unknown"), ("half", "unknown")]
    )
    def test_to_the_one_that_is_asked_for(self, asked, code) -> None:
        answer = host("c", "c", "x", "b", "a", never="x")
        answer["releases"].append({"release": "half", "whole": False})
        found = back(asked, web1=answer)
        assert found["release"] == ("" if code else asked)
        assert codes(found["refusals"]) == ([code] if code else [])

    def test_what_is_known_instead_is_told(self) -> None:
        found = back("y", web1=host("c", "c", "b"), web2=host("c", "c", "b"))
        assert said(found["refusals"]) == "Release y is not on web1 and web2; those that have served are b, c"

    def test_one_that_was_interrupted_goes_on(self) -> None:
        """web1 went back from c, web2 did not yet. Red where web1 would go one further."""
        found = back(web1=host("b", "c", "b", "a", withdrawn="c", not_final="c"), web2=host("c", "c", "b", "a"))
        assert found["release"] == "b"
        assert said(found["notes"]) == "A verb was interrupted, and web2 follow to release b"

    @pytest.mark.parametrize(
        ("not_final", "replaced", "release"),
        [
            ("c", {}, "b"),
            (None, {"verb": "rollback.yml", "since": 0.5}, "b"),
            # Another rollback has withdrawn c, long ago; and what was interrupted is no rollback.
            (None, {"verb": "rollback.yml", "since": 1.5}, "a"),
            (None, {"verb": "deploy.yml", "since": 0.5}, "a"),
        ],
    )
    def test_one_that_was_interrupted_at_its_end_is_done(self, not_final, replaced, release) -> None:
        """Red where it is run again and goes one further."""
        answers = {name: host("b", "c", "b", "a", withdrawn="c", not_final=not_final) for name in ("web1", "web2")}
        locks = {name: {"lock": "t", "replaced": replaced} for name in answers}
        found = release_choice(answers, locks, "shop", goes_back=True)
        assert (found["release"], found["notes"]) == (release, [])

    def test_a_deployment_that_was_interrupted_is_taken_back(self) -> None:
        found = back(web1=host("c", "c", "b", "a", not_final="b"), web2=host("b", "b", "a", "c", never="c"))
        assert found["release"] == "b"
        found = back(web1=host("c", "c", "b", "a", not_final="b"), web2=host("c", "c", "b", "a"))
        assert found["release"] == "b", "it is live everywhere, and only web2 was made final"

    @pytest.mark.parametrize(
        ("serving", "switching", "release"),
        [
            # Killed while web1 switched from b to c, or back from c to b; web2 had not been asked yet.
            ("b", {"previous": "b", "release": "c", "goes_back": False}, "b"),
            ("c", {"previous": "b", "release": "c", "goes_back": False}, "b"),
            ("c", {"previous": "c", "release": "b", "goes_back": True}, "b"),
            ("b", {"previous": "c", "release": "b", "goes_back": True}, "b"),
        ],
    )
    def test_one_that_was_interrupted_while_a_host_switched(self, serving, switching, release) -> None:
        before = switching["previous"]
        web1 = host(serving, "c", "b", "a", not_final=before, interrupted=switching)
        assert back(web1=web1)["release"] == release
        assert back(web1=web1, web2=host(before, "c", "b", "a"))["release"] == release

    def test_hosts_that_differ_for_no_known_reason(self) -> None:
        found = back(web1=host("c", "c", "b"), web2=host("b", "b", "c"))
        assert codes(found["refusals"]) == ["mixed"]
        assert "The hosts serve different releases (web1 c, web2 b)" in said(found["refusals"])
        assert back("b", web1=host("c", "c", "b"), web2=host("b", "b", "c"))["release"] == "b"

    def test_migrations_between_are_told(self) -> None:
        one = host("c", "c", "b")
        one["releases"][0]["migrations"] = {"shop/migrations/1.py": "x", "shop/migrations/2.py": "y"}
        found = back(web1=one)
        assert found["release"] == "b"
        assert said(found["notes"]).startswith("Migrations stand between b and c (shop/migrations/2.py). The database")

    def test_of_many_some_are_named(self) -> None:
        one = host("c", "c", "b")
        one["releases"][0]["migrations"] |= {f"shop/migrations/{number}.py": "" for number in range(2, 9)}
        assert "6.py, and 2 more)" in said(back(web1=one)["notes"])


class TestBegin:
    def begin(self, locks: dict[str, Any], asked: str = "", **answers: Any) -> dict[str, Any]:
        return release_choice(answers, locks, "shop", asked=asked)

    def test_where_all_answer(self) -> None:
        found = self.begin({"web1": NONE, "web2": NONE}, web1=host("a", "a"), web2=host(""))
        assert found == {"release": "", "refusals": [], "notes": []}

    def test_hosts_that_do_not_answer_are_named(self) -> None:
        answers = {"web1": {"unreachable": True, "msg": "timed out."}, "web2": {"msg": "no python"}, "web3": {}}
        found = self.begin(dict.fromkeys(answers, NONE), **answers)
        text = said(found["refusals"])
        assert "web1 cannot be reached (timed out); look at it, or leave it out with --limit 'all:!web1'" in text
        assert "web2 could not be asked: no python" in text
        assert "web3 could not be asked" in text

    def held(self, seconds: float) -> dict[str, Any]:
        return {"msg": "it is held", "holder": {"verb": "deploy.yml", "who": "ada@desk", "seconds": seconds}}

    def test_a_verb_at_work_is_told_once(self) -> None:
        found = self.begin({"web1": self.held(125), "web2": self.held(124)}, web1=host("a"), web2=host("a"))
        assert said(found["refusals"]) == (
            "deploy.yml of ada@desk is at work on web1 and web2 since 2 min; wait until it has ended"
        )

    def test_a_stale_lock_is_said_and_not_taken_away(self) -> None:
        text = said(self.begin({"web1": self.held(7300)}, web1=host("a"))["refusals"])
        assert "since 2 h, so it has probably been interrupted. Nobody takes its lock away" in text
        assert "-m foobar.webstack.app_lock -a 'name=shop state=free'" in text

    def test_a_deployment_has_its_release_from_the_inventory(self) -> None:
        found = self.begin({"web1": NONE}, "a", web1=host("b", "b", "a"))
        assert codes(found["refusals"]) == ["for_rollback"]


def staged(release: str = "b", previous: str = "a", waits: bool = True) -> dict[str, Any]:
    return {"release": release, "previous": previous, "staged": waits, "changed": waits}


BROKEN = {"release": "b", "msg": "release b of shop does not work.", "failed": False}


class TestReady:
    def test_all_are(self) -> None:
        found = release_ready({"web1": staged(), "web2": staged()})
        assert found["hosts"] == ["web1", "web2"]
        assert said(found["said"]) == "Release b goes live on web1 and web2, in place of a"

    @pytest.mark.parametrize("broken", [BROKEN, {"unreachable": True, "msg": "timed out"}, {}, {"msg": "no such file"}])
    def test_one_that_is_not_keeps_it_from_all(self, broken) -> None:
        found = release_ready({"web1": staged(), "web2": broken})
        assert found["hosts"] == []
        assert codes(found["refusals"]) == ["not_ready"]
        assert said(found["refusals"]).startswith("web2: ")

    def test_hosts_that_have_it_are_left_alone(self) -> None:
        """The rest of a deployment that was interrupted."""
        found = release_ready({"web1": staged(previous="b", waits=False), "web2": staged()})
        assert found["hosts"] == ["web2"]

    def test_nothing_to_do(self) -> None:
        found = release_ready({"web1": staged(previous="b", waits=False)})
        assert (found["hosts"], codes(found["said"])) == ([], ["done"])

    def test_settings_alone(self) -> None:
        assert codes(release_ready({"web1": staged(previous="b")})["said"]) == ["restarts"]


def went(name: str, release: str = "b", **more: Any) -> dict[str, Any]:
    return {"item": name, "release": release, "changed": True, "seconds": 1.23} | more


FAILED = {"item": "web2", "msg": "release b answered on trial but not after the switch."}
HOSTS = {"web1": staged(), "web2": staged()}


class TestEnded:
    def test_well(self) -> None:
        found = release_ended(["web1", "web2"], HOSTS, [went("web1"), went("web2", seconds=2.06)], [])
        assert found["failures"] == []
        assert said(found["said"]) == "Release b serves on web1 and web2, in place of a. It took 2.1 s a host at most"

    def test_a_dry_run_has_not_failed(self) -> None:
        assert release_ended(["web1"], HOSTS, [{"item": "web1", "skipped": True}], [])["failures"] == []

    def test_where_it_failed_and_who_went_back(self) -> None:
        found = release_ended(
            ["web1", "web2"], HOSTS, [went("web1"), FAILED], [went("web1", "a"), went("web2", "a", changed=False)]
        )
        assert codes(found["failures"]) == ["failed", "returned"]
        assert said(found["failures"]).endswith("not after the switch. a serves again on web1")

    def test_one_that_cannot_go_back(self) -> None:
        lost = {"item": "web1", "unreachable": True, "msg": "timed out"}
        found = release_ended(["web1", "web2"], HOSTS, [went("web1"), FAILED], [lost, went("web2", "a", changed=False)])
        assert codes(found["failures"]) == ["failed", "not_returned"]

    def test_nothing_served_there_before(self) -> None:
        hosts = {"web1": staged(previous=""), "web2": staged()}
        found = release_ended(
            ["web1", "web2"], hosts, [went("web1"), FAILED], [went("web1", changed=False), went("web2", changed=False)]
        )
        assert codes(found["failures"]) == ["failed", "first"]

    def test_a_rollback_says_what_the_inventory_does(self) -> None:
        found = release_ended(["web1"], {"web1": staged("a", "b")}, [went("web1", "a")], [], goes_back=True)
        assert codes(found["said"]) == ["went_live", "stays_in_inventory"]


class TestTable:
    def test_of_two_hosts(self) -> None:
        one = host("b", "c", "b", "a", withdrawn="c", not_final=None)
        one["releases"].append(
            {"release": "half", "whole": False, "served": 0, "until": 0, "withdrawn": 0, "migrations": {}}
        )
        table = release_table({"web1": one, "web2": {"unreachable": True, "msg": "timed out"}})
        assert table.splitlines() == [
            "HOST  release  state            served (UTC)",
            "web1  b        serves           since 1970-01-03 00:00",
            "      c        taken back       1970-01-04 00:00 to 1970-01-05 00:00",
            "      a        has served       1970-01-02 00:00 to 1970-01-03 00:00",
            "      half     not complete",
            "web2  -        does not answer  timed out",
        ]

    def test_what_is_under_way_and_what_was_interrupted(self) -> None:
        holder = {"verb": "deploy.yml", "who": "ada@desk", "seconds": 61.0}
        table = release_table(
            {"web1": host("b", "b", holder=holder), "web2": host("b", "b", "a", not_final="a"), "web3": host("")}
        )
        assert "web1: deploy.yml of ada@desk is at work since 1 min." in table
        assert "web2: the latest deployment has not come to its end; run it again. Before, a served." in table
        assert "web3  -        has none" in table


class TestPlaybooks:
    def test_the_lock_comes_first_and_is_given_back_however_it_ends(self) -> None:
        (play,) = yaml.safe_load((PLAYBOOKS / "deploy.yml").read_text())
        (under,) = [task for task in play["tasks"] if "block" in task]
        assert under["block"][0]["ansible.builtin.import_tasks"] == "tasks/app_lock.yml"
        assert [task["ansible.builtin.import_tasks"] for task in under["always"]] == ["tasks/app_unlock.yml"]

    def test_the_lock_is_given_back_for_hosts_that_are_out_of_the_play(self) -> None:
        (task,) = yaml.safe_load((PLAYBOOKS / "tasks/app_unlock.yml").read_text())
        assert (task["loop"], task["delegate_to"]) == ("{{ ansible_play_hosts_all }}", "{{ item }}")

    def test_going_live_stops_at_the_first_host_that_fails(self) -> None:
        """Red where the next host follows into a release that does not work."""
        (play,) = yaml.safe_load((PLAYBOOKS / "deploy.yml").read_text())
        (under,) = [task for task in play["tasks"] if "block" in task]
        (live,) = [task for task in under["block"] if task.get("register") == "__webstack_live"]
        assert live["loop_control"]["break_when"] == "__webstack_live.release is undefined"
        assert live["run_once"]
