"""When the installed certificates expire."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

from webstack_metrics.metrics import Sample


def end_of(certificate: Path) -> float:
    """When the first certificate of a PEM file expires, in seconds since 1970. OSError or ValueError where it says so.

    By the program openssl: the library that reads certificates takes longer to load than all else that is done here.
    """
    said = subprocess.run(  # noqa: S603
        ["/usr/bin/openssl", "x509", "-noout", "-enddate", "-in", str(certificate)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=5,
        check=False,
    )
    if said.returncode:
        raise ValueError(f"{certificate}: {' '.join(said.stderr.split())[:200]}")
    return ssl.cert_time_to_seconds(said.stdout.strip().partition("=")[2])


def installed(folder: Path) -> list[Path]:
    """The certificate of each folder in `folder` that has one."""
    return sorted(folder.glob("*/certificate.pem"))


def samples(certificate: Path) -> Iterator[Sample]:
    """Of one, by the name of its folder."""
    labels = {"name": certificate.parent.name}
    yield Sample("webstack_certificate_expiry_timestamp_seconds", end_of(certificate), labels)
