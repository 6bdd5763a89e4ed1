"""What is executed to make a server a replica, and what is refused: a table of situations, then properties.

The properties matter most: whatever is observed, data that is not the source's is not thrown away unasked, a replica
that runs as wanted is left alone, and no password is shown.
"""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Channel, Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.plan import (
    Intent,
    Plan,
    plan,
    plan_absent,
    waiting_is_over,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.state import Local, Source, Unreachable
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import mysql_error
from hypothesis import given
from hypothesis import strategies as st
from reading import read

PASSWORD = "s3cret'; DROP USER root; -- %s"
SOURCE_UUID, REPLICA_UUID = "11111111-aaaa-11f1-8000-000000000001", "22222222-aaaa-11f1-8000-000000000002"

WANTED = Endpoint(host="198.18.0.31", port=3306, user="replication", password=PASSWORD)
ELSEWHERE = replace(WANTED, host="198.18.0.99")
SOURCE = Source(version="9.7.4-2", server_uuid=SOURCE_UUID, server_id=31)
FRESH = Local(version="9.7.4-2", server_uuid=REPLICA_UUID, server_id=32)
COPY = replace(FRESH, gtid_executed=f"{SOURCE_UUID}:1-9", schemas=("guestbook",))
REPLICA = replace(COPY, channel=Channel(WANTED))
MOVED = replace(COPY, channel=Channel(ELSEWHERE))
ERRANT = replace(SOURCE, errant=f"{REPLICA_UUID}:1")
PURGED = replace(SOURCE, purged=f"{SOURCE_UUID}:1-5")
DOWN = Unreachable(2003, "Can't connect to MySQL server on '198.18.0.31' ([Errno 111] Connection refused)")
DENIED = Unreachable(1045, "Access denied for user 'replication'@'198.18.0.32' (using password: YES)")
REPROVISION = Intent(reprovision=True)
RECIPE = ["SET GLOBAL clone_valid_donor_list", "CLONE INSTANCE", "CHANGE REPLICATION SOURCE", "START REPLICA"]


OVER_DATA = [RECIPE[0], "SET GLOBAL super_read_only", *RECIPE[1:]]
"""CLONE drops what is there, which super_read_only forbids."""


def shortened(done: Plan) -> list[str]:
    """The statements without their values."""
    return [re.split(" = | FROM | TO ", str(step), maxsplit=1)[0] for step in done.statements]


def standing(receiver: str = "Yes", applier: str = "Yes", **errors: tuple[int, str]) -> Local:
    return replace(REPLICA, channel=Channel(WANTED, receiver=receiver, applier=applier, **errors))


@pytest.mark.parametrize(
    ("local", "source", "intent", "statements"),
    [
        pytest.param(REPLICA, SOURCE, Intent(), [], id="runs as wanted"),
        pytest.param(REPLICA, SOURCE, REPROVISION, [], id="runs as wanted, and reprovision was left on"),
        pytest.param(REPLICA, DOWN, Intent(), [], id="runs as wanted, source not asked"),
        pytest.param(FRESH, SOURCE, Intent(), RECIPE, id="new server"),
        pytest.param(
            replace(FRESH, gtid_executed=f"{REPLICA_UUID}:1-3"), ERRANT, Intent(), RECIPE, id="new, own accounts only"
        ),
        pytest.param(COPY, SOURCE, Intent(), RECIPE[2:], id="has the source's data already"),
        pytest.param(
            replace(FRESH, gtid_executed=f"{SOURCE_UUID}:1-9"),
            SOURCE,
            Intent(),
            RECIPE[2:],
            id="cloned an empty source, then interrupted",
        ),
        pytest.param(FRESH, SOURCE, Intent(cloned=True), RECIPE[2:], id="cloned a source without GTIDs"),
        pytest.param(FRESH, SOURCE, Intent(provision="none"), RECIPE[2:], id="new, binary logs complete"),
        pytest.param(COPY, ERRANT, REPROVISION, OVER_DATA, id="own data, to be thrown away"),
        pytest.param(
            MOVED,
            SOURCE,
            Intent(),
            ["STOP REPLICA IO_THREAD", "CHANGE REPLICATION SOURCE", "START REPLICA IO_THREAD"],
            id="another source, applier left running",
        ),
        pytest.param(
            replace(REPLICA, channel=Channel(replace(WANTED, auto_position=False))),
            SOURCE,
            Intent(),
            ["STOP REPLICA", "CHANGE REPLICATION SOURCE", "START REPLICA"],
            id="positions in files",
        ),
        pytest.param(
            replace(MOVED, channel=Channel(ELSEWHERE, applier="No")),
            SOURCE,
            Intent(),
            ["STOP REPLICA", "CHANGE REPLICATION SOURCE", "START REPLICA"],
            id="another source, applier stands still",
        ),
        pytest.param(
            MOVED, ERRANT, REPROVISION, ["STOP REPLICA", "RESET REPLICA ALL", *OVER_DATA], id="moved, diverged"
        ),
        pytest.param(standing("No", "No"), SOURCE, Intent(), ["START REPLICA"], id="stopped"),
        pytest.param(standing("Yes", "No"), SOURCE, Intent(), ["START REPLICA"], id="applier stopped"),
        pytest.param(standing("No", "No"), DOWN, Intent(), ["START REPLICA"], id="stopped, source not asked"),
        pytest.param(standing("Connecting"), DOWN, Intent(), [], id="already trying"),
        pytest.param(
            standing("Yes", "No", applier_error=(1062, "Duplicate entry")),
            SOURCE,
            Intent(),
            ["START REPLICA"],
            id="applier failed: tried once more",
        ),
        pytest.param(
            standing("Yes", "No", applier_error=(1062, "Duplicate entry")),
            SOURCE,
            REPROVISION,
            ["STOP REPLICA", "RESET REPLICA ALL", *OVER_DATA],
            id="applier failed, data to be thrown away",
        ),
        pytest.param(
            REPLICA,
            ERRANT,
            REPROVISION,
            ["STOP REPLICA", "RESET REPLICA ALL", *OVER_DATA],
            id="runs with errant writes",
        ),
        pytest.param(
            replace(REPLICA, semisync=True),
            replace(SOURCE, semisync=True),
            Intent(),
            ["STOP REPLICA IO_THREAD", "START REPLICA IO_THREAD"],
            id="semi-synchronous since, not announced",
        ),
        pytest.param(replace(REPLICA, semisync=True), SOURCE, Intent(), [], id="source does not wait"),
        pytest.param(
            replace(REPLICA, semisync=True, semisync_active=True),
            replace(SOURCE, semisync=True),
            Intent(),
            [],
            id="semi-synchronous",
        ),
        pytest.param(
            replace(REPLICA, super_read_only=False), SOURCE, Intent(), ["SET GLOBAL super_read_only"], id="takes writes"
        ),
        pytest.param(
            replace(FRESH, super_read_only=False, read_only=False),
            replace(SOURCE, read_only=True),
            Intent(),
            ["SET GLOBAL super_read_only", *RECIPE],
            id="new replica of a replica",
        ),
    ],
)
def test_statements(local: Local, source: Source | Unreachable, intent: Intent, statements: list[str]) -> None:
    done = plan(WANTED, local, source, intent)
    assert done.refusal is None
    assert shortened(done) == statements
    assert bool(done.before or done.after) == bool(statements)


@pytest.mark.parametrize(
    ("local", "source", "intent", "sentence"),
    [
        pytest.param(FRESH, DOWN, Intent(), "nothing answers there", id="source down"),
        pytest.param(FRESH, DENIED, Intent(), "does not take the account or its password", id="password"),
        pytest.param(
            MOVED, DENIED, Intent(), "The replication from 198.18.0.99:3306 was not touched", id="moved, password"
        ),
        pytest.param(
            COPY, ERRANT, Intent(), f"has transactions that the source has not ({REPLICA_UUID}:1)", id="own data"
        ),
        pytest.param(
            replace(COPY, gtid_executed=""), SOURCE, Intent(), "no GTID says where they come from", id="imported"
        ),
        pytest.param(COPY, PURGED, Intent(), "binary logs no longer hold", id="away for too long"),
        pytest.param(MOVED, ERRANT, Intent(), "cannot go on from 198.18.0.31:3306", id="moved, errant"),
        pytest.param(MOVED, PURGED, Intent(), "mysql_replication_reprovision=true", id="moved, purged"),
        pytest.param(FRESH, PURGED, Intent(provision="none"), "provisioning is switched off", id="logs incomplete"),
        pytest.param(
            replace(COPY, read_only=False, super_read_only=False),
            replace(SOURCE, read_only=True),
            Intent(),
            "exchange the roles with a switchover",
            id="roles exchanged in the inventory",
        ),
        pytest.param(
            FRESH, replace(SOURCE, server_uuid=REPLICA_UUID), Intent(), "delete auto.cnf", id="cloned machine"
        ),
        pytest.param(FRESH, replace(SOURCE, server_id=32), Intent(), "the same server_id, 32", id="server_id"),
        pytest.param(replace(FRESH, gtid_mode="OFF"), SOURCE, Intent(), "OFF on this server", id="no GTIDs here"),
        pytest.param(FRESH, replace(SOURCE, gtid_mode="OFF"), Intent(), "OFF on 198.18.0.31:3306", id="no GTIDs there"),
        pytest.param(FRESH, replace(SOURCE, version="8.4.6"), Intent(), "this is MySQL 9.7.4 and", id="another series"),
        pytest.param(
            FRESH,
            replace(SOURCE, not_innodb=("shop.legacy", "shop.old")),
            Intent(),
            "CLONE would copy shop.legacy, shop.old from 198.18.0.31:3306 without their rows",
            id="tables that are not InnoDB",
        ),
        pytest.param(replace(FRESH, clone_plugin=False), SOURCE, Intent(), "not active on this server", id="no plugin"),
        pytest.param(FRESH, replace(SOURCE, clone_plugin=False), Intent(), "on 198.18.0.31:3306", id="no plugin there"),
    ],
)
def test_refusals(local: Local, source: Source | Unreachable, intent: Intent, sentence: str) -> None:
    """Each refusal says why and what to do, and nothing is executed."""
    done = plan(WANTED, local, source, intent)
    assert sentence in read(done.refusal)
    assert done.statements == ()


def test_clone_takes_no_ipv6_address_but_a_name() -> None:
    """In the list it would end at the first colon ("Invalid Format"). Replication itself takes the address."""
    steps = plan(replace(WANTED, host="2001:db8::31"), FRESH, SOURCE, Intent()).statements
    name = "2001-0db8-0000-0000-0000-0000-0000-0031.clone.webstack.internal"
    assert steps[0].values == (f"{name}:3306",)
    assert steps[1].values[1] == name
    assert steps[2].values[0] == "2001:db8::31"


def test_same_series_is_enough_for_clone() -> None:
    assert plan(WANTED, replace(FRESH, version="8.4.7"), replace(SOURCE, version="8.4.3"), Intent()).refusal is None


def test_only_what_differs_is_changed() -> None:
    """CHANGE REPLICATION SOURCE with a host drops the relay logs; a new password must not."""
    local = replace(REPLICA, channel=Channel(replace(WANTED, password="old", connect_retry=60)))
    change = plan(WANTED, local, SOURCE, Intent()).statements[1]
    assert str(change) == "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = '********', SOURCE_CONNECT_RETRY = 5"
    assert change.values == (PASSWORD, 5)


CA = "/etc/webstack/tls/ca.pem"
VERIFIED = replace(WANTED, ca=CA, verify=True)


def test_a_running_replica_learns_to_verify_its_source() -> None:
    """With the receiver stopped for a moment only, and no relay log dropped."""
    steps = plan(VERIFIED, REPLICA, SOURCE, Intent()).statements
    assert [str(step) for step in steps] == [
        "STOP REPLICA IO_THREAD",
        f"CHANGE REPLICATION SOURCE TO SOURCE_SSL_CA = '{CA}', SOURCE_SSL_VERIFY_SERVER_CERT = 1",
        "START REPLICA IO_THREAD",
    ]
    assert plan(VERIFIED, replace(REPLICA, channel=Channel(VERIFIED)), SOURCE, Intent()).statements == ()


def test_clone_trusts_the_same_ca() -> None:
    steps = [str(step) for step in plan(VERIFIED, FRESH, SOURCE, Intent()).statements]
    assert steps.index(f"SET GLOBAL clone_ssl_ca = '{CA}'") < [step.startswith("CLONE") for step in steps].index(True)


def test_a_certificate_that_does_not_verify_is_called_one() -> None:
    error = Unreachable(2026, "SSL connection error: error:0A000086:SSL routines::certificate verify failed")
    done = plan(VERIFIED, REPLICA, error, Intent())
    assert done.statements == ()
    assert "certificate that the source shows has to be signed by the CA" in read(done.refusal)
    assert "The replication from 198.18.0.31:3306 was not touched" in read(done.refusal)


def test_clone_uses_its_own_account() -> None:
    steps = plan(WANTED, FRESH, SOURCE, Intent(donor_account=("clone", "other"))).statements
    assert steps[1].values == ("clone", "198.18.0.31", "other")
    assert steps[2].values[2:4] == ("replication", PASSWORD)


@pytest.mark.parametrize(
    ("local", "source"),
    [
        pytest.param(FRESH, DOWN, id="source not configured yet"),
        pytest.param(FRESH, DENIED, id="account not created yet"),
        pytest.param(MOVED, DENIED, id="password not changed yet"),
        pytest.param(
            replace(FRESH, gtid_mode="OFF", clone_plugin=False, server_id=31), SOURCE, id="not configured yet"
        ),
    ],
)
def test_rehearsal_takes_earlier_tasks_for_done(local: Local, source: Source | Unreachable) -> None:
    """Check mode fails for nothing that an earlier task of the same run would have put right."""
    assert plan(WANTED, local, source, Intent()).refusal
    done = plan(WANTED, local, source, Intent(rehearsal=True))
    assert done.refusal is None
    assert done.statements


def test_rehearsal_refuses_what_would_lose_data() -> None:
    assert plan(WANTED, COPY, ERRANT, Intent(rehearsal=True)).refusal


def test_errant_transactions_are_reported_while_replication_runs() -> None:
    (warning,) = plan(WANTED, REPLICA, ERRANT, Intent()).warnings
    assert f"{REPLICA_UUID}:1" in read(warning)


def test_a_source_that_replicates_is_an_error() -> None:
    assert "a replica of 198.18.0.31:3306" in read(plan_absent(REPLICA, allow_reset=False).refusal)
    assert shortened(plan_absent(REPLICA, allow_reset=True)) == ["STOP REPLICA", "RESET REPLICA ALL"]
    assert plan_absent(FRESH, allow_reset=False) == Plan()


@pytest.mark.parametrize(
    ("channel", "out_of_time", "reason"),
    [
        (None, False, "somebody removed the channel"),
        (Channel(WANTED, receiver="Connecting"), False, ""),
        (Channel(WANTED, receiver="Connecting", receiver_error=(2003, "Can't connect")), False, ""),
        (Channel(WANTED, receiver="Connecting", receiver_error=(2003, "Can't connect")), True, "nothing answers there"),
        (
            Channel(WANTED, receiver="Connecting", receiver_error=(1045, "Access denied")),
            False,
            "account or its password",
        ),
        (
            Channel(WANTED, receiver="No", receiver_error=(13114, "Got fatal error 1236")),
            False,
            "binary logs no longer",
        ),
        (Channel(WANTED, applier="No", applier_error=(1062, "Duplicate entry")), False, "is here already"),
        (Channel(WANTED, receiver="No", applier="No"), False, ""),
        (Channel(WANTED, receiver="No", applier="No"), True, "without an error"),
    ],
)
def test_waiting_ends_with_a_reason(channel: Channel | None, out_of_time: bool, reason: str) -> None:
    """Waiting goes on only while the replica may still come to run by itself."""
    answer = read(waiting_is_over(channel, out_of_time=out_of_time))
    assert (reason in answer) if reason else (answer == "")


def test_unknown_errors_are_told_as_they_are() -> None:
    assert read(mysql_error(4711, "Something new.")) == "Something new"


endpoints = st.sampled_from(
    [WANTED, VERIFIED, ELSEWHERE, replace(WANTED, password="old"), replace(WANTED, auto_position=False)]
)
errors = st.sampled_from([(0, ""), (1062, "Duplicate entry"), (2003, "Can't connect"), (13114, "Got fatal error 1236")])
channels = st.builds(
    Channel,
    endpoint=endpoints,
    receiver=st.sampled_from(["Yes", "No", "Connecting"]),
    applier=st.sampled_from(["Yes", "No"]),
    receiver_error=errors,
    applier_error=errors,
)
locals_ = st.builds(
    Local,
    version=st.sampled_from(["8.4.6", "9.7.4-2"]),
    server_uuid=st.sampled_from([REPLICA_UUID, SOURCE_UUID]),
    server_id=st.sampled_from([31, 32]),
    gtid_mode=st.sampled_from(["ON", "OFF"]),
    gtid_executed=st.sampled_from(["", f"{SOURCE_UUID}:1-9"]),
    read_only=st.booleans(),
    super_read_only=st.booleans(),
    schemas=st.sampled_from([(), ("guestbook",)]),
    clone_plugin=st.booleans(),
    semisync=st.booleans(),
    semisync_active=st.booleans(),
    channel=st.none() | channels,
)
sources = st.builds(
    Source,
    version=st.sampled_from(["8.4.6", "9.7.4-2"]),
    server_uuid=st.just(SOURCE_UUID),
    server_id=st.just(31),
    gtid_mode=st.sampled_from(["ON", "OFF"]),
    read_only=st.booleans(),
    clone_plugin=st.booleans(),
    semisync=st.booleans(),
    errant=st.sampled_from(["", f"{REPLICA_UUID}:1"]),
    purged=st.sampled_from(["", f"{SOURCE_UUID}:1-5"]),
) | st.sampled_from([DOWN, DENIED])
intents = st.builds(
    Intent,
    provision=st.sampled_from(["clone", "none"]),
    reprovision=st.booleans(),
    cloned=st.just(False),
    rehearsal=st.booleans(),
)


@given(locals_, sources, intents)
def test_data_is_thrown_away_only_when_asked(local: Local, source: Source | Unreachable, intent: Intent) -> None:
    """Without reprovision, CLONE happens only to a server that has neither databases nor a channel."""
    done = plan(WANTED, local, source, intent)
    if any(step.clones for step in done.statements) and not intent.reprovision:
        assert not local.schemas
        assert local.channel is None
    assert not any("RESET" in str(step) for step in done.statements) or intent.reprovision


@given(locals_, sources, intents)
def test_another_source_never_gets_a_replica_that_diverged(
    local: Local, source: Source | Unreachable, intent: Intent
) -> None:
    """With errant transactions there is no CHANGE REPLICATION SOURCE, but after a CLONE."""
    done = plan(WANTED, local, source, intent)
    statements = shortened(done)
    if isinstance(source, Source) and source.errant and "CHANGE REPLICATION SOURCE" in statements:
        assert "CLONE INSTANCE" in statements[: statements.index("CHANGE REPLICATION SOURCE")]


@given(locals_, sources, intents)
def test_a_plan_either_acts_or_refuses(local: Local, source: Source | Unreachable, intent: Intent) -> None:
    done = plan(WANTED, local, source, intent)
    assert not (done.statements and done.refusal)
    if done.statements:
        assert done.before.keys() == done.after.keys() or "data" in done.after


@given(locals_, sources, intents)
def test_a_plan_that_acts_leaves_no_replica_that_takes_writes(
    local: Local, source: Source | Unreachable, intent: Intent
) -> None:
    """Read-only comes first, and what lifts it for root is followed by the CLONE that restarts the server."""
    done = plan(WANTED, local, source, intent)
    statements = [str(step) for step in done.statements]
    if not done.refusal and not local.super_read_only:
        assert statements[0] == "SET GLOBAL super_read_only = ON"
    for statement, following in pairwise(statements):
        assert statement != "SET GLOBAL super_read_only = OFF" or following.startswith("CLONE INSTANCE")


@given(locals_, sources, intents)
def test_no_password_is_ever_shown(local: Local, source: Source | Unreachable, intent: Intent) -> None:
    done = plan(WANTED, local, source, replace(intent, donor_account=("clone", "hush")))
    shown = repr([str(step) for step in done.statements]) + repr((done.before, done.after, done.refusal, done.warnings))
    assert PASSWORD not in shown
    assert "hush" not in shown
    assert PASSWORD not in repr((WANTED, local))


@given(locals_, sources)
def test_a_replica_that_runs_as_wanted_is_left_alone(local: Local, source: Source | Unreachable) -> None:
    channel = Channel(WANTED)
    local = replace(local, channel=channel, super_read_only=True, semisync=False, gtid_mode="ON", server_id=32)
    local = replace(local, server_uuid=REPLICA_UUID)
    if isinstance(source, Source):
        source = replace(source, gtid_mode="ON")
    assert plan(WANTED, local, source, Intent()).statements == ()
