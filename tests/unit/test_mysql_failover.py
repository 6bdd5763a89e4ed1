"""Whether a replica may take over: every guard on its own, the bound of losslessness, and properties of the whole."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import Heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Request
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.failover import Verdict, decide
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.proof import latest_heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.recover import decide as recover
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import Facts, role_of
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.peers import clock_offset, haproxy_states
from hypothesis import given
from hypothesis import strategies as st
from reading import read

A, B, C = (f"{n}e11fa47-71ca-11e1-9e33-c80aa9429562" for n in (1, 2, 3))
NOW = 1_790_000_000.0
CONFIRMED, LOST = NOW - 10.0, NOW - 8.5
"""The last heartbeat that was acknowledged, and when the application hosts lost the primary. The timeout is 10 s."""

PAIR = {"db1": "198.18.0.31", "db2": "198.18.0.32"}
EVERYONE = ["web1", "web2", "lb1", "lb2", "db1", "db2"]
REQUEST = {"databases": PAIR, "application": ["web1", "web2"], "everyone": EVERYONE}


def server(role: str, uuid: str, executed: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "server_uuid": uuid, "gtid_executed": executed, "channel": None, "heartbeats": [], **more}


def beat(**more: Any) -> dict[str, Any]:
    return {
        "server_uuid": A,
        "server_id": 1,
        "written": CONFIRMED + 1,
        "confirmed": CONFIRMED,
        "semi_sync": True,
        "timeout_ms": 10_000,
        "gtid_executed": f"{A}:1-90,{B}:1-5",
    } | more


def channel(**more: Any) -> dict[str, Any]:
    return {
        "source_host": "198.18.0.31",
        "source_port": 3306,
        "source_uuid": A,
        "receiver": False,
        "applier": True,
        "error": "",
        "received": f"{A}:50-99",
        "clock_ahead": 0.01,
    } | more


def host(role: str = "", **more: Any) -> dict[str, Any]:
    return {"role": role, "server": {}, "reached": {"db1": False}, "clocks": {}, "seen": {}, "time": NOW} | more


def crash() -> dict[str, Any]:
    """The mysqld of db1 was killed. Its host can be asked."""
    found = {
        name: host(
            clocks={"db2": {"ahead": 0.002, "error": 0.01}},
            seen={"db1": {"up": False, "since": LOST}, "db2": {"up": False, "since": NOW - 999}},
        )
        for name in ("web1", "web2")
    }
    found |= {name: host() for name in ("lb1", "lb2")}
    found["db1"] = host("down", clocks={"db2": {"ahead": -0.1, "error": 0.01}})
    found["db2"] = host(
        "replica",
        server=server("replica", B, f"{A}:1-99,{B}:1-5", channel=channel(), heartbeats=[beat()]),
    )
    return found


def power_loss() -> dict[str, Any]:
    found = crash()
    del found["db1"]
    return found


def ask(evidence: dict[str, Any], **more: Any) -> Verdict:
    return decide(evidence, Request(**REQUEST | more))


def refusal(evidence: dict[str, Any], **more: Any) -> str:
    verdict = ask(evidence, **more)
    assert len(verdict.refusals) == 1, verdict.refusals
    return read(verdict.refusals[0])


def test_a_killed_primary_is_replaced_without_a_loss() -> None:
    verdict = ask(crash())
    assert verdict.refusals == ()
    assert (verdict.candidate, verdict.old, verdict.fence, verdict.fence_on) == ("db2", "db1", "stopped", ("db1",))
    assert verdict.lost_seconds == 0
    assert "no acknowledged write is lost" in read(verdict.notes[-1])


@pytest.mark.parametrize(("timeout_ms", "waits"), [(10_000, False), (86_399_999, False), (86_400_000, True)])
def test_writes_wait_without_a_replica_only_where_they_wait_for_ever(timeout_ms: int, waits: bool) -> None:
    evidence = crash()
    evidence["db2"]["server"]["semi_sync_timeout_ms"] = timeout_ms
    assert ask(evidence).wait_no_replica is waits
    assert ask(restarted(), candidate="db1").wait_no_replica is None


@pytest.mark.parametrize(
    ("executed", "named", "refused"),
    [(f"{B}:1-6", B, False), (f"{B}:1-7", B, True), (f"{B}:1-6", A, True), (f"{B}:1-5,{C}:1", B, True)],
)
def test_a_promotion_that_only_was_recorded_goes_on(executed: str, named: str, refused: bool) -> None:
    """Red when its record counts as a transaction that nobody knows, and every other one when none does."""
    evidence = crash()
    evidence["db2"]["server"] |= {
        "gtid_executed": f"{A}:1-99,{executed}",
        "epoch": {"number": 4, "server_uuid": named},
    }
    assert bool(ask(evidence).refusals) is refused


def test_a_primary_without_power_is_cut_off_or_believed_to_be_off() -> None:
    verdict = ask(power_loss())
    assert (verdict.refusals, verdict.fence, verdict.fence_on) == ((), "cut_off", ("db2", "web1", "web2"))
    verdict = ask(power_loss(), powered_off="db1")
    assert (verdict.refusals, verdict.fence, verdict.fence_on) == ((), "confirmed", ())


def test_a_proof_may_be_in_what_was_received_and_not_applied() -> None:
    """The heartbeat that it has applied is old; nothing else stands against it, so it is to apply the rest first."""
    evidence = crash()
    evidence["db2"]["server"]["gtid_executed"] = f"{A}:1-60,{B}:1-5"
    evidence["db2"]["server"]["heartbeats"] = [beat(confirmed=NOW - 60, written=NOW - 59)]
    verdict = ask(evidence)
    assert verdict.drain
    assert "39 transactions are not applied, and may prove more" in read(verdict.refusals[0])
    evidence["db2"]["server"]["gtid_executed"] = f"{A}:1-99,{B}:1-5"
    assert not ask(evidence).drain, "there is nothing to apply"


def test_nothing_is_applied_where_another_guard_refuses() -> None:
    evidence = crash()
    evidence["db2"]["server"]["gtid_executed"] = f"{A}:1-60,{B}:1-5,{C}:1"
    evidence["db2"]["server"]["heartbeats"] = [beat(confirmed=NOW - 60, written=NOW - 59)]
    verdict = ask(evidence)
    assert len(verdict.refusals) == 2
    assert not verdict.drain


def test_what_is_proven_already_needs_no_draining_first() -> None:
    evidence = change(crash(), "db2.server.gtid_executed", f"{A}:1-60,{B}:1-5")
    verdict = ask(evidence)
    assert (verdict.refusals, verdict.drain) == ((), False)


def change(evidence: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *names, last = path.split(".")
    place = evidence
    for name in names:
        place = place[name]
    place[last] = value
    return evidence


@pytest.mark.parametrize(
    ("path", "value", "reason", "override"),
    [
        ("web1.reached.db1", True, "", {}),
        ("db2.reached.db1", True, "", {}),
        (
            "db2.server.gtid_executed",
            f"{A}:1-99,{B}:1-7",
            f"2 transactions that db1 never had: {B}:6-7",
            {"accepted_errant": f"{B}:1-7"},
        ),
        ("db2.server.gtid_executed", f"{A}:1-99,{B}:1-5,{C}:1", f"never had: {C}:1", {"accepted_errant": f"{C}:1"}),
        ("db2.server.heartbeats", [], "how much cannot be told", {"accepted_loss": math.inf}),
        ("db2.server.heartbeats", [beat(confirmed=None)], "how much cannot be told", {"accepted_loss": math.inf}),
        ("web1.seen.db1.since", NOW - 0.5, "up to 0.5 s may be lost", {"accepted_loss": 9}),
        ("web2.seen.db1.up", True, "the HAProxy of web2 still has db1 for a primary", {"accepted_loss": 9}),
        ("web2.seen", {}, "the HAProxy of web2 says nothing about db1", {"accepted_loss": 9}),
        ("web2.clocks", {"db2": None}, "clock of web2 could not be compared", {"accepted_loss": 9}),
        ("web2.clocks.db2", {"ahead": -1.5, "error": 0.1}, "web2 and db2 differ by up to 1.6 s", {"accepted_loss": 9}),
        ("db1.clocks.db2.ahead", 2.0, "the clocks of db1 and db2 differ by 2.0 s", {"accepted_loss": 9}),
    ],
)
def test_each_guard_refuses_and_says_what_overrides_it(
    path: str, value: Any, reason: str, override: dict[str, Any]
) -> None:
    """One of the hosts that still reaches the primary is no majority, and refuses nothing."""
    evidence = change(crash(), path, value)
    if path == "db2.server.heartbeats" and not value:
        evidence["db2"]["server"]["gtid_executed"] = f"{A}:1-99"
    if not reason:
        assert ask(evidence).refusals == ()
        return
    said = refusal(evidence)
    assert reason.lower() in said.lower()
    for name in override:
        assert f"-e webstack_{name.replace('accepted', 'accept')}" in said.replace("_loss_seconds", "_loss")
    assert ask(evidence, **override).refusals == ()


def test_a_loss_is_accepted_only_up_to_what_was_said() -> None:
    evidence = change(crash(), "web1.seen.db1.since", NOW + 30.5)
    said = refusal(evidence)
    assert "up to 31.5 s may be lost" in said
    assert "webstack_accept_loss_seconds=32" in said
    assert refusal(evidence, accepted_loss=31) == said
    verdict = ask(evidence, accepted_loss=32)
    assert verdict.lost_seconds == 31.5
    assert "which you accepted" in read(verdict.notes[-1])


@pytest.mark.parametrize("reaching", [["web1", "web2"], ["web1", "web2", "db2"], ["web1", "db2"]])
def test_no_majority_refuses_and_nothing_overrides_it(reaching: list[str]) -> None:
    """The load balancers never reach MySQL: they do not make the majority of those who do."""
    evidence = crash()
    for name in reaching:
        evidence[name]["reached"]["db1"] = True
    said = refusal(evidence, powered_off="db1", accepted_loss=math.inf, accepted_errant=f"{B}:1-9")
    assert "is no majority" in said
    assert ", ".join(name for name in ["web1", "web2", "db2"] if name in reaching) in said


def test_a_host_that_cannot_be_asked_is_no_vote() -> None:
    evidence = crash()
    for name in ("web1", "web2"):
        del evidence[name]
    assert any("is no majority" in read(said) for said in ask(evidence).refusals)


def test_a_host_that_cannot_be_told_to_cut_it_off_refuses() -> None:
    evidence = power_loss()
    del evidence["web2"]
    said = ask(evidence).refusals
    assert "it cannot be cut off on web2" in read(said[0])
    assert "webstack_confirm_powered_off=db1" in read(said[0])
    verdict = ask(evidence, powered_off="db1", accepted_loss=9)
    assert (verdict.refusals, verdict.fence) == ((), "confirmed")


def test_what_cannot_be_applied_refuses() -> None:
    evidence = crash()
    evidence["db2"]["server"]["channel"] |= {"error": "Duplicate entry", "applier": False}
    assert ask(evidence).refusals == ()
    evidence["db2"]["server"]["channel"]["received"] = f"{A}:50-100"
    assert "cannot apply what it has received (Duplicate entry)" in refusal(evidence)


def test_the_clock_of_a_primary_that_is_gone_is_known_from_its_last_transaction() -> None:
    evidence = power_loss()
    evidence["db2"]["server"]["channel"]["clock_ahead"] = 1.5
    assert "the clocks of db1 and db2 differ by 1.5 s" in refusal(evidence)
    evidence["db2"]["server"]["channel"]["clock_ahead"] = None
    assert "was never compared" in refusal(evidence)


def restarted() -> dict[str, Any]:
    """db1 has crashed and come back: read-only, with a transaction that nobody acknowledged; everybody reaches it."""
    evidence = crash()
    evidence["db1"] |= {"role": "read_only", "server": server("read_only", A, f"{A}:1-100,{B}:1-5")}
    for found in evidence.values():
        found["reached"]["db1"] = True
    return evidence


def test_a_restarted_primary_that_has_everything_is_not_replaced_and_the_one_command_is_named() -> None:
    """Red when, besides, a loss is asked about that cannot be, or a majority that cannot come about."""
    said = refusal(restarted())
    assert said.startswith("db1 has restarted, takes no writes, and has everything that db2 has")
    assert "run ansible-playbook playbooks/recover.yml" in said
    assert "accept" not in said


def test_a_restarted_primary_that_lacks_something_is_to_be_stopped() -> None:
    evidence = restarted()
    evidence["db2"]["server"]["channel"]["received"] = f"{A}:50-101"
    said = refusal(evidence)
    assert "lacks 1 transactions that db2 has: stop MySQL on db1" in said


def test_a_restarted_primary_takes_writes_again() -> None:
    verdict = ask(restarted(), candidate="db1")
    assert (verdict.refusals, verdict.candidate, verdict.old, verdict.fence) == ((), "db1", "", "")


@pytest.mark.parametrize("place", ["gtid_executed", "channel"])
def test_a_restarted_primary_that_lacks_something_does_not(place: str) -> None:
    evidence = restarted()
    other = evidence["db2"]["server"]
    if place == "channel":
        other["channel"]["received"] = f"{A}:50-101"
    else:
        other["gtid_executed"] = f"{A}:1-101,{B}:1-5"
    said = refusal(evidence, candidate="db1")
    assert f"db2 has 1 transactions that db1 has not: {A}:101" in said


def test_a_restarted_primary_does_not_where_the_other_writes_or_is_not_known() -> None:
    evidence = restarted()
    evidence["db2"]["role"] = "primary"
    assert "db2 takes writes" in refusal(evidence, candidate="db1")
    del evidence["db2"]
    assert len(ask(evidence, candidate="db1").refusals) == 2
    assert ask(evidence, candidate="db1", powered_off="db2", accepted_loss=math.inf).refusals == ()


@pytest.mark.parametrize(
    ("roles", "asked", "reason"),
    [
        ({"db1": "primary", "db2": "primary"}, "", "take writes at the same time"),
        ({"db1": "read_only", "db2": "read_only"}, "", "cannot be told which host is to take over"),
        ({"db1": "down", "db2": "down"}, "db2", "db2: its MySQL does not answer"),
        ({"db1": "down", "db2": "fresh"}, "db2", "db2: it has no data"),
        ({"db1": "down"}, "db2", "db2 cannot be asked"),
        ({"db1": "down", "db2": "replica"}, "db3", "db3 is not one of the database hosts db1, db2"),
    ],
)
def test_what_is_unclear_is_refused(roles: dict[str, str], asked: str, reason: str) -> None:
    assert reason in refusal({name: host(role) for name, role in roles.items()}, candidate=asked)


def test_what_is_done_is_not_done_again() -> None:
    evidence = crash()
    evidence["db2"]["role"] = "primary"
    evidence["db2"]["server"]["channel"] = None
    for asked in ("", "db2"):
        verdict = ask(evidence, candidate=asked)
        assert verdict.refusals == ()
        assert "takes writes" in read(verdict.done)


def test_a_promotion_that_was_interrupted_is_finished() -> None:
    """It takes writes and is a replica still. Catches a state that no verb leads out of."""
    evidence = crash()
    evidence["db2"]["role"] = "primary"
    verdict = ask(evidence)
    assert (verdict.refusals, verdict.done, verdict.candidate, verdict.fence_on) == ((), None, "db2", ())


def three() -> dict[str, Any]:
    """db3 replicates from db1 as well, and has everything."""
    evidence = crash()
    evidence["db3"] = copy.deepcopy(evidence["db2"])
    evidence["db3"]["server"]["server_uuid"] = C
    for found in evidence.values():
        found["clocks"] |= {"db3": found["clocks"]["db2"]} if found["clocks"] else {}
    return evidence


THREE = {"databases": PAIR | {"db3": "198.18.0.33"}, "candidate": "db3"}


def test_of_several_replicas_the_one_that_has_everything_takes_over() -> None:
    """One replica acknowledges for all. Catches one that lags and is called lossless."""
    evidence = three()
    assert ask(evidence, **THREE).refusals == ()
    evidence["db2"]["server"]["channel"]["received"] = f"{A}:50-105"
    assert "db2 has 6 transactions that db3 has not" in refusal(evidence, **THREE)
    evidence["db2"] = host("down")
    assert "db2 cannot be asked what it has" in refusal(evidence, **THREE)


def test_nobody_becomes_the_second_primary() -> None:
    """db2 took over, and db3 still replicates from the lost db1."""
    evidence = three()
    evidence["db2"]["role"] = "primary"
    evidence["db2"]["server"]["channel"] = None
    assert read(ask(evidence, **THREE | {"candidate": ""}).done) == "db2 takes writes already; nothing was done"
    assert refusal(evidence, **THREE) == "db2 takes writes, so db3 must not"


def test_a_replica_that_has_restarted_proves_nothing() -> None:
    """What it had received and not applied is thrown away then (relay_log_recovery)."""
    evidence = crash()
    evidence["db2"]["server"]["channel"]["received"] = ""
    assert "db2 has restarted since" in refusal(evidence)


def test_of_a_host_that_is_off_only_those_who_can_be_asked_vote() -> None:
    """A rack is lost. Catches a failover that nothing but an edited inventory permits."""
    evidence = power_loss()
    for name in ("web1", "web2", "lb1"):
        del evidence[name]
    assert any("no majority" in read(one) for one in ask(evidence, accepted_loss=math.inf).refusals)
    assert ask(evidence, accepted_loss=math.inf, powered_off="db1").refusals == ()
    evidence["lb2"]["reached"]["db1"] = evidence["db2"]["reached"]["db1"] = True
    assert "no majority" in refusal(evidence, accepted_loss=math.inf, powered_off="db1")


def test_what_a_refusal_tells_to_add_is_enough_some_minutes_later() -> None:
    evidence = crash()
    evidence["web1"]["seen"] = {}
    told = int(refusal(evidence).rpartition("=")[2])
    for found in evidence.values():
        found["time"] += 120
    assert ask(evidence, accepted_loss=told).refusals == ()


def test_a_working_primary_is_not_replaced() -> None:
    evidence = crash()
    evidence["db1"]["role"] = "primary"
    for found in evidence.values():
        found["reached"]["db1"] = True
    evidence["web1"]["seen"] = {}
    # Red when it invites to accept a loss, which cannot help, and which somebody does under stress.
    assert "run ansible-playbook playbooks/switchover.yml" in refusal(evidence)
    assert "accept" not in refusal(evidence)


def test_a_timeout_without_end_proves_without_end() -> None:
    assert Heartbeat.from_data(beat(timeout_ms=2**64 - 1)).proven_until.timestamp() > NOW + 1e9  # type: ignore[union-attr]


def test_the_heartbeat_is_that_of_the_source() -> None:
    found = crash()["db2"]["server"]
    found["heartbeats"] = [beat(server_uuid=B), beat(), beat(server_uuid=C, written=NOW)]
    assert latest_heartbeat(found).server_uuid == A  # type: ignore[union-attr]
    found["channel"]["source_uuid"] = ""
    assert latest_heartbeat(found).server_uuid == C  # type: ignore[union-attr]


moments = st.floats(-60, 60)


@given(
    confirmed=moments,
    timeout=st.integers(0, 30_000),
    lost=st.lists(moments, min_size=2, max_size=2),
    ahead=st.lists(st.floats(-2, 2), min_size=2, max_size=2),
    source_ahead=st.floats(-2, 2),
    margin=st.floats(0, 3),
)
def test_what_is_called_lossless_is(
    confirmed: float, timeout: int, lost: list[float], ahead: list[float], source_ahead: float, margin: float
) -> None:
    """In true time: every application host lost the primary before confirmed + timeout, whatever the clocks say."""
    evidence = crash()
    # db2's clock is the true one.
    evidence["db2"]["server"]["heartbeats"] = [beat(confirmed=NOW + confirmed + source_ahead, timeout_ms=timeout)]
    evidence["db1"]["clocks"]["db2"] = {"ahead": source_ahead, "error": 0.0}
    for name, moment, clock in zip(("web1", "web2"), lost, ahead, strict=True):
        evidence[name]["seen"]["db1"] = {"up": False, "since": NOW + moment + clock}
        evidence[name]["clocks"]["db2"] = {"ahead": clock, "error": 0.0}
    verdict = ask(evidence, margin=margin)
    if not verdict.refusals:
        assert max(lost) <= confirmed + timeout / 1000 + 1e-3
    if max(lost) > confirmed + timeout / 1000 + 1e-3:
        assert verdict.refusals


@given(st.lists(st.sampled_from(sorted(crash())), unique=True), st.sampled_from(["", "db1", "db2"]), st.booleans())
def test_less_evidence_never_permits_more(gone: list[str], asked: str, off: bool) -> None:
    evidence = {name: found for name, found in copy.deepcopy(crash()).items() if name not in gone}
    verdict = ask(evidence, candidate=asked, powered_off="db1" if off else "")
    if set(gone) & {"web1", "web2", "db2"}:
        assert verdict.refusals
    for said in verdict.refusals:
        assert read(said)[-1] != "."


@pytest.mark.parametrize(
    ("facts", "role"),
    [
        (Facts(answers=False, has_files=False), "fresh"),
        (Facts(answers=False), "down"),
        (Facts(answers=True), "fresh"),
        (Facts(answers=True, writable=True), "fresh"),
        (Facts(answers=True, writable=True, has_replicas=True), "primary"),
        (Facts(answers=True, writable=True, has_databases=True), "primary"),
        (Facts(answers=True, writable=True, has_databases=True, replicates=True), "primary"),
        (Facts(answers=True, replicates=True), "replica"),
        (Facts(answers=True, has_databases=True), "read_only"),
    ],
)
def test_what_a_server_is(facts: Facts, role: str) -> None:
    assert role_of(facts) == role


def test_haproxy_is_read() -> None:
    listing = (
        "# pxname,svname,status,lastchg\nmysql-write,db1,DOWN,8\nmysql-write,db2,UP 1/2,7\n"
        "mysql-write,BACKEND,UP,3\nmysql-read,db1,UP,1\nmysql-write,db3,no check,\n"
    )
    assert haproxy_states(listing, "mysql-write", 100.0) == {
        "db1": {"up": False, "since": 93.0},
        "db2": {"up": True, "since": 94.0},
        "db3": {"up": True, "since": None},
    }
    assert haproxy_states("", "mysql-write", 100.0) == {}


@given(st.floats(-100, 100), st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), min_size=1))
def test_clocks_are_compared_within_the_error_that_is_said(ahead: float, waits: list[tuple[float, float]]) -> None:
    samples = [(NOW, NOW + there - ahead, NOW + there + back) for there, back in waits]
    found = clock_offset(samples)
    assert found is not None
    assert abs(found["ahead"] - ahead) <= found["error"] + 1e-3
    assert clock_offset([]) is None


def recovered(evidence: dict[str, Any], **more: Any) -> Verdict:
    return recover(evidence, Request(**REQUEST | more))


def test_recover_lets_a_restarted_primary_take_writes_again() -> None:
    verdict = recovered(restarted())
    assert (verdict.refusals, verdict.candidate, verdict.old) == ((), "db1", "")


def test_recover_fails_over_where_that_is_proven() -> None:
    """And decides the same again once the old primary is fenced."""
    verdict = recovered(crash())
    assert (verdict.refusals, verdict.candidate, verdict.old, verdict.fence) == ((), "db2", "db1", "stopped")
    assert recovered(power_loss()).fence == "cut_off"
    evidence = power_loss()
    evidence["web1"]["seen"] = {}
    assert "is not proven" in read(recovered(evidence).refusals[0]), "with all of failover's guards"


def test_recover_lets_the_one_of_two_that_was_the_primary_last_take_writes() -> None:
    """db2 had taken over from db1, and then the rack lost power. Red when it chooses by the inventory, or none."""
    evidence = restarted()
    evidence["db1"]["server"] |= {"epoch": {"number": 1, "server_uuid": A}}
    evidence["db2"] = host(
        "read_only",
        server=server("read_only", B, f"{A}:1-100,{B}:1-9", epoch={"number": 2, "server_uuid": B}),
        reached={"db1": True},
    )
    verdict = recovered(evidence)
    assert (verdict.refusals, verdict.candidate) == ((), "db2")
    evidence["db1"]["server"]["gtid_executed"] = f"{A}:1-101,{B}:1-5"
    assert "db1 has 1 transactions that db2 has not" in read(recovered(evidence).refusals[0])


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("replica", "db1 takes writes, and every other database host replicates from it"),
        ("read_only", "To bring db2 back as its replica, run ansible-playbook playbooks/rejoin.yml"),
        ("down", "To bring db2 back as its replica, run ansible-playbook playbooks/rejoin.yml"),
        ("fresh", "db2 has no data. To make it a replica, run ansible-playbook playbooks/rejoin.yml"),
        ("", "db2 cannot be asked. Start db2"),
        ("primary", "db1 and db2 take writes at the same time"),
    ],
)
def test_recover_names_what_is_to_be_run_where_it_is_not_its_own(role: str, said: str) -> None:
    evidence = {"db1": host("primary", server=server("primary", A, f"{A}:1-9"))}
    if role:
        evidence["db2"] = host(role, server=server(role, B, f"{A}:1-9") if role not in ("down", "fresh") else {})
    verdict = recovered(evidence)
    assert said in read(verdict.done or verdict.refusals[0])


def test_recover_says_why_a_replica_does_not_take_over_from_a_primary_that_lacks_something() -> None:
    evidence = restarted()
    evidence["db2"]["server"]["channel"]["received"] = f"{A}:50-101"
    assert "stop MySQL on db1" in read(recovered(evidence).refusals[0])


def test_recover_takes_the_name_of_a_host_as_failover_does() -> None:
    assert recovered(restarted(), candidate="db1") == ask(restarted(), candidate="db1")


def test_recover_finishes_a_promotion_that_was_interrupted() -> None:
    evidence = crash()
    evidence["db2"]["role"] = "primary"
    assert recovered(evidence) == ask(evidence)
