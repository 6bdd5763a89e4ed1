"""Whether a host can get the stack's MySQL: what is offered, what is there already, and whether it lets root in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from subprocess import CompletedProcess

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.initial import NAMES, datadir, otherwise
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import MINIMUM, series
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.variables import Value

OTHERS = {
    "mariadb-server": "MariaDB",
    "percona-server-server": "Percona Server",
    "percona-xtradb-cluster-server": "Percona XtraDB Cluster",
}
"""Servers that the package mysql-server would replace, by the beginning of their packages' names."""

MARIADB_FILES = ("aria_log_control", "mariadb_upgrade_info")
"""What MariaDB leaves in its data directory, and MySQL cannot start with."""

DATA_FILES = ("ibdata1", "mysql.ibd", "auto.cnf")
"""What every initialisation leaves, wherever InnoDB's own files are."""

REFUSED = re.compile(r"ERROR (1045|1698|1524|1862|3118) ")
"""What a server answers that does not take root without a password through its socket."""

Run = Callable[..., CompletedProcess[str]]


class Code(str, Enum):
    """Why the host cannot be used as it is."""

    OTHER_SERVER = "installation.other_server"
    OTHER_SERVER_RUNS = "installation.other_server_runs"
    OTHER_FILES = "installation.other_files"
    OLD_SERVER = "installation.old_server"
    NOT_OFFERED = "installation.not_offered"
    OLD_OFFERED = "installation.old_offered"
    ROOT_REFUSED = "installation.root_refused"
    INITIALISED_OTHERWISE = "installation.initialised_otherwise"
    OTHER_DATADIR = "installation.other_datadir"


@dataclass(frozen=True)
class Found:
    """What a host has and is offered."""

    packages: tuple[tuple[str, str], ...] = ()
    """Installed packages of servers, with their versions."""
    candidate: str | None = None
    """The version of mysql-server that apt offers, empty for none; None where that is not known."""
    files: str = ""
    """A file in the data directory that is MariaDB's."""
    version: str = ""
    """Of the server that has answered."""
    refusal: str = ""
    """What the server answered to root."""
    initialised: bool = False
    """Whether there is a data directory with data."""
    running: Mapping[str, str] = field(default_factory=dict)
    """Of the server that has answered, the variables that only an initialisation can set."""


def reasons(
    found: Found, directory: str, *, offers: bool = True, variables: Mapping[str, Value] | None = None
) -> Iterator[Reason]:
    """Why the host cannot be used as it is, or not with these variables.

    The first that applies to the server hides what follows from it.
    """
    yield from _of_server(found, directory, offers=offers)
    for name, running, wanted in otherwise(variables or {}, found.running):
        yield reason(Code.INITIALISED_OTHERWISE, variable=name, running=running or "empty", wanted=wanted)
    if (wanted := datadir(variables or {})) and wanted != directory.rstrip("/"):
        yield reason(Code.OTHER_DATADIR, wanted=wanted, directory=directory)


def _of_server(found: Found, directory: str, *, offers: bool) -> Iterator[Reason]:
    for package, version in found.packages:
        for beginning, product in OTHERS.items():
            if package.startswith(beginning):
                packages = f"{beginning.partition('-')[0]}-*"
                yield reason(Code.OTHER_SERVER, product=product, package=package, version=version, packages=packages)
                return
    if "mariadb" in found.version.lower():
        yield reason(Code.OTHER_SERVER_RUNS, version=found.version)
    elif found.version and _is_old(found.version):
        yield reason(Code.OLD_SERVER, version=found.version, least=_dotted(MINIMUM))
    elif found.refusal:
        yield reason(Code.ROOT_REFUSED, error=found.refusal)
    elif found.files:
        yield reason(Code.OTHER_FILES, file=found.files, directory=directory)
    elif found.packages or not offers:
        return
    elif found.candidate == "":
        yield reason(Code.NOT_OFFERED)
    elif found.candidate and _is_old(found.candidate):
        yield reason(Code.OLD_OFFERED, version=found.candidate, least=_dotted(MINIMUM))


def look(run: Run, socket: str, directory: Path) -> Found:
    """Ask the host."""
    installed = [
        (line.split()[0], line.split()[1])
        for line in run(
            "dpkg-query",
            "--show",
            "--showformat=${Package} ${Version} ${db:Status-Status}\n",
            "mysql-server*",
            "mysql-community-server*",
            *(f"{name}*" for name in OTHERS),
        ).stdout.splitlines()
        if line.endswith(" installed")
    ]
    listed = ", ".join(f"'{name}'" for name in NAMES)
    # Not root's own ~/.my.cnf: what the stack runs on the host does not have a password either.
    answer = run(
        "mysql",
        "--no-defaults",
        "--user=root",
        f"--socket={socket}",
        "--connect-timeout=5",
        "--batch",
        "--skip-column-names",
        f"--execute=SELECT VERSION(); SHOW GLOBAL VARIABLES WHERE Variable_name IN ({listed})",
    )
    answered = answer.stdout.splitlines() if answer.returncode == 0 else []
    said = answer.stderr.strip().splitlines()
    return Found(
        packages=tuple(installed),
        candidate=candidate(run("env", "LC_ALL=C", "apt-cache", "policy", "mysql-server", "mysql-common").stdout),
        files=next((name for name in MARIADB_FILES if (directory / name).exists()), ""),
        version=answered[0].strip() if answered else "",
        refusal=next((line for line in said if REFUSED.search(line)), "") if answer.returncode else "",
        initialised=any((directory / name).exists() for name in DATA_FILES),
        running=dict(line.split("\t", 1) for line in answered[1:] if "\t" in line),
    )


def candidate(policy: str) -> str | None:
    """The version of mysql-server in what `apt-cache policy` says. Pure.

    Debian itself has mysql-common: a host that is not offered even that has no package lists yet, so nothing is known.
    """
    found = dict(re.findall(r"^(\S+):\n.*\n  Candidate: (.*)$", policy, re.MULTILINE))
    known = {name: "" if version == "(none)" else version for name, version in found.items()}
    return known.get("mysql-server", "") if known.get("mysql-common") else known.get("mysql-server") or None


def _is_old(version: str) -> bool:
    """Whether a version such as 8.0.43-0ubuntu0.24.04.1 is too old. One that reads otherwise is not."""
    plain = version.partition(":")[2] or version
    return bool(re.match(r"\d+\.\d+", plain)) and series(plain) < MINIMUM


def _dotted(wanted: tuple[int, int]) -> str:
    return ".".join(map(str, wanted))
