"""What runs beside the application: background processes, and jobs that a timer starts. They belong to a release.

Their units are derived from the application's own and pinned to one release, so that a process never sees the files of
the next one. A unit says in its section [X-Appserver] whose it is: that is how those are found that nobody wants any
more. What has a section [Install] is enabled and runs; a job's service has none, because its timer starts it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import files, units
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import Run, Systemd

RESTART_SECONDS = 5
"""After how long a process that ended is started again. Whoever looks at it meanwhile sees that it does not run."""

_PAUSE = 0.5
_INSTALL = "[Install]"


@dataclass(frozen=True)
class Process:
    """A program that always runs, so many times."""

    name: str
    command: Sequence[str]
    instances: int = 1
    environment: Mapping[str, Any] = field(default_factory=dict)
    stop_timeout: int = 60
    unit_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A program that a timer starts; ``schedule`` is what systemd calls OnCalendar."""

    name: str
    command: Sequence[str]
    schedule: str
    environment: Mapping[str, Any] = field(default_factory=dict)
    timeout: int = 3600
    persistent: bool = False
    unit_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Which unit does not run, and why."""

    unit: str
    reason: str


def wanted_units(
    at: Layout, unit: str, release: str, processes: Iterable[Process], jobs: Iterable[Job]
) -> dict[Path, str]:
    """The texts of all units, by path. Raises ReleaseError for a name that another unit of this application has."""
    found: dict[Path, str] = {}
    pairs = [
        *(pair for process in processes for pair in _of_process(at, unit, process)),
        *(pair for job in jobs for pair in _of_job(at, unit, job)),
    ]
    for name, text in pairs:
        path = at.units / name
        if path in found or path == at.unit or name == at.candidate_service:
            raise ReleaseError(
                f"two units of {at.name} would be called {name}; give the process or the job another name"
            )
        found[path] = units.pinned(text, at, release) + _mark(at)
    return found


def present(at: Layout) -> dict[Path, bytes]:
    """The units on the host that belong to this application, but for its own."""
    mark = _mark(at).encode()
    paths = sorted(path for kind in ("service", "timer") for path in at.units.glob(f"{at.name}-*.{kind}"))
    return {path: content for path in paths if (content := files.read(path) or b"").endswith(mark)}


def _mark(at: Layout) -> str:
    """The end of a unit that says whose it is."""
    return f"\n[X-Appserver]\nApplication={at.name}\n"


def running(contents: Iterable[tuple[Path, bytes]]) -> list[str]:
    """Of the units, those that are to run: processes and timers."""
    return [path.name for path, content in contents if f"\n{_INSTALL}\n".encode() in content]


def check(at: Layout, run: Run, paths: Iterable[Path], jobs: Iterable[Job]) -> None:
    """Refuse, before anything is changed, what systemd would not take, and to replace the unit of somebody else."""
    known = present(at)
    for path in paths:
        for other in (path, at.package_unit.parent / path.name):
            if other not in known and other.exists():
                raise ReleaseError(
                    f"{other} does not belong to {at.name}; give the process or the job another name than "
                    f"{path.stem[len(at.name) + 1 :]}"
                )
    for job in jobs:
        status, _output, errors = run(["systemd-analyze", "calendar", "--iterations=1", "--", job.schedule])
        if status:
            raise ReleaseError(
                f'appserver_jobs: "{job.name}" has the schedule "{job.schedule}", which systemd does not understand '
                f"({errors.strip().rstrip('.')}); write an expression of OnCalendar such as daily, Mon 03:15 or *:0/10"
            )


def exchange(at: Layout, systemd: Systemd, contents: Mapping[Path, bytes], seconds: float) -> Problem | None:
    """Put these units in place of those that are there, and start what is to run. What does not stay up, or None.

    A process that runs has its time to stop in; none is started before it has ended.
    """
    before = present(at)
    gone = {path: content for path, content in before.items() if path not in contents}
    if not gone and not contents:
        return None
    if unwanted := running(gone.items()):
        systemd.call("disable", "--quiet", "--now", *unwanted)
    for path in gone:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    for path, content in contents.items():
        if before.get(path) != content:
            files.write(path, content, 0o644)
    systemd.call("daemon-reload")
    started = running(contents.items())
    if not started:
        return None
    systemd.call("enable", "--quiet", *started)
    for unit in started:
        systemd.succeeds("reset-failed", unit)
    try:
        systemd.call("restart", *started)
    except ReleaseError as error:
        ended = [unit for unit in started if not _is_up(systemd, unit)]
        return Problem((ended or started)[0], str(error))
    return _settled(systemd, started, seconds)


def _settled(systemd: Systemd, started: Sequence[str], seconds: float) -> Problem | None:
    """Whether all of them are up for so long."""
    end = time.monotonic() + seconds
    while True:
        for unit in started:
            if not _is_up(systemd, unit):
                state = systemd.state(unit)
                status = f"{state.get('Result')}, status {state.get('ExecMainStatus')}"
                return Problem(unit, f"its unit {unit} did not stay up for {seconds:g} s ({status})")
        if time.monotonic() >= end:
            return None
        time.sleep(_PAUSE)


def _is_up(systemd: Systemd, unit: str) -> bool:
    return systemd.state(unit).get("ActiveState") == "active"


def _of_process(at: Layout, unit: str, process: Process) -> Iterator[tuple[str, str]]:
    for number in range(1, process.instances + 1):
        name = process.name if process.instances == 1 else f"{process.name}-{number}"
        environment = {"APP_INSTANCE": str(number), **process.environment}
        service = [
            ("Type", "exec"),
            ("ExecStart", units.command_line(process.command, environment)),
            ("KillMode", "mixed"),
            ("TimeoutStopSec", str(process.stop_timeout)),
            ("Restart", "always"),
            ("RestartSec", str(RESTART_SECONDS)),
            *units.options(process.unit_options),
        ]
        # It may wait for another server, and is tried again for ever.
        about = [*_after(at), ("StartLimitIntervalSec", "0")]
        text = units.derived(unit, f"{at.name}, process {name}", service, about)
        yield f"{at.name}-{name}.service", f"{text}\n{_INSTALL}\nWantedBy=multi-user.target\n"


def _of_job(at: Layout, unit: str, job: Job) -> Iterator[tuple[str, str]]:
    service = [
        ("Type", "oneshot"),
        ("ExecStart", units.command_line(job.command, job.environment)),
        ("TimeoutStartSec", str(job.timeout)),
        *units.options(job.unit_options),
    ]
    description = f"{at.name}, job {job.name}"
    yield f"{at.name}-{job.name}.service", units.derived(unit, description, service, _after(at))
    timer = [
        *units.header(unit),
        "[Unit]",
        f"Description={description}",
        "",
        "[Timer]",
        f"OnCalendar={job.schedule.replace('%', '%%')}",
        f"Persistent={'true' if job.persistent else 'false'}",
        "AccuracySec=1s",
        "",
        _INSTALL,
        "WantedBy=timers.target",
    ]
    yield f"{at.name}-{job.name}.timer", "\n".join(timer) + "\n"


def _after(at: Layout) -> list[tuple[str, str]]:
    return [("Wants", "network-online.target"), ("After", f"network-online.target {at.service}")]
