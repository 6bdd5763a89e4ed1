"""What mysql-backup says about a damaged repository, and how it makes it whole again, with a restic of the test."""

import json

import pytest
from backup_host import A, B, FakeHost, base, log, settings
from mysql_backup.archive import _in_spool, _still_stored
from mysql_backup.damage import Damage, damage_of, sign
from mysql_backup.errors import BackupError, DamagedError, ProgramError
from mysql_backup.plan import parse_gtids
from mysql_backup.repair import repair, survey
from mysql_backup.repository import Repository

PACK, OTHER, LOST = "55" * 32, "a7" * 32, "1e" * 32

TRUNCATED = f"""pack {PACK}: unexpected file size: got 8761616, expected 17523232

The repository contains damaged pack files. These damaged files must be removed to repair the repository.

restic repair packs {PACK}
restic repair snapshots --forget

Fatal: repository contains errors
"""
FLIPPED = f"pack {PACK} contains 2 errors: [blob bcfa: decrypting blob failed: ciphertext verification failed]\n"
MISSING = f"pack {LOST}: does not exist\nFatal: repository contains errors\n"
INDEX = """error: error loading index 2c6d6ae6: LoadRaw(<index/2c6d6ae629>): invalid data returned

The repository index is damaged and must be repaired. You must run `restic repair index' to correct this.
"""
SNAPSHOT = "error: failed to load snapshot 226ada84: LoadRaw(<snapshot/226ada84be>): invalid data returned\n"
UNREFERENCED = f"pack {OTHER}: not referenced in any index\n"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (TRUNCATED, Damage(packs=(PACK,))),
        (FLIPPED, Damage(packs=(PACK,))),
        (MISSING + TRUNCATED + UNREFERENCED, Damage(packs=(PACK,), missing=(LOST,))),
        (INDEX, Damage(index=True)),
        (SNAPSHOT, Damage(snapshots=("226ada84be",))),
        ("error for tree 3c855dc6:\n  id 3c855dc6 not found in repository\n", Damage()),
    ],
)
def test_what_is_damaged_is_read_from_restic_s_check(said, found):
    """Words of restic 0.18. Red where a file that is in no index counts, or one is taken for another kind."""
    read = damage_of(said)
    assert (read.packs, read.missing, read.index, read.snapshots) == (
        found.packs,
        found.missing,
        found.index,
        found.snapshots,
    )
    assert read, "whatever it is, it is damage"
    assert str(read)


def test_the_damage_is_counted_in_words():
    assert str(damage_of(MISSING + TRUNCATED)) == "1 file with data cut off or changed, 1 file with data missing"
    assert (
        str(damage_of("error for tree 3c:\n  id 3c not found in repository\n")) == "it lacks data that a backup needs"
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "pack 554058e5: calculated size 17523232 does not match real size 8761616",
            "cut off",
        ),
        ("Fatal: pack size does not match calculated size from index", "cut off"),
        ("Load(<data/554058e5e9>, 119, 558) failed: file is too short", "cut off"),
        ("  554058\nFatal: packs from index missing in repo", "is missing"),
        ("ReadFull(<data/55>): open /repo/data/55/5540: no such file or directory", "is missing"),
        ("ReadFull(<data/55>): sftp: file does not exist", "is missing"),
        ("LoadRaw(<index/2c6d6ae629>): invalid data returned", "no longer holds"),
        ("blob 59f7: decrypting blob failed: ciphertext verification failed", "no longer holds"),
        ("id 3c855dc60f not found in repository\n\ngithub.com/restic/restic/internal", "it lacks data"),
        ("Fatal: repository contains errors", "finds errors"),
        # What is not damage: a network, a password, a lock, a full disk, a repository that is not there.
        ("Fatal: unable to open repository at sftp:...: unable to start the sftp session, error: EOF", ""),
        ("Load(<data/554058e5e9>, 119, 558) failed: connection lost", ""),
        ("Fatal: wrong password or no key found", ""),
        ("unable to create lock in backend: repository is already locked by PID 1 on db2", ""),
        ("write /var/lib/mysql-backup/scratch/7/ibdata1: no space left on device", ""),
        ("Fatal: repository does not exist: unable to open config file: stat /r/config: no such file or directory", ""),
    ],
)
def test_damage_is_told_from_what_is_none(said, words):
    """Red where restic's words for damage reach people raw, and where a lost connection is called damage."""
    assert words in sign(said)
    assert bool(words) is bool(sign(said))


def script(folder, body):
    """A restic that does this."""
    program = folder / "restic"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


@pytest.mark.parametrize("call", ["prune", "backup"])
def test_a_backup_says_in_words_that_the_repository_is_damaged(tmp_path, monkeypatch, call):
    """And names the verb. restic's own words are kept for the journal."""
    script(tmp_path, "echo 'Fatal: pack size does not match calculated size from index' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(DamagedError) as caught:
        Repository(settings(tmp_path)).restic(call)
    assert "is damaged: a file of it is cut off." in str(caught.value)
    assert "Run playbooks/repair_backups.yml" in str(caught.value)
    assert "calculated size" not in str(caught.value)
    assert "calculated size" in caught.value.stderr


def test_a_check_that_cannot_be_made_is_no_damage(tmp_path, monkeypatch):
    script(tmp_path, "echo 'Fatal: unable to open repository: connection refused' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProgramError, match="connection refused"):
        Repository(settings(tmp_path)).check()


def test_hosts_that_share_a_repository_are_known_by_it(tmp_path, monkeypatch):
    """A path is one of each host's own. Catches a password in what everybody may read, too."""

    def identity(host, place):
        monkeypatch.setenv("RESTIC_REPOSITORY", place)
        (tmp_path / host).mkdir(exist_ok=True)
        repository = Repository(settings(tmp_path / host))
        repository._host = host
        return repository.identity

    shared = "rest:https://backup:secret@198.18.0.9/mysql"
    assert identity("db1", shared) == identity("db2", shared)
    assert identity("db1", "/var/backups/mysql") != identity("db2", "/var/backups/mysql")
    assert "secret" not in identity("db1", shared)


OLD, NEW = base(f"{A}:1-10", f"{A}:1-12", 100), base(f"{A}:1-50", f"{A}:1-55", 200)
EARLY = log(f"{A}:1-40", 50, 180, path="/spool/1/binlog.000001")
LATE = log(f"{A}:41-90", 181, 290, path="/spool/1/binlog.000002")


NONE = Damage()


def snapshot(name, of, *tags):
    return {"id": name, "time": of, "hostname": "db2", "paths": ["/c"], "tags": ["kind=base", *tags]}


class FakeRepository(Repository):
    """`held` loses `broken` when its snapshots are repaired. `checks`: what each check finds."""

    def __init__(self, held, broken=(), checks=(NONE,), rewritten=()):
        self.held, self.broken, self.checks, self.rewritten = held, broken, list(checks), list(rewritten)
        self.asked, self.closed = [], ""

    def everything(self):
        return self.held

    def snapshots(self):
        ids = [one.id for kind in self.held for one in kind]
        whole = [snapshot(name, name) for name in ids]
        return whole + [snapshot(f"half of {name}", name, "repaired") for name in self.rewritten]

    def check(self, *options):
        self.asked.append(["check", *options])
        return self.checks.pop(0)

    def restic(self, *arguments, folder=None, **_):
        if self.closed and arguments[0] == "cat":
            raise ProgramError("restic cat", 1, self.closed)
        if arguments[:2] == ("repair", "packs"):
            (folder / f"pack-{arguments[2]}").touch()
        if arguments == ("repair", "snapshots"):
            self.rewritten = list(self.broken or self.rewritten)
        if arguments[0] == "forget":
            self.held = tuple([one for one in kind if one.id not in arguments] for kind in self.held)
            self.rewritten = [name for name in self.rewritten if f"half of {name}" not in arguments]
        self.asked.append([str(one) for one in arguments])


def host_with(tmp_path, repository, executed=f"{A}:1-99"):
    host = FakeHost(tmp_path, executed=executed)
    host.repository = repository
    return host


def reported(capsys):
    return json.loads(capsys.readouterr().out)


CUT_OFF = damage_of(TRUNCATED)


def test_the_largest_file_is_cut_off(tmp_path, capsys):
    """What is lost is given up whole, and said; what survives stays. Red where half of a base is kept."""
    repository = FakeRepository(([OLD, NEW], [EARLY, LATE]), broken=("base200", "log50"), checks=[CUT_OFF, Damage()])
    host = host_with(tmp_path, repository)
    host.remember(pieces={"/spool/1/binlog.000001": {"end": 7}}, covered=f"{A}:1-90")
    repair(host, check=False, accept_loss=False)
    found = reported(capsys)
    assert repository.asked == [
        ["cat", "config"],
        ["check", "--read-data", "--no-lock"],
        ["unlock"],
        ["repair", "packs", PACK],
        ["repair", "index"],
        ["repair", "snapshots"],
        ["forget", "base200", "log50", "half of base200", "half of log50"],
        ["repair", "snapshots", "--forget"],
        ["prune"],
        ["check"],
    ]
    assert found["lost_bases"] == ["base200 (1970-01-01 00:03:20 UTC, of db2)"]
    assert found["bases"] == ["base100 (1970-01-01 00:01:40 UTC, of db2)"]
    assert (found["lost_logs"], found["lost_gtids"]) == (1, f"{A}:11-40")
    assert found["since"] == "1970-01-01 00:01:40 UTC"
    assert host.status()["repair"]["ok"] is True
    assert (host.state()["pieces"], host.state()["covered"]) == ({}, f"{A}:41-90"), "the stream fetches the rest again"
    assert not (tmp_path / "damaged").exists()


def test_nothing_is_done_where_nothing_is_damaged(tmp_path, capsys):
    repository = FakeRepository(([OLD], [EARLY]))
    repair(host_with(tmp_path, repository), check=False, accept_loss=False)
    assert reported(capsys) == {"damage": ""}
    assert repository.asked == [["cat", "config"], ["check", "--read-data", "--no-lock"]]


def test_what_an_interrupted_repair_has_left_is_removed(tmp_path, capsys):
    """The next backup would count half of a base as one that is kept."""
    repository = FakeRepository(([OLD, NEW], [EARLY]), checks=[NONE, NONE], rewritten=["base100"])
    repair(host_with(tmp_path, repository), check=False, accept_loss=False)
    assert reported(capsys)["damage"] == "an earlier repair was interrupted"
    assert repository.held == ([NEW], [EARLY])


def test_a_check_run_changes_nothing(tmp_path, capsys):
    repository = FakeRepository(([OLD, NEW], [EARLY]), checks=[CUT_OFF])
    repair(host_with(tmp_path, repository), check=True, accept_loss=False)
    assert reported(capsys) == {"damage": "1 file with data cut off or changed", "snapshots": 3}
    assert [asked[0] for asked in repository.asked] == ["cat", "check"]


def test_an_index_that_cannot_be_read_comes_first(tmp_path, capsys):
    """Without it the files cannot be saved. Then the check finds what else there is."""
    repository = FakeRepository(([OLD], []), checks=[damage_of(INDEX), CUT_OFF, Damage()])
    repair(host_with(tmp_path, repository), check=False, accept_loss=False)
    order = [asked[:2] for asked in repository.asked if asked[0] == "repair"]
    assert order == [["repair", what] for what in ("index", "packs", "index", "snapshots", "snapshots")]


def test_what_only_the_repository_has_is_not_given_up(tmp_path):
    """The servers are new and empty, and the backups are all that is left. Red where a repair goes on."""
    repository = FakeRepository(([OLD, NEW], [EARLY, LATE]), checks=[CUT_OFF, CUT_OFF, Damage()])
    host = host_with(tmp_path, repository, executed=f"{B}:1-3")
    with pytest.raises(BackupError, match=rf"{A}:1-90\).*do that first.*add -e webstack_repair_accept_loss=true"):
        repair(host, check=False, accept_loss=False)
    assert [asked[0] for asked in repository.asked] == ["cat", "check"]
    repair(host, check=False, accept_loss=True)


def test_a_file_that_restic_cannot_remove_is_named(tmp_path):
    repository = FakeRepository(([OLD], []), checks=[damage_of(SNAPSHOT)])
    with pytest.raises(BackupError, match=r"run this again: snapshots/226ada84be\*"):
        repair(host_with(tmp_path, repository), check=False, accept_loss=False)


def test_a_repository_that_is_damaged_still_is_said_to_be(tmp_path):
    repository = FakeRepository(([OLD], []), checks=[CUT_OFF, CUT_OFF])
    host = host_with(tmp_path, repository)
    with pytest.raises(BackupError, match="is damaged still, after all that restic can repair"):
        repair(host, check=False, accept_loss=False)
    assert (tmp_path / "damaged" / f"pack-{PACK}").exists(), "restic's copies of what it has changed"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "Fatal: repository does not exist: unable to open config file: stat /r/config: no such file",
            "cannot be opened",
        ),
        ("ssh: connect to host 198.18.0.11 port 22: Connection refused", "Connection refused"),
    ],
)
def test_a_repository_that_does_not_open_is_not_repaired(tmp_path, said, why):
    repository = FakeRepository(([OLD], []))
    repository.closed = said
    with pytest.raises(BackupError, match=why):
        repair(host_with(tmp_path, repository), check=False, accept_loss=False)


def test_what_survives_is_told_from_what_is_lost():
    """What a later backup or another version of the file still has is not lost."""
    found = survey(([OLD, NEW], [EARLY, LATE]), ([NEW], [LATE]))
    assert (found.lost_logs, found.lost_gtids) == (1, "")
    assert survey(([OLD], [EARLY]), ([], [])).since == ""


def test_a_file_whose_archived_version_is_lost_is_stored_again(tmp_path):
    """It would be removed from the spool as if it were in the repository."""
    host = FakeHost(tmp_path)
    host.receives("1", "binlog.000001", "3 4")
    host.receives("1", "binlog.000002", "5 6")
    files = {f"{host.spool}/1/binlog.00000{number}": {"end": 2} for number in (1, 2, 3)}
    assert list(_still_stored(files, _in_spool(host), parse_gtids(f"{A}:1-4"))) == [f"{host.spool}/1/binlog.000001"]
