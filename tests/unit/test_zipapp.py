"""Programs for hosts: what is packed, that it runs alone, and what is refused."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.zipapp import SHARED, ZipappError, build


@pytest.fixture
def make(tmp_path):
    """Writes a collection with the given shared modules, and the program `tool` with the given `cli`."""

    def write(cli, **shared):
        for name, text in shared.items():
            path = tmp_path / "plugins/module_utils" / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        package = tmp_path / "tool"
        package.mkdir()
        (package / "cli.py").write_text(cli)
        return package

    return write


def run(program: bytes, folder: Path) -> str:
    """What the program prints on a host that has nothing but Python's standard library."""
    file = folder / "program"
    file.write_bytes(program)
    return subprocess.run(
        [sys.executable, "-I", "-S", file], cwd="/", check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_program_runs_alone_with_the_shared_code_under_its_own_name(make, tmp_path):
    package = make(
        f"from {SHARED}._x.one import ONE\ndef main():\n    print(ONE)\n    return 0\n",
        _x__one=f"from {SHARED}._x import two\nONE = 1 + two.TWO\n",
        _x__two="TWO = 2\n",
        _x__three="THREE = 3\n",
    )
    program = build(package, tmp_path)
    assert run(program, tmp_path) == "3"
    names = zipfile.ZipFile(tmp_path / "program").namelist()
    assert not [name for name in names if name.endswith("three.py")], "only what is imported is packed"


def test_the_same_files_give_the_same_bytes(make, tmp_path):
    package = make("def main():\n    return 0\n")
    once = build(package, tmp_path)
    (package / "cli.py").touch()
    assert build(package, tmp_path) == once


@pytest.mark.parametrize(
    ("cli", "message"),
    [
        ("from . import other\n", "imports relatively"),
        ("import ansible.module_utils.basic\n", "which no host has"),
        (f"from {SHARED}.gone import x\n", "there is no such module"),
    ],
)
def test_what_a_host_cannot_import_is_refused(make, tmp_path, cli, message):
    with pytest.raises(ZipappError, match=message):
        build(make(cli), tmp_path)


def test_a_folder_without_a_program_is_refused(tmp_path):
    with pytest.raises(ZipappError, match=r"no cli\.py"):
        build(tmp_path)
