"""In which order MySQL is upgraded on a pair and in a group, and what keeps a host from being taken out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.mysql_upgrade import mysql_upgrade
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.order import rests_on_nobody
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import sentence
from group_views import A, B, C, view
from hypothesis import given
from hypothesis import strategies as st
from reading import CALLER

NOW = 1_800_000_000.0
UUIDS = {"db1": A, "db2": B, "db3": C}
SNAPSHOT = "0123abcd"
BACKUP = {
    "backup": {"ok": True, "last_success": "2027-01-15 08:00", "last_success_epoch": NOW - 3600, "snapshot": SNAPSHOT},
    "verify": {"ok": True, "base": SNAPSHOT},
}


class Stack:
    """Database hosts, as the two modules tell of them, and what a playbook does with them."""

    def __init__(self, mode: str, count: int, *, running: str = "9.7.4", offered: str = "9.7.5") -> None:
        self.mode, self.names = mode, [f"db{number}" for number in range(1, count + 1)]
        self.primary = "db1"
        self.running = dict.fromkeys(self.names, running)
        self.offered = dict.fromkeys(self.names, offered)
        self.begun: set[str] = set()
        self.restart: set[str] = set()
        self.out: set[str] = set()
        self.semi_sync = count > 1
        self.backup: Mapping[str, Any] = BACKUP
        self.done: list[str] = []

    def waits(self, name: str) -> bool:
        return bool(self.offered[name]) or name in self.begun | self.restart

    def answer(self, name: str) -> dict[str, Any]:
        if name in self.out:
            return {"role": "down", "server": {}}
        leads = name == self.primary
        server: dict[str, Any] = {
            "version": self.running[name],
            "server_uuid": UUIDS[name],
            "gtid_executed": f"{A}:1-10",
            "channel": None,
            "group": None,
            "semi_sync_source": False,
            "semi_sync_active": False,
            "semi_sync_replicas": 0,
        }
        if self.mode == "group":
            states = {
                short: "OFFLINE" if host in self.out else "ONLINE" for short, host in zip("abc", UUIDS, strict=True)
            }
            seen = view(own=UUIDS[name], primary=UUIDS[self.primary], **states)
            server["group"] = seen.as_data()
        elif leads:
            server |= {
                "semi_sync_source": self.semi_sync,
                "semi_sync_active": self.semi_sync and len(self.out) < len(self.names) - 1,
                "semi_sync_replicas": len(self.names) - 1 - len(self.out),
            }
        else:
            server["channel"] = {"receiver": True, "applier": True, "error": "", "received": f"{A}:1-10"}
        return {"role": "primary" if leads else "replica", "server": server}

    def look(self, name: str) -> dict[str, Any]:
        offered = self.offered[name]
        return {
            "running": self.running[name],
            "offered": offered,
            "names": ["mysql-server"] if offered else [],
            "installed": f"{self.running[name]}-1",
            "candidate": f"{offered or self.running[name]}-1",
            "restart": name in self.restart,
            "begun": name in self.begun,
            "reasons": [],
            "notes": [],
            "backup": self.backup,
            "time": NOW,
        }

    def plan(self, **changes: Mapping[str, Any]) -> dict[str, Any]:
        """`changes` are of what is looked at, by host."""
        answers = {name: self.answer(name) for name in self.names}
        looks = {name: self.look(name) | dict(changes.get(name, {})) for name in self.names}
        return mysql_upgrade(answers, looks, mode=self.mode, done=self.done)

    def take(self, step: Mapping[str, Any]) -> None:
        """Do what a step says."""
        name = step["host"]
        if step["act"] == "switchover":
            assert name == self.primary
            self.primary = step["candidate"]
        elif step["act"] == "leave":
            self.out.add(name)
            self.begun.add(name)
            self.primary = next(other for other in self.names if other not in self.out)
        else:
            self.running[name] = self.offered[name] or self.running[name]
            self.offered[name] = ""
            for names in (self.begun, self.restart, self.out):
                names.discard(name)


def steps(plan: Mapping[str, Any]) -> list[str]:
    return [" ".join(filter(None, (step["act"], step["host"], step["candidate"]))) for step in plan["steps"]]


def said(plan: Mapping[str, Any], what: str = "refusals") -> list[str]:
    return [sentence(each, CALLER) for each in plan[what]]


def test_the_replica_of_a_pair_first_then_the_writes_then_the_old_primary() -> None:
    plan = Stack("pair", 2).plan()
    assert plan["refusals"] == []
    assert steps(plan) == ["upgrade db2", "switchover db1 db2", "upgrade db1"]
    assert plan["relax"], "nobody acknowledges while db2 is out"
    assert [sentence(step["said"], CALLER) for step in plan["steps"]] == [
        "db2 is taken out, upgraded from 9.7.4-1 to 9.7.5-1, and comes back",
        "db2 takes the writes of db1",
        "db1 is taken out, upgraded from 9.7.4-1 to 9.7.5-1, and comes back",
    ]


def test_the_secondaries_of_a_group_first() -> None:
    """The primary has the lowest version until it leaves: a group appoints nobody who is newer than another member."""
    plan = Stack("group", 3).plan()
    assert plan["refusals"] == []
    assert steps(plan) == ["upgrade db2", "upgrade db3", "leave db1", "upgrade db1"]


def test_a_group_of_one_version_appoints_another_primary() -> None:
    """A package that was built anew, and a restart."""
    stack = Stack("group", 3, offered="9.7.4")
    assert steps(stack.plan()) == ["upgrade db2", "upgrade db3", "switchover db1 db2", "upgrade db1"]
    stack.offered = dict.fromkeys(stack.names, "")
    stack.restart = {"db1"}
    assert steps(stack.plan()) == ["switchover db1 db2", "upgrade db1"]


@pytest.mark.parametrize("mode", ["pair", "group"])
def test_nothing_to_upgrade_needs_no_backup(mode: str) -> None:
    stack = Stack(mode, 2 if mode == "pair" else 3, offered="")
    stack.backup = {}
    plan = stack.plan()
    assert (plan["steps"], plan["refusals"], plan["settle"]) == ([], [], False)


def test_one_server_is_upgraded_while_nobody_writes() -> None:
    plan = Stack("pair", 1, running="8.4.3", offered="9.7.4").plan()
    assert steps(plan) == ["upgrade db1"]
    (step,) = plan["steps"]
    assert (step["alone"], step["irreversible"]) == (True, "9.7")
    assert sentence(step["said"], CALLER).startswith("db1 is upgraded from 8.4.3-1 to 9.7.4-1. It is the only one")


@pytest.mark.parametrize(
    ("mode", "offered", "crossed"), [("pair", "9.7.4", "9.7"), ("group", "9.7.4", "9.7"), ("pair", "8.4.9", "")]
)
def test_there_is_no_way_back_once_another_series_has_taken_writes(mode: str, offered: str, crossed: str) -> None:
    """One step says so, and it is the one with which the writes move; within a series none does."""
    plan = Stack(mode, 2 if mode == "pair" else 3, running="8.4.3", offered=offered).plan()
    found = [(step["act"], step["irreversible"]) for step in plan["steps"] if step["irreversible"]]
    assert found == ([("switchover" if mode == "pair" else "leave", crossed)] if crossed else [])


STACKS = st.builds(
    Stack,
    st.sampled_from(["pair", "group"]),
    st.just(3),
    running=st.sampled_from(["9.7.3", "8.4.3"]),
    offered=st.sampled_from(["9.7.4"]),
)


@given(STACKS, st.integers(0, 5), st.sets(st.sampled_from(["db1", "db2", "db3"])), st.booleans())
def test_whichever_way_it_is_interrupted_it_comes_to_its_end(
    stack: Stack, cut: int, restarts: set[str], taken_out: bool
) -> None:
    """After each step it is decided anew, and once somewhere a new run begins, which knows nothing of the first.

    Never is a host taken out while another one is, nor one that takes writes; in a group, the primary is never newer
    than a member that is in it; and who is upgraded is not upgraded again.
    """
    stack.restart = set(restarts)
    upgraded: list[str] = []
    for number in range(12):
        plan = stack.plan()
        assert plan["refusals"] == []
        assert plan["primary"] == stack.primary
        if not plan["steps"]:
            break
        step = plan["steps"][0]
        if step["act"] == "upgrade":
            assert step["host"] != stack.primary
            assert stack.out <= {step["host"]}
            assert step["host"] not in upgraded
            if number == cut and taken_out:
                # Killed after it was taken out: the next run finds the mark.
                stack.out.add(step["host"])
                stack.begun.add(step["host"])
                continue
            upgraded.append(step["host"])
        stack.take(step)
        if stack.mode == "group":
            inside = [stack.running[name] for name in stack.names if name not in stack.out]
            assert stack.running[stack.primary] == min(inside)
    assert not any(map(stack.waits, stack.names))
    assert set(stack.running.values()) == {"9.7.4"}
    assert sorted(upgraded) == stack.names


@pytest.mark.parametrize("mode", ["pair", "group"])
def test_what_this_run_has_upgraded_needs_no_second_look(mode: str) -> None:
    """The hosts are looked at once; red where a host that is done is upgraded again, or its old version counts."""
    stack = Stack(mode, 3, running="8.4.3", offered="9.7.4")
    looks = {name: stack.look(name) for name in stack.names}
    taken = []
    while True:
        answers = {name: stack.answer(name) for name in stack.names}
        # What the playbook notes of a primary that has left.
        looks = {name: look | {"begun": name in stack.begun} for name, look in looks.items()}
        plan = mysql_upgrade(answers, looks, mode=mode, done=stack.done)
        assert plan["refusals"] == []
        if not plan["steps"]:
            break
        taken.append(steps(plan)[0])
        step = plan["steps"][0]
        stack.take(step)
        if step["act"] == "upgrade":
            stack.done.append(step["host"])
    hand_over = "leave db1" if mode == "group" else "switchover db1 db2"
    assert taken == ["upgrade db2", "upgrade db3", hand_over, "upgrade db1"]


def test_the_plan_of_the_beginning_is_what_is_done() -> None:
    """The playbook goes through the steps that were said first: red where one later is another one."""
    for stack in (Stack("pair", 2), Stack("group", 3), Stack("group", 3, offered="9.7.4")):
        first = stack.plan()["steps"]
        for before, after in pairwise([*first, None]):
            stack.take(before)
            left = stack.plan()["steps"]
            assert [(step["act"], step["host"]) for step in left][:1] == (
                [(after["act"], after["host"])] if after else []
            )


def test_commits_wait_again_after_an_interrupted_run() -> None:
    """Also where nothing is left to be upgraded. Not for a replica that is out."""
    stack = Stack("pair", 2)
    assert not stack.plan()["settle"]
    stack.semi_sync = False
    assert stack.plan()["settle"]
    stack.offered = dict.fromkeys(stack.names, "")
    assert stack.plan()["settle"]
    stack.begun, stack.out = {"db2"}, {"db2"}
    plan = stack.plan()
    assert (plan["settle"], steps(plan), plan["refusals"]) == (False, ["upgrade db2"], [])
    assert sentence(plan["steps"][0]["said"], CALLER) == "db2, which is out since an earlier run, comes back"


@pytest.mark.parametrize(("acknowledging", "nobody"), [(0, True), (1, True), (2, False), (3, False)])
def test_commits_wait_on_where_somebody_is_left(acknowledging: int, nobody: bool) -> None:
    """Red where a pair's commits wait until the server gives up, after ten seconds each at worst."""
    assert rests_on_nobody(acknowledging) is nobody


def break_channel(stack: Stack, **changes: Any) -> dict[str, Any]:
    answers = {name: stack.answer(name) for name in stack.names}
    answers["db2"]["server"]["channel"] |= changes
    return mysql_upgrade(answers, {name: stack.look(name) for name in stack.names}, mode="pair")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"receiver": False}, "the replication of db2 is stopped (no error)"),
        ({"applier": False, "error": "duplicate key"}, "the replication of db2 is stopped (duplicate key)"),
        ({"received": f"{A}:1-5000"}, "db2 has 4990 transactions to apply yet"),
    ],
)
def test_no_host_is_taken_out_of_a_pair_that_is_not_well(changes: dict[str, Any], refused: str) -> None:
    (only,) = said(break_channel(Stack("pair", 2), **changes))
    assert only.startswith(refused)


def test_a_host_that_is_down_and_was_not_taken_out_for_this_is_refused() -> None:
    for mode, refused in (("pair", "db3 does not replicate (down)"), ("group", "db3 is OFFLINE in its group")):
        stack = Stack(mode, 3)
        stack.out = {"db3"}
        assert said(stack.plan())[0].startswith(refused)


def test_commits_that_nobody_acknowledges_are_refused() -> None:
    stack = Stack("pair", 2)
    answers = {name: stack.answer(name) for name in stack.names}
    answers["db1"]["server"]["semi_sync_active"] = False
    plan = mysql_upgrade(answers, {name: stack.look(name) for name in stack.names}, mode="pair")
    assert said(plan)[0].startswith("commits on db1 are to wait for a replica, and none acknowledges them")


def test_a_member_that_the_primary_does_not_see_is_refused() -> None:
    stack = Stack("group", 3)
    answers = {name: stack.answer(name) for name in stack.names}
    for member in answers["db1"]["server"]["group"]["members"]:
        if member["uuid"] == C:
            member["state"] = "UNREACHABLE"
    plan = mysql_upgrade(answers, {name: stack.look(name) for name in stack.names}, mode="group")
    assert said(plan) == [
        "db1 does not see db3 ONLINE in the group. Wait until it does, or see " + CALLER.command("recover")
    ]


def test_whoever_cannot_be_asked_or_looked_at_ends_it() -> None:
    stack = Stack("pair", 2)
    answers = {name: stack.answer(name) for name in stack.names}
    looks = {name: stack.look(name) for name in stack.names}
    for found in (
        mysql_upgrade({**answers, "db2": {"unreachable": True}}, {**looks, "db2": {"skipped": True}}, mode="pair"),
        mysql_upgrade(answers, {**looks, "db2": {"skipped": True}}, mode="pair"),
    ):
        assert said(found)[0].startswith("db2 cannot be asked. Nothing is taken out while a database host is missing")


def test_without_one_primary_nothing_is_done() -> None:
    stack = Stack("pair", 2)
    answers = {name: stack.answer(name) | {"role": "read_only"} for name in stack.names}
    plan = mysql_upgrade(answers, {name: stack.look(name) for name in stack.names}, mode="pair")
    assert said(plan)[0].startswith("there is not exactly one database host that takes writes (db1: read_only, db2: ")


def test_what_is_wrong_with_a_host_is_said_of_it_and_what_replicates_once() -> None:
    why = {"code": "upgrade_preflight.prepared", "data": {"count": 1}}
    note = {"code": "upgrade_preflight.foreign_keys", "data": {"keys": ["a of b.c"]}}
    plan = Stack("pair", 2).plan(db1={"notes": [note]}, db2={"notes": [note], "reasons": [why]})
    assert said(plan)[0].startswith("db2: 1 distributed transactions are prepared")
    (only,) = said(plan, "notes")
    assert only.startswith("db1: the foreign keys a of b.c lead to no unique key")


def test_a_host_that_is_wrong_and_offered_nothing_is_no_host_without_work() -> None:
    """Red where apt cannot be asked, and that looks like nothing to upgrade."""
    why = {"code": "upgrade_packages.not_from_packages", "data": {"file": "/usr/sbin/mysqld"}}
    plan = Stack("pair", 2, offered="").plan(db1={"reasons": [why]})
    assert said(plan)[0] == "db1: /usr/sbin/mysqld belongs to no package, so apt cannot upgrade it"


def test_all_hosts_have_the_same_version_in_the_end() -> None:
    stack = Stack("pair", 2)
    stack.offered["db1"] = ""
    assert said(stack.plan())[0].startswith("the database hosts would not have the same version in the end (db1: 9.7.4")


def test_one_host_is_out_at_a_time() -> None:
    stack = Stack("group", 3)
    stack.begun = {"db2", "db3"}
    assert said(stack.plan())[0].startswith("db2 and db3 are out for an upgrade. Bring all of them but one back with")


@pytest.mark.parametrize(
    ("backup", "refused"),
    [
        ({}, "there is no backup. Make one with"),
        ({**BACKUP, "backup": {}}, "there is no backup. Make one with"),
        (
            {**BACKUP, "backup": {**BACKUP["backup"], "last_success_epoch": NOW - 30 * 3600}},
            "the last backup is of 2027-01-15 08:00, 30 hours ago, and may be 26 hours old (webstack_upgrade_backup_",
        ),
        (
            {**BACKUP, "verify": {"ok": True, "base": "another"}},
            "nobody has tried to restore the last backup (snapshot ",
        ),
        ({**BACKUP, "verify": {"ok": False, "base": SNAPSHOT}}, "nobody has tried to restore the last backup"),
        (
            {"backup": BACKUP["backup"]},
            f"nobody has tried to restore the last backup (snapshot {SNAPSHOT} of 2027-01-15",
        ),
    ],
)
def test_there_has_to_be_a_way_back(backup: dict[str, Any], refused: str) -> None:
    stack = Stack("pair", 2)
    stack.backup = backup
    (only,) = said(stack.plan())
    assert only.startswith(refused)
    # It grows older meanwhile.
    stack.done = ["db2"]
    assert said(stack.plan()) == []


def test_the_newest_backup_of_any_host_counts() -> None:
    """And whoever has tried it: red where the one that is older, or not tried, is asked alone."""
    old = {"backup": {**BACKUP["backup"], "last_success_epoch": NOW - 90 * 3600, "snapshot": "ffff"}}
    plan = Stack("pair", 2).plan(db1={"backup": {"backup": BACKUP["backup"]}}, db2={"backup": {**BACKUP, **old}})
    assert plan["refusals"] == []
