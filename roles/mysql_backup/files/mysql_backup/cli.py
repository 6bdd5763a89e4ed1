"""Back up a MySQL server, archive its binary logs, restore to a time or a transaction, and prove that it works.

mysql-backup backup [--now]   copy the server's data into the repository, if it is this host's turn (--now: in any case)
mysql-backup stream           receive the binary logs for as long as it is this host's turn (a service)
mysql-backup archive          store in the repository what was received (a timer, every minute)
mysql-backup verify [--now]   restore the newest backup into a scratch instance and check it (a timer)
mysql-backup restore ...      restore into a scratch instance, check it, write dumps of databases
mysql-backup find PATTERN     transactions in the archive that define data (DROP TABLE ...), with GTID and time
mysql-backup swap ...         on the source: put a dump's tables in the place of a database's tables. Reads the tables
                              of the restore's report, as JSON
mysql-backup repair ...       find out whether the repository is damaged, and repair it
mysql-backup list             what the repository holds
mysql-backup state            what this host's server is, and whether it is its turn to make backups
mysql-backup status           when what succeeded last
mysql-backup init             make the repository, unless it exists
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pwd
import re
import sys
from pathlib import Path

from mysql_backup.errors import BackupError, DamagedError
from mysql_backup.host import Host
from mysql_backup.settings import Settings

ENVIRONMENT = Path("/etc/mysql-backup/environment")
WORKED = Path("/etc/mysql-backup/environment.works")
"""A copy of the credentials with which the repository opened last, for root alone."""

COMMANDS = (
    "backup",
    "stream",
    "archive",
    "verify",
    "restore",
    "find",
    "swap",
    "repair",
    "list",
    "state",
    "status",
    "init",
)
ONE_AT_A_TIME = ("backup", "archive")
RECORDED = ("backup", "archive", "verify")
RESTIC_LINES = 5
"""How many of restic's own lines are shown before the sentence."""


def main() -> int:
    """Returns the exit status."""
    options = arguments()
    settings = Settings.read()
    os.umask(0o077)
    previous = ""
    if os.geteuid() == 0:
        previous = credentials(WORKED).get("RESTIC_PASSWORD", "")
        if options.action != "swap":
            become(settings.user)
    host = Host(settings)
    try:
        with host.lock(options.action) if options.action in ONE_AT_A_TIME else contextlib.nullcontext():
            perform(host, options, previous)
    except BackupError as error:
        if options.action in RECORDED:
            host.record(options.action, ok=False, error=str(error))
        if isinstance(error, DamagedError):
            print("\n".join(error.stderr.splitlines()[-RESTIC_LINES:]), file=sys.stderr)
        print(f"mysql-backup {options.action}: {error}", file=sys.stderr)
        return 1
    return 0


def perform(host: Host, options: argparse.Namespace, previous: str) -> None:
    """The command. Each imports what it needs, because one of them runs every minute."""
    match options.action:
        case "backup":
            from mysql_backup.backup import backup

            backup(host, now=options.now)
        case "stream":
            from mysql_backup.archive import stream

            stream(host)
        case "archive":
            from mysql_backup.archive import archive

            archive(host)
        case "verify" | "restore" | "find":
            _restore(host, options)
        case "swap":
            from mysql_backup.swap import select, swap

            expected = select(options.database, _names(options.tables), json.loads(sys.stdin.read()))
            swap(host, options.database, Path(options.file), expected, check=options.check)
        case "repair":
            from mysql_backup.repair import repair

            repair(host, check=options.check, accept_loss=options.accept_loss)
        case "init":
            from mysql_backup.init import init

            init(host, previous)
        case shown:
            from mysql_backup import report

            {"list": report.show_list, "state": report.show_state, "status": report.show_status}[shown](host)


def _restore(host: Host, options: argparse.Namespace) -> None:
    from mysql_backup.restore import find, restore, show_plan, target_of, verify

    match options.action:
        case "verify":
            verify(host, now=options.now)
        case "find":
            find(host, options.pattern)
        case _:
            target = target_of(options.to, options.gtid, options.before_gtid)
            databases, tables = _names(options.databases), _names(options.tables)
            if tables and len(databases) != 1:
                raise BackupError("tables belong to one database; name that one")
            (show_plan if options.check else restore)(host, target, databases, tables)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        prog="mysql-backup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    commands = {name: actions.add_parser(name) for name in COMMANDS}
    commands["backup"].add_argument("--now", action="store_true", help="whether or not it is this host's turn")
    commands["verify"].add_argument("--now", action="store_true", help="whether or not it is this host's turn")
    commands["find"].add_argument("pattern", nargs="?", default="", help="regular expression, such as 'DROP TABLE'")
    for name, meaning in {
        "to": "time in UTC, such as 2026-11-23T12:00:00",
        "gtid": "up to and including this transaction",
        "before-gtid": "everything before this transaction",
        "databases": "databases to dump, separated by commas",
        "tables": "tables of the one database to dump, separated by commas",
    }.items():
        commands["restore"].add_argument(f"--{name}", default="", help=meaning)
    commands["restore"].add_argument("--check", action="store_true", help="only say what would be done")
    commands["swap"].add_argument("--database", required=True)
    commands["swap"].add_argument("--tables", default="", help="tables of it, separated by commas; default: all")
    commands["swap"].add_argument("--file", default="", help="the dump")
    commands["swap"].add_argument("--check", action="store_true", help="only check whether it can be done")
    commands["repair"].add_argument("--check", action="store_true", help="only say what is damaged")
    commands["repair"].add_argument(
        "--accept-loss", action="store_true", help="although the server has not all that the repository has"
    )
    return parser.parse_args()


def credentials(file: Path) -> dict[str, str]:
    """Variables of an EnvironmentFile as the role writes it. Empty where there is none."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for line in file.read_text().splitlines():
            if match := re.fullmatch(r'([A-Za-z_][A-Za-z0-9_]*)="(.*)"', line):
                found[match[1]] = re.sub(r"\\(.)", r"\1", match[2])
    return found


def become(user: str) -> None:
    """From root, with the environment that only root may read, to the user that does the work."""
    os.environ |= credentials(ENVIRONMENT)
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ |= {"HOME": entry.pw_dir, "USER": user, "LOGNAME": user}
    os.chdir("/")
