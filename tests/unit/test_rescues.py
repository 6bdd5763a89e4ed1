"""A task that is rescued is printed as fatal, in red, so a rescue is for failures alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml")]
PARTS = ("pre_tasks", "tasks", "post_tasks", "block", "rescue", "always")


def tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All tasks and blocks, those in plays and blocks included."""
    for entry in entries:
        yield entry
        for part in PARTS:
            yield from tasks(entry.get(part, []))


def test_what_is_rescued_is_a_failure_that_is_explained() -> None:
    """What goes on in spite of a failure asks with failed_when.

    Red with a rescue that only does something else, as there was one for a container engine that does not answer.
    """
    wrong = []
    for path in FILES:
        found = yaml.safe_load(path.read_text())
        for task in tasks(found if isinstance(found, list) else []):
            rescued = list(tasks(task.get("rescue", [])))
            if rescued and not any("ansible.builtin.fail" in each for each in rescued):
                wrong.append(f"{path.relative_to(ROOT)}: {task['name']}")
    assert wrong == []


def test_a_host_that_may_be_lost_ends_no_run() -> None:
    """With any_errors_fatal it would for all, although it is ignored, without a word; and a template is always true.

    Red with a failover that does nothing when the primary's host is off.
    """
    wrong = []
    for path in FILES:
        found = yaml.safe_load(path.read_text())
        for top in found if isinstance(found, list) else []:
            # A file of tasks is taken into plays of both kinds.
            fatal = top.get("any_errors_fatal", False) if "hosts" in top else True
            for task in tasks([top]):
                ignored = task.get("ignore_unreachable", False)
                if ignored is not False and (ignored is not True or task.get("any_errors_fatal", fatal)):
                    wrong.append(f"{path.relative_to(ROOT)}: {task['name']}")
    assert wrong == []
