"""Rules for what the inventory says of the application's hosts: one of them, or each of several. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def errors(given: Mapping[str, Any], hosts: Sequence[str]) -> list[str]:
    """A sentence for each mistake; `hosts` are the application's."""
    return [*_job_host(given.get("webstack_app_job_host"), hosts)]


def _job_host(name: str | None, hosts: Sequence[str]) -> Iterator[str]:
    if hosts and name is not None and name not in hosts:
        yield (
            f'webstack_app_job_host is "{name}", which is not in the group appservers; no host would run the jobs. Set '
            f"it to one of {', '.join(hosts)}, or leave it out."
        )
