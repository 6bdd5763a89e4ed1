"""Python programs for hosts: a package of a role and what it imports of this collection, as one executable zip file.

A host has no collections. A zip application (PEP 441) holds everything under the very names by which it is imported
here, is replaced in one step, and cannot meet another program's version of the shared code.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

SHARED = "ansible_collections.foobar.webstack.plugins.module_utils"
"""What a program may import of this collection."""
COLLECTION = Path(__file__).resolve().parents[2]

_SHEBANG = b"#!/usr/bin/python3\n"
# The earliest that a zip file can say. A real time would change the file without a change of what it does.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ZipappError(ValueError):
    """A program that cannot be built. The message names the file and what is wrong with it."""


def build(package: Path, collection: Path = COLLECTION) -> bytes:
    """The program of the folder `package`, whose module `cli` has the function `main() -> int`.

    The same files give the same bytes. Raises ZipappError when there is no such package, and when it imports of this
    collection what is not there or what a host cannot have.
    """
    if not (package / "cli.py").is_file():
        raise ZipappError(f"{package}: there is no cli.py, whose main() is the program")
    files = {
        PurePosixPath(package.name, *path.relative_to(package).parts): path for path in sorted(package.rglob("*.py"))
    }
    waiting = list(files.values())
    while waiting:
        for name in _imported(waiting.pop()):
            for place, path in _places(name, collection):
                if place not in files:
                    files[place] = path
                    waiting.append(path)
    start = f"import sys\n\nfrom {package.name}.cli import main\n\nsys.exit(main())\n"
    contents = {place: path.read_bytes() for place, path in files.items()}
    contents[PurePosixPath("__main__.py")] = start.encode()
    # A folder of a zip file is a package only when it holds this.
    for place in list(contents):
        for folder in list(place.parents)[:-1]:
            contents.setdefault(folder / "__init__.py", b"")
    packed = io.BytesIO(_SHEBANG)
    packed.seek(0, io.SEEK_END)
    # Not compressed, because zlib's versions differ in what they make of the same input.
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_STORED) as archive:
        for place, content in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(str(place), _EPOCH), content)
    return packed.getvalue()


def _imported(path: Path) -> Iterator[str]:
    """The names below SHARED that the file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ZipappError(f"{path}: line {node.lineno} imports relatively; write the whole name")
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.startswith(f"{SHARED}."):
                yield name
            elif name.split(".")[0] in ("ansible", "ansible_collections") and name != SHARED:
                raise ZipappError(f"{path}: line {node.lineno} imports {name}, which no host has")


def _places(name: str, collection: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """The module `name` and the packages above it, as places in the zip file and files here.

    The last part of a name may be something inside of a module; then it is no file.
    """
    parts = name.removeprefix(f"{SHARED}.").split(".")
    root = collection / "plugins/module_utils"
    top = PurePosixPath(*SHARED.split("."))
    # A folder without __init__.py is a package, too.
    found = root.joinpath(*parts).is_dir()
    for depth in range(1, len(parts) + 1):
        for relative in (
            PurePosixPath(*parts[:depth]).with_suffix(".py"),
            PurePosixPath(*parts[:depth], "__init__.py"),
        ):
            if (root / relative).is_file():
                found = True
                yield top / relative, root / relative
    if not found:
        raise ZipappError(f"{name}: there is no such module in {root}")
