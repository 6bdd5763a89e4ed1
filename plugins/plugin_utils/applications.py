"""What the inventory says of the application's hosts: which one runs the jobs, and where uploads are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import is_true

UPLOAD_HEADERS = {"Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox"}
"""A visitor's file is looked at, and does nothing in the name of the site."""

_LOCATION = re.compile(r"/(?:[A-Za-z0-9._~-]+/)+")
_DIRECTORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def errors(given: Mapping[str, Any], hosts: Sequence[str]) -> list[str]:
    """A sentence for each mistake; `hosts` are the application's."""
    return [*_job_host(given.get("webstack_app_job_host"), hosts), *_uploads(given, hosts)]


def upload_locations(uploads: Mapping[str, str], shared: str) -> list[dict[str, Any]]:
    """As entries of `static` of a site of nginx."""
    return [
        {"location": location, "alias": f"{shared}/{directory}/", "max_age": "1h", "headers": dict(UPLOAD_HEADERS)}
        for location, directory in sorted(uploads.items())
    ]


def _job_host(name: str | None, hosts: Sequence[str]) -> Iterator[str]:
    if hosts and name is not None and name not in hosts:
        yield (
            f'webstack_app_job_host is "{name}", which is not in the group appservers; no host would run the jobs. Set '
            f"it to one of {', '.join(hosts)}, or leave it out."
        )


def _uploads(given: Mapping[str, Any], hosts: Sequence[str]) -> Iterator[str]:
    uploads = given.get("webstack_app_uploads") or {}
    for location, directory in uploads.items():
        where = f'webstack_app_uploads: "{location}"'
        if not _LOCATION.fullmatch(str(location)):
            yield f"{where} is not a path that begins and ends with /; write one such as /media/."
        if not isinstance(directory, str) or not _DIRECTORY.fullmatch(directory):
            yield f'{where} leads to "{directory}", which is no directory below shared/; write a name such as media.'
    if uploads and len(hosts) > 1 and not is_true(given.get("webstack_app_uploads_shared")):
        yield (
            f"webstack_app_uploads: {' and '.join(hosts)} would each have the files that it received itself, and "
            "visitors would miss the others. Keep uploads in an object storage (docs/applications.md), or mount one "
            "directory for all of these hosts and set webstack_app_uploads_shared: true."
        )
