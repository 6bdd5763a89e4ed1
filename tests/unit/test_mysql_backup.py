"""What mysql-backup decides without a server: what a target takes, whose turn it is, what is stored and removed."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group_name import GROUP_NAME
from ansible_collections.foobar.webstack.plugins.plugin_utils.zipapp import SHARED, build
from backup_host import A, B, FakeHost, base, log, settings
from hypothesis import given
from hypothesis import strategies as st
from mysql_backup.archive import BEHIND_SECONDS, spooled
from mysql_backup.backup import refuse_copied_empty as without_rows
from mysql_backup.backup import retain
from mysql_backup.binlog import scan
from mysql_backup.errors import BackupError, DamagedError
from mysql_backup.plan import (
    Target,
    Transaction,
    by_file,
    choose_base,
    cut,
    history_of,
    holes,
    needed_logs,
    parse_gtids,
    parse_time,
    replay_order,
    select,
    superseded,
)
from mysql_backup.repository import tag
from mysql_backup.restore import refuse_copied_empty
from mysql_backup.swap import select as select_tables
from mysql_backup.turn import Membership, Server, membership, turn

PACKAGE = Path(__file__).resolve().parents[2] / "roles/mysql_backup/files/mysql_backup"
numbers = st.frozensets(st.integers(1, 30))
histories = st.dictionaries(st.sampled_from([A, B, f"{A}:blue"]), numbers, max_size=3)


def gtids(history):
    return parse_gtids(",".join(f"{source}:{':'.join(map(str, found))}" for source, found in history.items() if found))


def transactions(source, first, last, start, file="f"):
    """One a second."""
    return [Transaction(f"{source}:{n}", int((start + n - first) * 1e6), file) for n in range(first, last + 1)]


def test_a_log_is_superseded_by_a_longer_version_of_its_file_only():
    """Catches a log given up that holds what no other does, and readers that have to read every version of a file."""
    first = replace(log(f"{A}:1-5", 1, 5), id="first", stored=10)
    longer = replace(first, id="longer", gtids=parse_gtids(f"{A}:1-9"), stored=20)
    again = replace(longer, id="again", stored=30)
    other_file = replace(longer, id="other file", path="/spool/1/binlog.000002", stored=40)
    other_host = replace(longer, id="other host", host="db1", stored=40)
    anew = replace(first, id="anew", gtids=parse_gtids(f"{A}:20-21"), stored=50)
    found = superseded([anew, other_host, again, other_file, longer, first])
    assert found == {"first": 20, "longer": 30}


@given(histories)
def test_sets_survive_as_tags(one):
    found = gtids(one)
    assert parse_gtids(str(found)) == found
    assert parse_gtids(tag(found)) == found
    assert "," not in tag(found)


@pytest.mark.parametrize("text", ["nonsense", f"{A}", f"{A}:x-y", "1-5"])
def test_what_is_not_a_set_is_refused(text):
    with pytest.raises(BackupError, match="is not a valid GTID set"):
        parse_gtids(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23 12:00:00",
        "2026-11-23T12:00:00Z",
        "2026-11-23 12:00:00 UTC",
        "2026-11-23 12:00",
        "2026-11-23 12:00:00.0",
    ],
)
def test_times_are_utc(text):
    assert parse_time(text) == 1795435200.0


def test_what_is_not_a_time_is_refused():
    with pytest.raises(BackupError, match="such as 2026-11-23T12:00:00"):
        parse_time("yesterday")


BASES = [base(f"{A}:1-10", f"{A}:1-12", 100), base(f"{A}:1-50", f"{A}:1-55", 200)]
LOGS = [
    log(f"{A}:1-40", 50, 180, path="/spool/1/binlog.000001"),
    log(f"{A}:41-90", 181, 290, until=300, executed=f"{A}:1-90", path="/spool/1/binlog.000002"),
]


@pytest.mark.parametrize(
    ("target", "chosen"),
    [
        (Target(), 200),
        (Target(at=250.0), 200),
        (Target(at=199.0), 100),
        (Target(at=100.0), 100),
        (Target(gtid=f"{A}:60"), 200),
        (Target(before=f"{A}:56"), 200),
        # Not certain to be outside the second base.
        (Target(before=f"{A}:55"), 100),
        (Target(gtid=f"{A}:13"), 100),
    ],
)
def test_the_newest_base_that_is_not_beyond_the_target_is_chosen(target, chosen):
    assert choose_base(BASES, LOGS, target).until == chosen


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Target(at=99.0), "before the end of the first backup"),
        (Target(at=301.0), "the archive reaches up to 1970-01-01 00:05:00 UTC"),
        (Target(gtid=f"{A}:91"), "the archive has no transaction"),
        (Target(gtid=f"{B}:1"), "the archive has no transaction"),
        (Target(gtid=f"{A}:5"), "every backup was made after"),
        (Target(before=f"{A}:1-5"), "is not one GTID"),
        (Target(gtid="DROP"), "is not a valid GTID"),
    ],
)
def test_what_cannot_be_reached_is_refused(target, reason):
    with pytest.raises(BackupError, match=reason):
        choose_base(BASES, LOGS, target)


def test_without_any_backup_the_way_to_one_is_said():
    with pytest.raises(BackupError, match=r"playbooks/backup\.yml"):
        choose_base([], LOGS, Target())


# The old primary committed 91 to 95 when nobody replicated from it, and died; B took over at 90.
OLD = log(f"{A}:91-95", 301, 305, until=306, executed=f"{A}:1-95", path="/spool/2/binlog.000001")
NEW = log(f"{B}:1-9", 401, 409, until=410, executed=f"{A}:1-90,{B}:1-9", path="/spool/3/binlog.000001")


@pytest.mark.parametrize(
    ("target", "history"),
    [
        (Target(), f"{A}:1-90,{B}:1-9"),
        (Target(gtid=f"{B}:4"), f"{A}:1-90,{B}:1-9"),
        (Target(before=f"{A}:93"), f"{A}:1-95"),
    ],
)
def test_what_a_failover_lost_is_not_mixed_with_what_came_after(target, history):
    """Unless it is asked for. Catches a restore of data that no server ever had."""
    assert history_of(BASES, [*LOGS, OLD, NEW], target) == parse_gtids(history)


def test_a_replica_that_is_behind_ends_no_history():
    """Its archive is the newest, and what the primary had archived before is still taken."""
    behind = log(f"{A}:86-88", 286, 288, until=320, executed=f"{A}:1-88", path="/spool/4/binlog.000001")
    assert history_of(BASES, [*LOGS, OLD, behind], Target()) == parse_gtids(f"{A}:1-95")


@pytest.mark.parametrize("target", [Target(), Target(at=250.0), Target(gtid=f"{A}:85")])
def test_new_servers_in_the_place_of_lost_ones_are_no_history(target):
    """Both servers are lost, new ones have committed already, and the old data is wanted."""
    anew = log(f"{B}:1-9", 401, 409, until=410, executed=f"{B}:1-9", path="/spool/1/binlog.000001")
    assert history_of(BASES, [*LOGS, anew], target) == history_of(BASES, LOGS, target)
    assert select(BASES, [*LOGS, anew], target)[1] == select(BASES, LOGS, target)[1]
    backed_up = base(f"{B}:1-9", f"{B}:1-9", 420)
    after = history_of([*BASES, backed_up], [*LOGS, anew], target)
    assert (after == anew.gtids) is (target == Target())


def test_a_base_of_the_lost_history_is_not_taken():
    lost = base(f"{A}:1-92", f"{A}:1-93", 303)
    _, chosen, needed = select([*BASES, lost], [*LOGS, OLD, NEW], Target())
    assert (chosen.until, needed) == (200, [LOGS[1], NEW])
    assert select([*BASES, lost], [*LOGS, OLD, NEW], Target(gtid=f"{A}:94"))[1] == lost


def test_only_logs_with_something_new_are_read():
    assert needed_logs(BASES[1], LOGS) == LOGS[1:]
    assert needed_logs(BASES[0], LOGS[::-1]) == LOGS


def test_a_hole_is_found():
    """The middle binary log is missing: the third knows that its transactions were committed."""
    logs = [
        log(f"{A}:11-20", 100, 110),
        log(f"{A}:31-40", 130, 140, executed=f"{A}:1-40", path="/spool/1/binlog.000003"),
    ]
    have = parse_gtids(f"{A}:1-20:31-40")
    assert str(holes(BASES[0], have, BASES[:1], logs)) == f"{A}:21-30"
    assert not holes(BASES[0], parse_gtids(f"{A}:1-20"), BASES[:1], logs), "what comes before it is whole"


def test_a_later_backup_knows_of_a_hole():
    """Nothing but a later base tells that there was something between."""
    have = parse_gtids(f"{A}:1-20:31-40")
    logs = [log(f"{A}:11-20:31-40", 100, 140)]
    assert str(holes(BASES[0], have, BASES, logs)) == f"{A}:21-30"


def test_a_number_that_nobody_ever_executed_is_no_hole():
    logs = [log(f"{A}:11-20:22-30", 100, 140, executed=f"{A}:1-20:22-30")]
    assert not holes(BASES[0], parse_gtids(f"{A}:1-20:22-30"), BASES[:1], logs)


def test_two_hosts_binary_logs_are_one_history():
    """The backups moved to another host: what both have comes once."""
    first, second = transactions(A, 1, 20, 100, "db2"), transactions(A, 15, 30, 114, "db1")
    second += transactions(B, 1, 5, 131, "db1")
    found = replay_order([first, second])
    assert [one.gtid for one in found] == [f"{A}:{n}" for n in range(1, 31)] + [f"{B}:{n}" for n in range(1, 6)]
    assert [file for file, _ in by_file(found)] == ["db2", "db1"]


def test_interleaved_binary_logs_are_replayed_by_time():
    """One file has 1 and 5 because the other already held what is between. Catches one file after the other."""
    first = [*transactions(A, 1, 1, 100, "x"), *transactions(A, 5, 5, 104, "x")]
    found = replay_order([first, transactions(A, 2, 4, 101, "y")])
    assert [one.number for one in found] == [1, 2, 3, 4, 5]
    assert [file for file, _ in by_file(found)] == ["x", "y", "x"]


def test_transactions_of_a_group_are_replayed_as_it_has_certified_them():
    """Two at work at the same time may be the other way round in the primary's binary log, and in the times.

    Red where that is refused as no order, and where those of another source move.
    """
    before, after = transactions(A, 1, 2, 90, "db1"), transactions(B, 7, 8, 130, "db1")
    first, second, third, fourth = transactions(GROUP_NAME, 1, 4, 100, "db1")
    mixed = [*before, first, replace(third, committed=first.committed), second, fourth, *after]
    found = replay_order([mixed, [second, third]])
    assert [one.gtid for one in found] == [one.gtid for one in (*before, first, second, third, fourth, *after)]


def test_what_has_no_order_is_refused():
    broken = [Transaction(f"{A}:2", 1, "x"), Transaction(f"{A}:1", 2, "x")]
    with pytest.raises(BackupError, match="cannot be put in order"):
        replay_order([broken])


HISTORY = transactions(A, 51, 90, 201)


@pytest.mark.parametrize(
    ("target", "last"),
    [
        (Target(), 90),
        (Target(gtid=f"{A}:70"), 70),
        (Target(before=f"{A}:70"), 69),
        (Target(gtid=f"{A.upper()}:70"), 70),
        # 70 is committed in second 220.
        (Target(at=220.0), 70),
        (Target(at=219.999999), 69),
    ],
)
def test_a_restore_ends_at_the_transaction(target, last):
    """Exact to one. Catches an off-by-one in either direction."""
    assert cut(HISTORY, BASES[1], target)[-1].number == last


def test_the_base_s_own_transactions_are_before_any_time():
    """A server whose clock was ahead stamped what the base already holds with a later time."""
    ahead = [Transaction(f"{A}:51", 999_000_000, "f"), *transactions(A, 52, 60, 202)]
    assert cut(ahead, BASES[1], Target(at=205.0))[-1].number == 55


@pytest.mark.parametrize(
    ("server", "age", "mine"),
    [
        (Server(channel=True, receiver=True, applier=True), 0, True),
        (Server(channel=True, receiver=False, applier=True), 1e9, False),
        (Server(channel=True, receiver=True, applier=False), 1e9, False),
        (Server(writable=True), 0, True),
        (Server(writable=True, replicas=1), 0, False),
        (Server(writable=True, replicas=1), 101, True),
        # A primary that crashed and came back: nobody knows what it lacks.
        (Server(), 1e9, False),
    ],
)
def test_whose_turn_it_is(server, age, mine):
    found, why = turn(server, age, 100)
    assert found is mine
    assert why


PRINTED = f"""\
# at 4
# at 127
#261123  1:41:56 server id 7  end_log_pos 198 CRC32 0x1 \tPrevious-GTIDs
# at 198
#261123  1:41:56 server id 7  end_log_pos 277 CRC32 0x2 \tGTID\tlast_committed=0\tsequence_number=1\trbr_only=yes\t\
original_committed_timestamp=1795398116809411\timmediate_commit_timestamp=1795398116809412\ttransaction_length=574
SET @@SESSION.GTID_NEXT= '{A}:36'/*!*/;
# at 277
BEGIN
# at 741
COMMIT/*!*/;
# at 772
#261123  1:41:57 server id 7  end_log_pos 856 CRC32 0x3 \tGTID\tlast_committed=1\tsequence_number=2\trbr_only=no\t\
original_committed_timestamp=1795398116937095\timmediate_commit_timestamp=1795398116937095\ttransaction_length=200
SET @@SESSION.GTID_NEXT= '{A}:blue:1'/*!*/;
# at 856
DROP TABLE `g`.`t` /* generated by server */
# at 972
#261123  1:41:58 server id 7  end_log_pos 1056 CRC32 0x4 \tGTID\tlast_committed=2\tsequence_number=3\trbr_only=yes\t\
original_committed_timestamp=1795398116937099\timmediate_commit_timestamp=1795398116937099\ttransaction_length=300
SET @@SESSION.GTID_NEXT= '{A}:37'/*!*/;
# at 1056
BEGIN
"""


def test_a_binary_log_is_read():
    found = scan(PRINTED.splitlines(keepends=True), 1272, "f")
    assert [(one.gtid, one.committed) for one in found.transactions] == [
        (f"{A}:36", 1795398116809411),
        (f"{A}:blue:1", 1795398116937095),
        (f"{A}:37", 1795398116937099),
    ]
    assert found.end == 1272
    assert found.statements == {f"{A}:blue:1": "DROP TABLE `g`.`t` /* generated by server */"}


def test_a_statement_is_shown_with_the_database_that_it_was_said_in():
    """A restore drops a table of the same name in a database of its own."""
    printed = PRINTED.replace("DROP TABLE `g`.`t`", "use `guestbook`/*!*/;\nDROP TABLE `t`")
    found = scan(printed.splitlines(keepends=True), 1272, "f")
    assert list(found.statements.values()) == ["DROP TABLE `t` /* generated by server */  (in guestbook)"]


def test_a_transaction_of_which_a_byte_is_missing_does_not_count():
    """The stream was cut off, or the file is read while it grows."""
    found = scan(PRINTED.splitlines(keepends=True), 1271, "f")
    assert [one.gtid for one in found.transactions] == [f"{A}:36", f"{A}:blue:1"]
    assert found.end == 972


def test_a_binary_log_that_grows_is_stored_again_and_one_that_is_complete_goes(tmp_path):
    """Catches a file that is removed before it was stored whole, or stored each minute although nothing is new."""
    host = FakeHost(tmp_path)
    host.receives("1", "binlog.000009", "3 4")
    assert host.archives()["complete"] is False
    assert host.archives()["gtids"] == f"{A}:3-4"
    assert host.repository.stored == [("binlog.000009", f"{A}:3-4", 1)]
    host.receives("1", "binlog.000009", "3 4 5")
    host.receives("1", "binlog.000010", "6 7 8 9")
    assert host.archives()["complete"] is True
    assert host.repository.stored[1:] == [("binlog.000009", f"{A}:3-5", 0), ("binlog.000010", f"{A}:6-9", 1)]
    assert host.repository.asked == [], "who restores may need what was replaced"
    assert [file.name for file in spooled(host)] == ["binlog.000010"]
    assert host.archives()["gtids"] == f"{A}:3-9"
    assert len(host.repository.stored) == 3


def test_what_was_replaced_goes_after_an_hour(tmp_path):
    """Catches a repository that grows for ever, and one whose binary logs vanish under who reads them."""
    now = time.time()
    versions = [
        replace(log(f"{A}:1-{last}", 1, last), id=f"to {last}", stored=now - age)
        for last, age in [(3, 9000), (5, 3700), (7, 3500), (9, 100)]
    ]
    host = FakeHost(tmp_path, contents=([], versions))
    host.archives()
    assert host.repository.asked == [["forget", "to 3"]]


def test_an_older_run_s_files_are_complete(tmp_path):
    """The stream was started anew. What it left goes into the repository first, in the order in which it came."""
    host = FakeHost(tmp_path)
    host.receives("1", "binlog.000010", "3 4")
    host.receives("2", "binlog.000009", "5")
    host.archives()
    assert host.repository.stored == [("binlog.000010", f"{A}:3-4", 0), ("binlog.000009", f"{A}:5", 1)]
    assert [folder.name for folder in host.spool.iterdir()] == ["2"]


def test_a_stream_that_stands_still_is_an_error(tmp_path, monkeypatch):
    """Not at once: what was committed a moment ago may still be on its way."""
    host = FakeHost(tmp_path)
    host.receives("1", "binlog.000001", "3")
    host.archives()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + BEHIND_SECONDS + 1)
    with pytest.raises(BackupError, match="has not been received"):
        host.archives()
    host.mine = False
    host.archives()


def test_a_hole_is_an_error_until_a_base_covers_it(tmp_path):
    host = FakeHost(tmp_path, contents=(BASES[:1], []))
    host.receives("1", "binlog.000001", "3 4 5 6 7 8 9")
    host.remember(hole=f"{A}:20-30")
    with pytest.raises(BackupError, match=f"{A}:20-30 were removed from the server"):
        host.archives()
    host.repository.held = (BASES, [])
    host.archives()
    assert host.archives()["hole"] == ""


def test_what_no_base_needs_is_forgotten(tmp_path):
    """All of its transactions are in the oldest base kept, or it is of a history that has long ended."""
    old = base(f"{A}:1-50", f"{A}:1-55", 10**6)
    logs = [
        log(f"{A}:1-50", 1, 10**6, path="a"),
        log(f"{A}:40-51", 2, 10**6, path="b"),
        log(f"{B}:1-5", 3, 5, path="c"),
    ]
    host = FakeHost(tmp_path, contents=([old], logs))
    retain(host)
    assert ["forget", "log1", "log3"] in host.repository.asked
    assert ["forget", "--tag=kind=base", "--group-by=", "--keep-last=2"] in host.repository.asked


def test_nothing_is_forgotten_in_a_damaged_repository(tmp_path):
    """Red when each night's backup, which shares the lost data, takes the place of an older one that is whole."""
    host = FakeHost(tmp_path, contents=(BASES, LOGS))

    def damaged(*arguments, **_):
        host.repository.asked.append(list(arguments))
        if arguments[0] == "prune":
            raise DamagedError("restic prune", 1, "Fatal: pack size does not match", "a file of it is cut off")

    host.repository.restic = damaged
    with pytest.raises(DamagedError, match="is damaged: a file of it is cut off"):
        retain(host)
    assert host.repository.asked == [["unlock"], ["prune", "--dry-run"]]


def test_what_succeeded_last_stays_in_the_status(tmp_path):
    host = FakeHost(tmp_path)
    host.record("verify", ok=True, rows=5)
    at = host.status()["verify"]["last_success_epoch"]
    host.record("verify", ok=False, error="broken")
    found = host.status()["verify"]
    assert (found["ok"], found["error"], found["last_success_epoch"]) == (False, "broken", at)
    assert (tmp_path / "status.json").stat().st_mode & 0o777 == 0o644


def test_numbers_of_the_settings_are_numbers(tmp_path):
    """A source with replicas compares an age with its patience. Catches a string there."""
    found = settings(tmp_path)
    assert (found.patience, found.restore_memory_mb) == ({"base": 129600.0, "binlog": 600.0}, 256)
    assert (found.directory, found.verify_read) == (tmp_path, "10%")


def test_the_program_runs_as_one_file(tmp_path):
    """Without the collection. Catches an import that a host does not have, in a command that imports late, too."""
    program = tmp_path / "mysql-backup"
    program.write_bytes(build(PACKAGE))
    isolated = [sys.executable, "-I", "-S"]
    done = subprocess.run([*isolated, program, "--help"], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: mysql-backup [-h]")
    modules = [f"mysql_backup.{path.stem}" for path in sorted(PACKAGE.glob("*.py"))] + [f"{SHARED}._mysql.server"]
    code = f"import sys; sys.path.insert(0, {str(program)!r})\nfor name in {modules!r}: __import__(name)"
    subprocess.run([*isolated, "-c", code], cwd="/", check=True)


@pytest.mark.parametrize(
    ("database", "chosen", "tables"),
    [
        ("guestbook", [], ["entry", "author.old"]),
        ("guestbook", ["entry", "gone"], ["entry"]),
        ("guest", [], ["entry"]),
        ("book", [], []),
    ],
)
def test_only_tables_of_the_database_are_exchanged(database, chosen, tables):
    """Catches a database whose name begins with that of another."""
    restored = {"guestbook.entry": {"rows": 1}, "guestbook.author.old": {"rows": 2}, "guest.entry": {"rows": 3}}
    assert list(select_tables(database, chosen, restored)) == tables


@pytest.mark.parametrize(
    ("databases", "tables"),
    [((), ()), (("shop",), ()), (("shop", "stock"), ()), (("shop",), ("orders", "legacy"))],
)
def test_tables_that_a_backup_holds_without_their_rows_are_not_handed_out(databases, tables):
    """Red when a restore would replace a full table by an empty one, or a check finds all of it in order."""
    with pytest.raises(BackupError, match=r"shop\.legacy: not InnoDB, so backups hold none of the rows"):
        refuse_copied_empty(["shop.legacy"], databases, tables)


def test_a_backup_without_the_rows_of_a_table_ends_in_an_error():
    """Every night, and not only in the weekly check."""
    without_rows([], "1a2b3c4d")
    with pytest.raises(BackupError, match=r"the backup 1a2b3c4d was made, but has none of the rows of shop\.legacy"):
        without_rows(["shop.legacy"], "1a2b3c4d")


@pytest.mark.parametrize(("databases", "tables"), [(("stock",), ()), (("shop",), ("orders",))])
def test_others_are(databases, tables):
    refuse_copied_empty(["shop.legacy"], databases, tables)


def group_rows(own: str, *states: str) -> list[dict[str, str]]:
    """A group of three with its primary first, as `own` (a number) sees it."""
    return [
        {"own": str(int(str(n) == own)), "state": state, "role": "SECONDARY" if n else "PRIMARY"}
        for n, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (group_rows("0", "ONLINE", "ONLINE", "ONLINE"), Membership(primary=True, online=True, others=2)),
        (group_rows("1", "ONLINE", "ONLINE", "RECOVERING"), Membership(online=True, others=1)),
        (group_rows("1", "ONLINE", "RECOVERING", "ONLINE"), Membership(others=2)),
        (group_rows("0", "ONLINE", "UNREACHABLE", "UNREACHABLE"), Membership(primary=True)),
        (group_rows("1", "UNREACHABLE", "ONLINE", "UNREACHABLE"), Membership()),
        ([{"own": "1", "state": "ERROR", "role": ""}], Membership()),
        ([{"own": "0", "state": "OFFLINE", "role": ""}], None),
        ([], None),
    ],
)
def test_a_member_of_a_group(rows: list[dict[str, str]], expected: Membership | None) -> None:
    """Red for one without a majority that makes backups: nobody is told of what it lacks."""
    assert membership(rows) == expected
