"""When the certificates of a host end."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _x509

CA = "ca"
"""The name that stands for the CA that issued the others."""


def installed(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of each; the CA's last. A folder with a dot is the role's own."""
    for path in sorted(folder.glob("*/certificate.pem")):
        if not path.parent.name.startswith("."):
            yield path.parent.name, path
    if (folder / "ca.pem").exists():
        yield CA, folder / "ca.pem"


def read(folder: Path, now: datetime.datetime) -> list[dict[str, Any]]:
    """Of each certificate, how many days it has left, and of how many; or why that cannot be told."""
    return [{"name": name, "path": str(path), **_read(path, now)} for name, path in installed(folder)]


def _read(path: Path, now: datetime.datetime) -> dict[str, Any]:
    try:
        certificate = _x509.load(path.read_text())
        end = _x509.not_after(certificate)
        life = (end - _x509.not_before(certificate)) / _x509.DAY
    except (OSError, ValueError) as error:
        return {"days": None, "life_days": None, "error": str(error)}
    except AttributeError:
        return {"days": None, "life_days": None, "error": "python3-cryptography is not installed"}
    return {"days": round((end - now) / _x509.DAY, 1), "life_days": round(life, 1), "error": ""}
