"""The tiny application of the scenario appserver: its versions, and what a run that releases one has said."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "molecule/appserver"
HELLO = (SCENARIO / "files/hello/hello.py").read_text()
CA = "/etc/webstack/tls/ca.pem"

Deploy = Callable[..., "Run"]


@dataclass
class Run:
    """What a run of the playbook said."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        return int(re.search(r"changed=(\d+)", self.output)[1])

    def succeeded(self) -> "Run":
        assert self.status == 0, self.output
        return self

    def failed(self, *reasons: str) -> "Run":
        """It failed and named the reasons; the output is wrapped, so blanks do not count."""
        assert self.status != 0, self.output
        said = re.sub(r"\s+", " ", self.output)
        for reason in reasons:
            assert reason in said, self.output
        return self


def ansible(program: str, *arguments: str | Path) -> Run:
    """Ansible with the scenario's inventory."""
    done = subprocess.run(
        [Path(sys.executable).with_name(program), f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}", *arguments],
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=SCENARIO,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout)


def release(folder: Path, *options: str, **variables: Any) -> Run:
    """The role for the tiny application once more, from `files` that are made in the folder."""
    if "files" in variables:
        subprocess.run(["rm", "-rf", folder], check=True)
        for name, content in variables.pop("files").items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        variables["source"] = {"type": "directory", "path": str(folder)}
    given = json.dumps({f"release_{name}": value for name, value in variables.items()})
    return ansible("ansible-playbook", f"--extra-vars={given}", *options, SCENARIO / "release.yml")


def version(name: str, **changes: str) -> dict[str, str]:
    """The files of a version of the application, with lines changed."""
    text = HELLO.replace('VERSION = "one"', f'VERSION = "{name}"')
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return {"hello.py": text}
