"""Which host makes a backup or a restore, and which requests to restore are refused."""

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.backup_hosts import backup_hosts
from ansible_collections.foobar.webstack.plugins.filter.restore_errors import restore_errors


def answer(host, rank, *, writable=False):
    return {"rc": 0, "stdout": json.dumps({"host": host, "rank": rank, "writable": writable}), "stderr": ""}


SOURCE, REPLICA, STOPPED = answer("db1", 1, writable=True), answer("db2", 0), answer("db3", 2)
SILENT = {"rc": 1, "stdout": "", "stderr": "mysql-backup state: mysql: access denied\n"}


@pytest.mark.parametrize(
    ("answers", "backup", "restore"),
    [
        ([SOURCE, REPLICA], "db2", "db2"),
        ([SOURCE, STOPPED], "db1", "db1"),
        ([STOPPED, SOURCE], "db1", "db1"),
        # A stopped replica's data may be out of date, but the repository can be read there.
        ([STOPPED], "", "db3"),
        ([SILENT], "", ""),
        ([{"unreachable": True, "msg": "no route"}, REPLICA], "db2", "db2"),
        ([REPLICA, answer("db4", 0)], "db2", "db2"),
        ([], "", ""),
    ],
)
def test_a_running_replica_comes_first_then_the_source(answers, backup, restore) -> None:
    found = backup_hosts(answers)
    assert (found["backup"], found["restore"]) == (backup, restore)


def test_those_that_take_writes_are_listed_and_those_without_an_answer_are_quoted() -> None:
    found = backup_hosts([SOURCE, SILENT, {"unreachable": True, "msg": "no route"}, {"skipped": True}])
    assert found["writable"] == ["db1"]
    assert found["errors"] == ["mysql-backup state: mysql: access denied", "no route"]


def of(answer_, repository):
    return {"stdout": json.dumps({**json.loads(answer_["stdout"]), "repository": repository})}


@pytest.mark.parametrize(
    ("answers", "repair"),
    [
        ([of(SOURCE, "shared"), of(REPLICA, "shared"), SILENT], ["db2"]),
        ([of(SOURCE, "of db1"), of(REPLICA, "of db2")], ["db2", "db1"]),
        ([of(STOPPED, "shared")], ["db3"]),
        ([SILENT], []),
    ],
)
def test_each_repository_is_repaired_once_by_who_makes_its_backups(answers, repair) -> None:
    """Red where two hosts repair the one they share, or a host's own is left damaged."""
    assert backup_hosts(answers)["repair"] == repair


@pytest.mark.parametrize("stdout", ["{", '{"host": "db1"}'])
def test_another_answer_is_refused(stdout) -> None:
    with pytest.raises(AnsibleFilterError, match="another answer than expected"):
        backup_hosts([{"stdout": stdout}])


REQUEST = {"into": "primary", "databases": "guestbook", "tables": "", "confirm": "guestbook"}


@pytest.mark.parametrize(
    ("request_", "writable"),
    [
        ({}, ["db1"]),
        ({"tables": "entry"}, ["db1"]),
        ({"into": "dump", "databases": "one,two", "confirm": ""}, []),
    ],
)
def test_what_may_be_restored(request_, writable) -> None:
    assert restore_errors(REQUEST | request_, writable) == []


@pytest.mark.parametrize(
    ("request_", "writable", "error"),
    [
        ({"into": "replica"}, ["db1"], 'webstack_restore_into: "replica" is not valid; use dump or primary.'),
        ({}, [], "exactly one database host that takes writes, and none does."),
        ({}, ["db1", "db2"], "exactly one database host that takes writes, and db1 and db2 do."),
        ({"databases": "one,two", "confirm": "one,two"}, ["db1"], "one database at a time"),
        ({"confirm": ""}, ["db1"], "This replaces all tables that the backup has of the database guestbook on db1"),
        ({"confirm": "other", "tables": "entry"}, ["db1"], "add -e webstack_restore_confirm=guestbook."),
    ],
)
def test_what_is_refused(request_, writable, error) -> None:
    (found,) = restore_errors(REQUEST | request_, writable)
    assert error in found


def test_a_request_of_another_shape_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="restore_errors:"):
        restore_errors({"into": "dump"}, [])
