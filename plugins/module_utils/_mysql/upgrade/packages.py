"""The packages of a host's MySQL server: what apt offers, and what it would do. Pure, but for `look`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from subprocess import CompletedProcess

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason

SERVER = "/usr/sbin/mysqld"
META = "mysql-server"
"""What the role installs: whatever series the host's sources offer."""

# apt-get(8), --simulate. A package that is new has no version in square brackets.
_INSTALLED = re.compile(r"^Inst (\S+)(?: \[([^\]]*)\])? \((\S+)", re.MULTILINE)
_REMOVED = re.compile(r"^Remv (\S+)", re.MULTILINE)
_ERROR = re.compile(r"^E: (.*?)\.?$", re.MULTILINE)
_POLICY = re.compile(r"^(\S+):\n  Installed: (\S+)\n  Candidate: (\S+)$", re.MULTILINE)

_FORMAT = "${Package}\\t${Version}\\t${source:Package}\\t${db:Status-Status}\\n"

Run = Callable[..., CompletedProcess[str]]


class Code(str, Enum):
    """Why apt cannot upgrade the server."""

    NOT_FROM_PACKAGES = "upgrade_packages.not_from_packages"
    HELD = "upgrade_packages.held"
    NOT_INSTALLABLE = "upgrade_packages.not_installable"
    REMOVES = "upgrade_packages.removes"


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    source: str = ""
    status: str = "installed"


@dataclass(frozen=True)
class Offer:
    """What apt would do."""

    names: tuple[str, ...] = ()
    """Packages of the server that are to be upgraded, or that are installed in part. Empty: nothing is to be done."""
    changes: Mapping[str, tuple[str, str]] | None = None
    """All packages that would be installed, with the version that there is (empty for none) and the new one."""
    installed: str = ""
    """The version of the package that the server comes from."""
    candidate: str = ""
    """The version of META that is offered."""
    refusals: tuple[Reason, ...] = ()

    @property
    def packages(self) -> list[str]:
        """As apt takes them: what was looked at is what is installed, whatever comes out meanwhile."""
        return [f"{name}={self.changes[name][1]}" for name in self.names if self.changes and name in self.changes]


def family(owner: str, installed: Iterable[Package]) -> list[Package]:
    """The packages that come from the same source as the one that has the server, and META."""
    installed = list(installed)
    source = next((package.source for package in installed if package.name == owner), "")
    return [package for package in installed if package.name == META or (source and package.source == source)]


def waiting(packages: Iterable[Package], policy: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """Those of which apt offers another version, and those whose installation was interrupted.

    apt's candidate is never older than what is installed, unless somebody has pinned it so: `path` refuses that.
    """
    return tuple(
        package.name
        for package in packages
        if package.status != "installed"
        or policy.get(package.name, ("", "(none)"))[1] not in ("(none)", package.version)
    )


def obstacles(
    names: Sequence[str], own: Iterable[Package], held: Iterable[str], simulated: CompletedProcess[str]
) -> tuple[Reason, ...]:
    """Why apt would not do it, or would do more."""
    if kept := sorted(set(names) & set(held)):
        return (reason(Code.HELD, packages=kept),)
    if simulated.returncode:
        error = "; ".join(_ERROR.findall(simulated.stderr)) or "no reason was given"
        return (reason(Code.NOT_INSTALLABLE, packages=list(names), error=error),)
    # In another series its packages may have other names, and replace the old ones.
    foreign = sorted(set(_REMOVED.findall(simulated.stdout)) - {package.name for package in own})
    return (reason(Code.REMOVES, packages=foreign),) if foreign else ()


def changes(simulation: str) -> dict[str, tuple[str, str]]:
    """What `apt-get --simulate install` says: by package, what there is and what comes."""
    return {name: (old, new) for name, old, new in _INSTALLED.findall(simulation)}


def policies(text: str) -> dict[str, tuple[str, str]]:
    """Installed version and candidate by package, from `apt-cache policy`."""
    return {name: (installed, candidate) for name, installed, candidate in _POLICY.findall(text)}


def listed(text: str) -> list[Package]:
    """From dpkg-query, a line a package: name, version, source, status."""
    rows = [line.split("\t") for line in text.splitlines()]
    return [Package(*row) for row in rows if len(row) == 4 and row[3] not in ("not-installed", "config-files")]


def command(*words: str) -> tuple[str, ...]:
    """apt-get with what every call here has in common: nobody is asked, and configuration files stay as they are."""
    options = ("--option=Dpkg::Options::=--force-confdef", "--option=Dpkg::Options::=--force-confold")
    return ("env", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes", *options, *words)


def look(run: Run) -> Offer:
    """Ask the host's package management. Needs no lock."""
    owner = run("dpkg-query", "--search", SERVER).stdout.partition(":")[0].strip()
    own = family(
        owner,
        listed(
            run(
                "dpkg-query",
                "--show",
                "--showformat=${Package}\\t${Version}\\t${source:Package}\\t${db:Status-Status}\\n",
            ).stdout
        ),
    )
    if not owner or not own:
        return Offer(refusals=(reason(Code.NOT_FROM_PACKAGES, file=SERVER),))
    offered = policies(run("env", "LC_ALL=C", "apt-cache", "policy", META, *(package.name for package in own)).stdout)
    names = waiting(own, offered)
    found = Offer(
        names=names,
        installed=next((package.version for package in own if package.name == owner), ""),
        candidate=offered.get(META, ("", ""))[1],
    )
    if not names:
        return found
    simulated = run(
        *command("--simulate", "--option=Debug::NoLocking=true", "--no-install-recommends", "install", *names)
    )
    held = run("apt-mark", "showhold").stdout.split()
    return Offer(
        names=names,
        changes=changes(simulated.stdout),
        installed=found.installed,
        candidate=found.candidate,
        refusals=obstacles(names, own, held, simulated),
    )
