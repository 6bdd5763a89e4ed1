"""The command init: make the repository, or change its password."""

from __future__ import annotations

import os
import re

from mysql_backup.errors import BackupError, ProgramError
from mysql_backup.host import Host


def init(host: Host, previous: str) -> None:
    """Make the repository. One that opens is left alone; one that opens with the `previous` password gets the new one.

    Prints what was found or done: made, empty, there or changed.
    """
    try:
        host.repository.restic("cat", "config")
    except ProgramError as error:
        if "wrong password" in error.stderr:
            _change_password(host, previous)
            print("changed")
            return
        if not re.search(r"does not exist|unable to open config file|Is there a repository", error.stderr):
            raise
        host.repository.restic("init")
        print("made")
    else:
        print("there" if host.repository.contents()[0] else "empty")


def _change_password(host: Host, previous: str) -> None:
    """Of the repository, from the previous one, empty if none is known, to that of the environment."""
    refused = (
        "the repository exists and has another password; set mysql_backup_password to the one with which it was made."
    )
    if not previous:
        raise BackupError(f"{refused} This host has no earlier password with which the repository could be opened")
    file = host.home / ".new-password"
    file.write_text(os.environ["RESTIC_PASSWORD"])
    before = os.environ | {"RESTIC_PASSWORD": previous}
    try:
        host.repository.restic("key", "passwd", f"--new-password-file={file}", env=before)
    except BackupError as error:
        raise BackupError(f"{refused} The password that worked on this host last does not open it: {error}") from None
    finally:
        file.unlink()
