"""The process."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from webstack_metrics import backups, certificates, mysql
from webstack_metrics.metrics import Sample, text

FILE = "webstack.prom"


def collected(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples up to where they cannot be had, and why they cannot."""
    try:
        yield from samples
    except (OSError, ValueError) as error:
        print(f"<4>{error}", file=sys.stderr)


def of_backups(path: Path) -> Iterator[Sample]:
    """None where the host makes no backups."""
    if path.exists():
        yield from backups.samples(json.loads(path.read_text()))


def of_mysql(url: str, ca: str) -> Iterator[Sample]:
    """None but that it is not up where the endpoint cannot say what the server is."""
    ask = mysql.asked(url, ca)
    try:
        own = ask(urlsplit(url).hostname or "")
    except (OSError, ValueError):
        yield Sample("webstack_mysql_up", 0)
        raise
    yield from mysql.samples(own, ask)


def main() -> int:
    """Write the file once."""
    parser = argparse.ArgumentParser(prog="webstack-metrics", description="Writes metrics for node_exporter.")
    parser.add_argument("--directory", type=Path, required=True, help="where node_exporter reads files")
    parser.add_argument("--certificates", type=Path, required=True, help="folder of folders with certificate.pem")
    parser.add_argument("--backup", type=Path, required=True, help="the report of mysql-backup")
    parser.add_argument("--endpoint", default="", help="URL of the own mysql-endpoint")
    parser.add_argument("--ca", default="", help="PEM file by which endpoints are verified")
    options = parser.parse_args()
    found: list[Sample] = []
    for certificate in certificates.installed(options.certificates):
        found += collected(certificates.samples(certificate))
    found += collected(of_backups(options.backup))
    if options.endpoint:
        found += collected(of_mysql(options.endpoint, options.ca))
    temporary = options.directory / f".{FILE}.{os.getpid()}"
    temporary.write_text(text(found))
    temporary.chmod(0o644)
    temporary.rename(options.directory / FILE)
    return 0
