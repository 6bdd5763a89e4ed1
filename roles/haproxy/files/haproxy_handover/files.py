"""Reading and replacing files, whatever bytes they hold."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def read(path: Path) -> str:
    """The content of a file."""
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def write(path: Path, content: str) -> None:
    """Replace a file at once: a reader finds all of the old or all of the new, and a link is not followed."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
