"""An example application of docs/examples as a release: a tarball with its wheels, for hosts without a way to PyPI.

As a program it packs one and writes the variables that release it: python tests/support/packing.py django
"""

import hashlib
import io
import platform
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples"
BUILD = ROOT / "build/applications"
NAME = "example_app"
"""One name for all of them, so that each takes the place of the one before, and what it leaves behind is seen."""
PYTHON = "3.13"
"""That of the lab's hosts, Debian 13."""


def wheels(requirements: Path) -> list[Path]:
    """All that a requirements file needs, downloaded once for each of its states."""
    folder = BUILD / "wheels" / hashlib.sha256(requirements.read_bytes() + PYTHON.encode()).hexdigest()[:12]
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        machine = platform.machine()
        platforms = [f"manylinux{version}_{machine}" for version in ("2014", "_2_17", "_2_28", "_2_34")]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--requirement", requirements, "--dest", partial]
        command += ["--only-binary=:all:", "--python-version", PYTHON, *(f"--platform={one}" for one in platforms)]
        subprocess.run(command, check=True)
        partial.rename(folder)
    return sorted(folder.glob("*.whl"))


def pack(name: str, version: str, changes: Mapping[str, str] | None = None) -> Path:
    """A file of variables for -e that release an application, with other content of some of its files."""
    source = EXAMPLES / name
    listing = subprocess.check_output(["git", "-C", source, "ls-files", "-z"], text=True).split("\0")
    files = {path: (source / path).read_bytes() for path in listing if path and not path.startswith("inventory/")}
    files |= {path: text.encode() for path, text in (changes or {}).items()}
    if (source / "requirements.txt").exists():
        files |= {f"vendor/{wheel.name}": wheel.read_bytes() for wheel in wheels(source / "requirements.txt")}
    tarball = BUILD / f"{name}-{version}.tar.gz"
    tarball.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(tarball, "w:gz") as tar:
        for path, content in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mtime = len(content), int(time.time())
            tar.addfile(info, io.BytesIO(content))
    variables = BUILD / f"{name}-{version}.yml"
    released = {"webstack_app_name": NAME, "appserver_source": {"type": "archive", "path": str(tarball)}}
    variables.write_text(yaml.safe_dump(released))
    return variables


if __name__ == "__main__":
    print(pack(sys.argv[1], "1.0"))
