"""The lock of the roles: one verb at a time, a restarted server that waits, and a lock that nobody gives back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.action.mysql_role_lock import has_ended, who
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import Holder, LockError
from ansible_collections.foobar.webstack.plugins.modules.mysql_role_lock import free, take


def asked(**more: Any) -> dict[str, Any]:
    return {
        "verb": "switchover.yml",
        "who": "ada@desk",
        "process": 4711,
        "seconds": role_lock.LIFETIME,
        "patience": 0.2,
        "replace": "",
        "lock": "",
    } | more


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder" / "role.lock")


def test_one_verb_at_a_time(path: str) -> None:
    first = take(asked(), check=False, path=path)
    assert first["lock"]
    with pytest.raises(LockError, match=r"switchover\.yml of ada@desk is under way for 0 s") as raised:
        take(asked(verb="failover.yml"), check=False, path=path)
    assert raised.value.holder
    assert raised.value.holder.process == 4711
    free(asked(lock="another"), check=False, path=path)
    assert role_lock.standing(path), "it is not that one's"
    free(asked(lock=first["lock"]), check=False, path=path)
    assert role_lock.standing(path) is None
    assert take(asked(verb="failover.yml"), check=False, path=path)["stale"] == ""


def test_one_that_has_expired_is_replaced_and_named(path: str) -> None:
    take(asked(seconds=-1.0), check=False, path=path)
    assert "switchover.yml of ada@desk, which began" in take(asked(), check=False, path=path)["stale"]


def test_one_of_a_process_that_has_ended_is_replaced(path: str) -> None:
    token = take(asked(), check=False, path=path)["lock"]
    assert "has not ended properly" in take(asked(replace=token), check=False, path=path)["stale"]
    with pytest.raises(LockError):
        take(asked(replace=token), check=False, path=path)


def test_a_verb_that_takes_long_keeps_its_lock(path: str) -> None:
    """By its own name alone, and once more where it had expired meanwhile."""
    token = take(asked(seconds=5.0), check=False, path=path)["lock"]
    first = role_lock.standing(path)
    assert take(asked(lock=token), check=False, path=path) == {"lock": token, "stale": ""}
    renewed = role_lock.standing(path)
    assert first
    assert renewed
    assert (renewed.token, renewed.since) == (token, first.since)
    assert renewed.until > first.until + 1000
    take(asked(lock=token, seconds=-1.0), check=False, path=path)
    assert take(asked(lock=token), check=False, path=path) == {"lock": token, "stale": ""}
    with pytest.raises(LockError):
        take(asked(lock="another"), check=False, path=path)


def test_a_check_run_changes_nothing(path: str) -> None:
    assert take(asked(), check=True, path=path) == {"lock": "", "stale": ""}
    assert not os.path.exists(path)
    take(asked(), check=False, path=path)
    with pytest.raises(LockError):
        take(asked(), check=True, path=path)
    free(asked(), check=True, path=path)
    assert role_lock.standing(path)
    free(asked(), check=False, path=path)
    assert role_lock.standing(path) is None, "without a name it is given back whoever's it is"


def test_whoever_looks_at_it_keeps_others_out(path: str) -> None:
    """Red when a server can decide that no verb is at work while one takes the lock."""
    role_lock.standing(path)
    code = f"""
import fcntl, os, sys
os.makedirs(os.path.dirname({path!r}), exist_ok=True)
file = open({path!r}, "a+")
fcntl.flock(file, fcntl.LOCK_EX)
print("kept", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as other:
        assert other.stdout
        assert other.stdin
        other.stdout.readline()
        with pytest.raises(LockError, match=r"is in use for longer than 0\.2 s"):
            take(asked(), check=False, path=path)
        other.stdin.close()
        other.wait()
    assert take(asked(), check=False, path=path)["lock"]


def test_roles_change_only_under_a_lock_of_one_s_own(path: str) -> None:
    token = take(asked(), check=False, path=path)["lock"]
    with role_lock.under(token, path=path), pytest.raises(LockError), role_lock.alone(0.1, path):
        pass
    with pytest.raises(LockError, match="not its own any more"), role_lock.under("another", path=path):
        pass
    with role_lock.under("", path=path):
        pass
    free(asked(lock=token), check=False, path=path)
    token = take(asked(seconds=role_lock.MARGIN - 1), check=False, path=path)["lock"]
    with pytest.raises(LockError, match="too old"), role_lock.under(token, path=path):
        pass


def test_a_file_that_cannot_be_read_locks(path: str) -> None:
    os.makedirs(os.path.dirname(path))
    for content in ("{", "[]", '{"verb": "x"}'):
        Path(path).write_text(content)
        with pytest.raises(LockError, match="cannot be read"):
            role_lock.standing(path)
        with pytest.raises(LockError, match="cannot be read"):
            take(asked(), check=False, path=path)
    free(asked(), check=False, path=path)
    assert role_lock.standing(path) is None


def test_what_others_are_told_is_without_the_token(path: str) -> None:
    take(asked(), check=False, path=path)
    holder = role_lock.standing(path)
    assert holder
    told = holder.as_data(time.time())
    assert (told["verb"], told["who"], told["expired"]) == ("switchover.yml", "ada@desk", False)
    assert holder.token not in str(told)


def test_whether_a_holder_has_ended() -> None:
    """Only of this person's processes on this machine is that known."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert has_ended({"who": who(), "process": done.pid})
    assert not has_ended({"who": who(), "process": os.getpid()})
    assert not has_ended({"who": "ada@desk", "process": done.pid})
    assert not has_ended({"who": who(), "process": 0})
    assert not has_ended({})


def test_a_lock_that_was_cut_short_is_a_lock() -> None:
    with pytest.raises(ValueError, match=r".+"):
        Holder.from_text('{"verb": "x"}')
    assert Holder.from_text("") is None


PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


def imported(tasks: list[dict[str, Any]]) -> list[str]:
    return [str(task.get("ansible.builtin.import_tasks")) for task in tasks]


@pytest.mark.parametrize("verb", ["switchover", "failover", "rejoin", "restore"])
def test_a_verb_takes_the_lock_first_and_gives_it_back_however_it_ends(verb: str) -> None:
    (play,) = yaml.safe_load((PLAYBOOKS / f"{verb}.yml").read_text())
    (under,) = [task for task in play["tasks"] if "tasks/lock.yml" in imported(task.get("block", []))]
    assert imported(under["block"])[0] == "tasks/lock.yml"
    assert imported(under["always"])[0] == "tasks/unlock.yml"
    assert verb in play["vars"]["__webstack_verb"]


def test_a_lock_is_given_back_for_hosts_that_are_out_of_the_play() -> None:
    """Red when each gives back its own: where a task that runs once fails, only one host gets that far."""
    (task,) = yaml.safe_load((PLAYBOOKS / "tasks/unlock.yml").read_text())
    assert (task["loop"], task["delegate_to"]) == ("{{ __webstack_database_names }}", "{{ item }}")
