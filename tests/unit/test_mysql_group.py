"""What a group looks like to its members, who may begin one, and what each verb decides about it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginning
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import Member, MemberState, View, view_of
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group import failover, plan, recover, reopen
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import complete, held, lacks
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.plan import Intent, Step
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.reopen import Act, Other, Own, Why
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account, Local, Peer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.switchover import (
    Found,
    OpenTransaction,
    obstacles,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Request
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import Facts, role_of
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from group_views import ALONE, GROUP, A, B, C, view
from hypothesis import given
from hypothesis import strategies as st

ONLINE, UNREACHABLE, OFFLINE = MemberState.ONLINE, MemberState.UNREACHABLE, MemberState.OFFLINE


def gtids(text: str) -> GtidSet:
    return GtidSet.parse(text)


class TestView:
    """What a member believes, and what it may be believed."""

    @pytest.mark.parametrize(
        ("seen", "leads", "follows"),
        [
            (view(), True, False),
            (view(own=B), False, True),
            (view(b="UNREACHABLE"), True, False),
            # Frozen and thawed, or cut off: it says ONLINE and PRIMARY, and is not to be believed.
            (view(b="UNREACHABLE", c="UNREACHABLE"), False, False),
            (view(own=B, a="UNREACHABLE", c="UNREACHABLE"), False, False),
            (view(own=B, b="RECOVERING"), False, True),
            (view(a="RECOVERING"), False, True),
            (view(a="ERROR", primary=""), False, False),
            (ALONE, False, False),
        ],
    )
    def test_a_primary_without_a_majority_leads_nobody(self, seen: View, leads: bool, follows: bool) -> None:
        """Red for a majority that is not asked for: a thawed primary would take writes beside the new one."""
        assert (seen.leads, seen.follows) == (leads, follows)

    @pytest.mark.parametrize(
        ("seen", "writable", "role"),
        [
            (view(), True, Role.PRIMARY),
            (view(), False, Role.REPLICA),
            (view(own=B), False, Role.REPLICA),
            (view(b="UNREACHABLE", c="UNREACHABLE"), True, Role.READ_ONLY),
            (view(a="ERROR", primary=""), False, Role.READ_ONLY),
            (ALONE, False, Role.READ_ONLY),
            (None, False, Role.READ_ONLY),
            # Before the group is begun.
            (ALONE, True, Role.PRIMARY),
        ],
    )
    def test_its_role(self, seen: View | None, writable: bool, role: Role) -> None:
        assert role_of(Facts(answers=True, writable=writable, has_databases=True, view=seen)) is role

    def test_rows(self) -> None:
        row = {"uuid": A, "host": "db1", "port": 3306, "state": "ONLINE", "role": "PRIMARY", "own": A}
        found = view_of([row], [{"received": f"{GROUP}:1-5,\n{A}:1", "applier": "ON"}])
        assert found == View(A, (Member(A, "db1", primary=True),), f"{GROUP}:1-5,{A}:1", applier=True)
        assert found.leads
        assert view_of([], []) is None, "the plugin is not loaded"
        nowhere = view_of([row | {"uuid": "", "host": "", "port": None, "state": "OFFLINE", "role": ""}], [])
        assert nowhere == View(A)
        assert nowhere.state is OFFLINE

    @pytest.mark.parametrize("seen", [view(), view(own=B, a="UNREACHABLE"), ALONE])
    def test_as_data_and_back(self, seen: View) -> None:
        assert View.from_data(seen.as_data(), seen.own) == seen


class TestOutage:
    """Who has everything."""

    def test_sets_are_subtracted_and_not_counted(self) -> None:
        """Numbers jump by a million with each primary: red for whoever compares how many, or the largest."""
        sets = {
            "db1": gtids(f"{GROUP}:1-9:1000001-1000050"),
            "db2": gtids(f"{GROUP}:1-10:1000001-1000002"),
            "db3": gtids(f"{GROUP}:1-10:1000001-1000050"),
        }
        assert complete(sets) == ["db3"]
        assert complete({name: sets[name] for name in ("db1", "db2")}) == []
        assert lacks(sets, "db2") == {
            "db1": gtids(f"{GROUP}:1000003-1000050"),
            "db3": gtids(f"{GROUP}:1000003-1000050"),
        }

    def test_what_was_received_counts(self) -> None:
        assert held(f"{GROUP}:1-5", f"{GROUP}:4-9") == gtids(f"{GROUP}:1-9")

    @given(st.lists(st.sets(st.integers(1, 6)), min_size=1, max_size=5))
    def test_whoever_is_complete_lacks_nothing(self, numbers: list[set[int]]) -> None:
        sets = {f"db{n}": GtidSet({(GROUP, ""): [(i, i) for i in each]}) for n, each in enumerate(numbers)}
        for name in sets:
            assert (name in complete(sets)) is (not lacks(sets, name))


HAS = gtids(f"{A}:1-3,{GROUP}:1-100")


def own(uuid: str = A, **more: Any) -> Own:
    return replace(Own(uuid, OFFLINE, held=HAS), **more)


def other(name: str, uuid: str, **more: Any) -> Other:
    return replace(Other(name, server_uuid=uuid, state=OFFLINE, held=HAS), **more)


DB2, DB3 = other("db2", B), other("db3", C)
SERVES = {"state": ONLINE, "majority": True}
LAST = gtids(f"{GROUP}:100")
ANEW = (Beginning("1", HAS - LAST),)


class TestReopen:
    """What the service beside a server does by itself."""

    @pytest.mark.parametrize(
        ("mine", "others", "act", "why"),
        [
            (own(state=None), (DB2, DB3), Act.NOTHING, Why.NO_PLUGIN),
            (own(lock="restore.yml of op"), (DB2, DB3), Act.NOTHING, Why.VERB),
            (own(state=ONLINE, majority=True), (), Act.NOTHING, None),
            (own(state=ONLINE, majority=True, suspects=True), (), Act.WAKE, None),
            # It may not expel anybody, and leaves by itself.
            (own(state=ONLINE, suspects=True), (), Act.NOTHING, None),
            (own(state=MemberState.RECOVERING, majority=True), (), Act.NOTHING, None),
            (own(state=MemberState.ERROR), (DB2, DB3), Act.LEAVE, None),
            (own(replicates=True), (DB2, DB3), Act.NOTHING, Why.REPLICATES),
            (own(held=GtidSet()), (DB2, DB3), Act.NOTHING, Why.NEW),
            (own(), (replace(DB2, **SERVES), DB3), Act.JOIN, None),
            (own(), (replace(DB2, **SERVES), Other("db3", error="no")), Act.JOIN, None),
            (own(held=HAS | gtids(f"{A}:4")), (replace(DB2, **SERVES), DB3), Act.NOTHING, Why.DIVERGED),
            # Never alone, nor with a majority that answers: the third may have what only it acknowledged.
            (own(), (DB2, Other("db3", error="no")), Act.NOTHING, Why.NO_ANSWER),
            (own(), (Other("db2", error="no"), Other("db3", error="no")), Act.NOTHING, Why.NO_ANSWER),
            (own(), (DB2, replace(DB3, lock="recover.yml of op")), Act.NOTHING, Why.VERB_THERE),
            (own(), (DB2, replace(DB3, state=ONLINE)), Act.NOTHING, Why.LEAVING),
            (own(), (DB2, replace(DB3, state=None)), Act.NOTHING, Why.LEAVING),
            (own(), (DB2, DB3), Act.BOOTSTRAP, None),
            # The group was begun anew without what this one has last: it is not asked what it has.
            (own(), (replace(DB2, beginnings=ANEW, **SERVES), DB3), Act.NOTHING, Why.ANEW),
            (own(held=HAS - LAST), (replace(DB2, beginnings=ANEW, **SERVES), DB3), Act.JOIN, None),
            (own(), (replace(DB2, beginnings=ANEW), DB3), Act.NOTHING, Why.ANEW),
            (own(beginnings=ANEW), (replace(DB2, held=HAS | gtids(f"{GROUP}:101")), DB3), Act.BOOTSTRAP, None),
            (own(beginnings=ANEW), (replace(DB2, **SERVES), DB3), Act.NOTHING, Why.STRAY),
            (own(beginnings=ANEW), (replace(DB2, beginnings=(Beginning("2"),)), DB3), Act.NOTHING, Why.FORKED),
            (own(held=HAS - LAST), (replace(DB2, beginnings=ANEW), DB3), Act.NOTHING, Why.OTHER_BEGINS),
            (own(held=HAS - gtids(f"{GROUP}:100")), (DB2, DB3), Act.NOTHING, Why.OTHER_BEGINS),
            (
                own(held=HAS | gtids(f"{A}:4")),
                (replace(DB2, held=HAS | gtids(f"{B}:1")), DB3),
                Act.NOTHING,
                Why.NO_SUPERSET,
            ),
            (own(), (), Act.BOOTSTRAP, None),
        ],
    )
    def test_a_decision(self, mine: Own, others: tuple[Other, ...], act: Act, why: Why | None) -> None:
        found = reopen.decide(mine, others)
        assert (found.act, found.why) == (act, why)
        assert bool(str(found)) is (why is not None)
        assert "{" not in str(found)

    @given(
        st.tuples(*[st.sets(st.integers(1, 4))] * 3),
        st.tuples(*[st.sampled_from([*MemberState, None])] * 3),
        st.tuples(*[st.booleans()] * 6),
    )
    def test_never_do_two_begin(
        self, numbers: tuple[set[int], ...], states: tuple[MemberState | None, ...], silent: tuple[bool, ...]
    ) -> None:
        """Whatever each has, is, and hears of the others. Red for a first that each picks by its own name."""
        names = (A, B, C)
        sets = {n: GtidSet({(GROUP, ""): [(i, i) for i in each]}) for n, each in zip(names, numbers, strict=True)}
        state = dict(zip(names, states, strict=True))
        deaf = dict(zip(permutations(names, 2), silent, strict=True))
        begin = []
        for me in names:
            others = tuple(
                Other(n, error="no") if deaf[me, n] else Other(n, server_uuid=n, state=state[n], held=sets[n])
                for n in names
                if n != me
            )
            if reopen.decide(Own(me, state[me], held=sets[me]), others).act is Act.BOOTSTRAP:
                begin.append(me)
                assert all(sets[n] <= sets[me] for n in names)
                assert set(state.values()) == {OFFLINE}
        assert len(begin) <= 1


LOCAL = Local("9.7.4", A, ALONE, HAS, schemas=("guestbook",), account=Account("replication", "old"))
NEW = replace(LOCAL, executed=gtids(f"{A}:1"), schemas=(), account=None)
PRIMARY = Peer(
    "db2", "198.18.0.32", server_uuid=B, version="9.7.4", state=ONLINE, majority=True, primary=True, held=HAS
)
SECONDARY = replace(PRIMARY, name="db3", host="198.18.0.33", server_uuid=C, primary=False)
IDLE = replace(PRIMARY, state=OFFLINE, majority=False, primary=False)
DENIED, BROKEN = (
    Peer("db3", "198.18.0.33", number=1045, error="no"),
    Peer("db3", "198.18.0.33", number=2026, error="no"),
)
INTENT = Intent(Account("replication", "old"))
FIRST = replace(INTENT, first=True)


class TestPlan:
    """What makes a server a member."""

    @pytest.mark.parametrize(
        ("local", "peers", "intent", "steps"),
        [
            (replace(LOCAL, view=view()), (), INTENT, ()),
            (replace(LOCAL, view=view()), (), replace(INTENT, account=Account("replication", "new")), (Step.ACCOUNT,)),
            (LOCAL, (PRIMARY, SECONDARY), INTENT, (Step.JOIN,)),
            (replace(LOCAL, view=view(a="ERROR")), (PRIMARY,), INTENT, (Step.LEAVE, Step.JOIN)),
            (replace(LOCAL, replicates=True), (PRIMARY,), INTENT, (Step.FOLLOW_NOBODY, Step.JOIN)),
            (NEW, (PRIMARY, SECONDARY), INTENT, (Step.CLONE, Step.ACCOUNT, Step.ELECTOR, Step.JOIN)),
            (
                replace(LOCAL, executed=HAS | gtids(f"{A}:4")),
                (PRIMARY,),
                replace(INTENT, reprovision=True),
                (Step.CLONE, Step.ACCOUNT, Step.ELECTOR, Step.JOIN),
            ),
            (
                LOCAL,
                (replace(PRIMARY, beginnings=ANEW),),
                replace(INTENT, reprovision=True),
                (Step.CLONE, Step.ACCOUNT, Step.ELECTOR, Step.JOIN),
            ),
            (replace(LOCAL, executed=HAS - LAST), (replace(PRIMARY, beginnings=ANEW),), INTENT, (Step.JOIN,)),
            (NEW, (DENIED,), FIRST, (Step.ACCOUNT, Step.BOOTSTRAP)),
            (NEW, (BROKEN,), FIRST, (Step.ACCOUNT, Step.BOOTSTRAP)),
            (LOCAL, (IDLE,), FIRST, (Step.BOOTSTRAP,)),
            # What a host has that does not answer may be something else under the numbers that come next.
            (LOCAL, (IDLE, DENIED), FIRST, (Step.RECORD, Step.BOOTSTRAP)),
            (replace(LOCAL, view=view(), elector=False), (), INTENT, (Step.ELECTOR,)),
            (replace(LOCAL, elector=False), (PRIMARY,), INTENT, (Step.ELECTOR, Step.JOIN)),
            (replace(NEW, elector=False), (DENIED,), FIRST, (Step.ACCOUNT, Step.ELECTOR, Step.BOOTSTRAP)),
            (replace(LOCAL, view=None), (), replace(INTENT, rehearsal=True), (Step.JOIN,)),
            (LOCAL, (IDLE,), replace(INTENT, rehearsal=True), (Step.JOIN,)),
        ],
    )
    def test_steps(self, local: Local, peers: tuple[Peer, ...], intent: Intent, steps: tuple[Step, ...]) -> None:
        assert plan.plan(local, peers, intent).steps == steps

    def test_a_secondary_gives_the_copy(self) -> None:
        assert plan.plan(NEW, (PRIMARY, SECONDARY), INTENT).donor == SECONDARY
        assert plan.plan(NEW, (PRIMARY,), INTENT).donor == PRIMARY

    @pytest.mark.parametrize(
        ("local", "peers", "intent", "code", "waits"),
        [
            (replace(LOCAL, view=None), (PRIMARY,), INTENT, plan.Code.NO_PLUGIN, False),
            (LOCAL, (IDLE, DENIED), INTENT, plan.Code.NO_GROUP, True),
            (LOCAL, (IDLE, BROKEN), FIRST, plan.Code.NOT_ASKED, True),
            (LOCAL, (replace(IDLE, held=HAS | gtids(f"{B}:1")),), FIRST, plan.Code.OTHER_HAS_MORE, False),
            (replace(LOCAL, executed=HAS | gtids(f"{A}:4")), (PRIMARY, SECONDARY), INTENT, plan.Code.DIVERGED, False),
            (LOCAL, (replace(PRIMARY, beginnings=ANEW),), INTENT, plan.Code.ANEW, False),
            (replace(LOCAL, beginnings=ANEW), (PRIMARY,), INTENT, plan.Code.STRAY, False),
            (LOCAL, (replace(IDLE, beginnings=ANEW),), FIRST, plan.Code.BEGUN_WITHOUT, False),
            (LOCAL, (replace(PRIMARY, purged=HAS | gtids(f"{GROUP}:200")),), INTENT, plan.Code.HAS_DATA, False),
            (NEW, (replace(PRIMARY, version="8.4.7"),), INTENT, plan.Code.OTHER_SERIES, False),
            (replace(NEW, clone_plugin=False), (PRIMARY,), INTENT, plan.Code.NO_CLONE_PLUGIN, False),
            (
                replace(NEW, executed=gtids(f"{B}:9")),
                (PRIMARY,),
                replace(INTENT, clone=False),
                plan.Code.NOT_PROVISIONED,
                False,
            ),
        ],
    )
    def test_refusals(
        self, local: Local, peers: tuple[Peer, ...], intent: Intent, code: plan.Code, waits: bool
    ) -> None:
        found = plan.plan(local, peers, intent)
        assert found.refusal is not None
        assert (found.refusal.code, found.waits, found.steps) == (code, waits, ())


class TestSwitchover:
    """What the primary says before it gives way."""

    @pytest.mark.parametrize(
        ("found", "codes"),
        [
            (Found(view()), []),
            (Found(None), ["not_the_primary"]),
            (Found(view(own=B)), ["not_the_primary"]),
            (Found(view(b="UNREACHABLE", c="UNREACHABLE")), ["not_the_primary"]),
            (Found(view(b="RECOVERING")), ["not_online"]),
            (Found(view(c="UNREACHABLE")), ["suspects"]),
            (Found(view(), queue=11), ["behind"]),
            (Found(view(), transactions=(OpenTransaction(7, "app", "web1", 60, 3),)), ["open_transaction"]),
        ],
    )
    def test_obstacles(self, found: Found, codes: list[str]) -> None:
        said = obstacles(found, "198.18.0.32", 3306, max_queue=10)
        assert [str(each.code.value).removeprefix("group_switchover.") for each in said] == codes

    def test_a_host_outside_of_the_group(self) -> None:
        (said,) = obstacles(Found(view()), "198.18.0.39", 3306, max_queue=10)
        assert said.code.value == "group_switchover.not_a_member"


DATABASES = {"db1": "198.18.0.31", "db2": "198.18.0.32", "db3": "198.18.0.33"}
UUIDS = dict(zip(DATABASES, (A, B, C), strict=True))


def answer(name: str, seen: View | None, role: str, executed: str = f"{GROUP}:1-100") -> dict[str, Any]:
    data = None if seen is None else replace(seen, own=UUIDS[name]).as_data()
    server = {"server_uuid": UUIDS[name], "gtid_executed": executed, "group": data, "beginnings": []}
    return {"role": role, "server": server}


def everywhere(seen: View, **roles: str) -> dict[str, Any]:
    return {name: answer(name, seen, role) for name, role in roles.items()}


def idle(received: str = "") -> View:
    return View(A, received=received)


def verdict(evidence: dict[str, Any], *, recovery: bool = False, **asked: Any) -> dict[str, Any]:
    decide = recover.decide if recovery else failover.decide
    return decide(evidence, Request(DATABASES, **asked)).as_data()


def codes(reasons: list[dict[str, Any]]) -> list[str]:
    return [each["code"] for each in reasons]


OFF = {name: answer(name, idle(), "read_only") for name in DATABASES}
WHOLE = everywhere(view(), db1="primary", db2="replica", db3="replica")


class TestVerbs:
    """failover.yml and recover.yml."""

    @pytest.mark.parametrize("asked", [{}, {"candidate": "db2"}])
    def test_a_group_with_a_majority_is_left_alone(self, asked: dict[str, Any]) -> None:
        found = verdict(WHOLE, **asked)
        assert (codes(found["done"]), found["refusals"]) == (["group.has_primary"], [])
        electing = everywhere(view(primary=""), db2="replica", db3="replica")
        assert codes(verdict(electing, **asked)["done"]) == ["group.elects"]

    def test_after_a_full_outage_the_one_with_everything_begins(self) -> None:
        evidence = OFF | {"db3": answer("db3", idle(f"{GROUP}:90-105"), "read_only")}
        found = verdict(evidence)
        assert (found["candidate"], found["refusals"], codes(found["notes"])) == ("db3", [], ["group.has_everything"])
        assert codes(verdict(evidence, candidate="db1")["refusals"]) == ["group.candidate_lacks"]

    @pytest.mark.parametrize(
        ("evidence", "asked", "refusals"),
        [
            (OFF, {"candidate": "db9"}, ["group.unknown_host"]),
            ({}, {}, ["group.not_asked"] * 3 + ["group.no_data_anywhere"]),
            ({name: OFF[name] for name in ("db1", "db2")}, {}, ["group.not_asked"]),
            (OFF | {"db3": {"role": "down", "server": {}}}, {}, ["group.down"]),
            (OFF | {"db3": {"role": "down", "server": {}}}, {"powered_off": "db3"}, ["group.lost_data_unknown"]),
            (OFF | {"db3": answer("db3", None, "read_only")}, {}, ["group.not_a_member"]),
            (
                OFF | {"db3": answer("db3", view(a="UNREACHABLE", b="UNREACHABLE"), "read_only")},
                {},
                ["group.minority"],
            ),
            (
                OFF
                | {
                    "db1": answer("db1", idle(), "read_only", f"{A}:9"),
                    "db2": answer("db2", idle(), "read_only", f"{B}:9"),
                },
                {},
                ["group.no_superset"],
            ),
        ],
    )
    def test_refusals(self, evidence: dict[str, Any], asked: dict[str, Any], refusals: list[str]) -> None:
        """Each guard alone."""
        assert codes(verdict(evidence, **asked)["refusals"]) == refusals

    def test_a_lost_majority_is_given_up_only_in_words(self) -> None:
        left = {"db2": OFF["db2"]}
        asked: dict[str, Any] = {"powered_off": "db1,db3"}
        assert set(codes(verdict(left, **asked)["refusals"])) == {"group.lost_data_unknown"}
        assert codes(verdict(left, powered_off="db1", accepted_loss=math.inf)["refusals"]) == ["group.not_asked"]
        found = verdict(left, **asked, accepted_loss=math.inf)
        assert (found["candidate"], found["refusals"]) == ("db2", [])
        assert codes(found["notes"]) == ["group.powered_off", "group.accepted_unknown"] * 2

    def test_recover_says_who_is_missing(self) -> None:
        assert codes(verdict(WHOLE, recovery=True)["done"]) == ["group_recover.whole"]
        for there, code in (
            ({}, "missing"),
            ({"db3": {"role": "down", "server": {}}}, "missing"),
            ({"db3": {"role": "fresh", "server": {}}}, "fresh"),
            ({"db3": answer("db3", idle(), "read_only")}, "not_a_member"),
        ):
            evidence = {name: WHOLE[name] for name in ("db1", "db2")} | there
            assert codes(verdict(evidence, recovery=True)["refusals"]) == [f"group_recover.{code}"]
        assert verdict(OFF, recovery=True)["candidate"] == "db1"
