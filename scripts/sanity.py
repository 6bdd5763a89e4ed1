#!/usr/bin/env python3
"""Run ansible-test's sanity tests on the built and installed collection: all that can run here, and nothing ignored.

Arguments go to ansible-test: scripts/sanity.py --test pylint. What it installs stays in .cache/ansible-test.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".cache/ansible-test"
PYTHON = "{}.{}".format(*sys.version_info)


def prepare_home() -> None:
    """Make the HOME in which ansible-test keeps what it installs, with pip's settings and a way to install pip."""
    # ansible-test passes its programs no PIP_ variables: they become files. /etc/pip.conf holds anyway.
    for folder in (".config/pip", ".pip", ".ansible/test/cache"):
        (HOME / folder).mkdir(parents=True, exist_ok=True)
    for kept in (Path("~/.pip/pip.conf"), Path("~/.config/pip/pip.conf")):
        if kept.expanduser().is_file():
            shutil.copy(kept.expanduser(), HOME / ".pip/pip.conf")
    settings = {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    }
    lines = [f"{name} = {value}\n" for name, value in settings.items()]
    (HOME / ".config/pip/pip.conf").write_text("".join(["[global]\n", *lines]))
    # ansible-test would download get-pip.py from a host that not everybody can reach. This needs PyPI only.
    version = get_venv_packages(SimpleNamespace(version=PYTHON))["pip"].replace(".", "_")
    shutil.copy(ROOT / "scripts/get_pip.py", HOME / f".ansible/test/cache/get_pip_{version}.py")


def main() -> int:
    prepare_home()
    # Outside of the checkout, because ansible-test leaves out what Git ignores.
    with tempfile.TemporaryDirectory() as tree:
        galaxy = ["ansible-galaxy", "collection"]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": tree}
        build = [*galaxy, "build", "--force", "--output-path", tree]
        subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        install = [*galaxy, "install", "--no-deps", "--offline", "--collections-path", tree]
        archive = next(Path(tree).glob("*.tar.gz"))
        subprocess.run([*install, str(archive)], cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
        sanity = ["ansible-test", "sanity", "--python", PYTHON, *sys.argv[1:]]
        return subprocess.run(
            sanity,
            cwd=Path(tree, "ansible_collections/foobar/webstack"),
            env={**environment, "HOME": str(HOME), "LC_ALL": "C.UTF-8"},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
