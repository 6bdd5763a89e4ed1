#!/usr/bin/env python3
"""Unit tests, preflight and a dry run with other series of Ansible: lane_ansible.py INVENTORY [SERIES...]

INVENTORY describes a lab that runs and is converged: the dry run has to find nothing to change there. Everything
happens in a container of Debian 13, whose Python is newer than the controller's may be; pip's settings are those of
this machine.
"""

import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGE = "foobar-webstack/parsers:trixie"
SERIES = ("12", "13", "")
"""Of the PyPI package ansible, with its collections: 12 has ansible-core 2.19, 13 has 2.20; "" is the newest."""
TOOLS = {"flask", "hypothesis", "pytest", "pytest-testinfra", "sqlalchemy", "types-PyYAML", "yamllint", "docker"}
"""Of requirements.txt, what the unit tests import or run."""

# In the container: the series, the tools, the inventory.
STEPS = r"""
set -euo pipefail
if ! command -v git >/dev/null; then
    # The network's sources are switched off in the image.
    sed --in-place /^Enabled:/d /etc/apt/sources.list.d/debian.sources
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq --yes --no-install-recommends git >/dev/null
fi
python3 -m venv "/cache/$NAME"
"/cache/$NAME/bin/pip" install --quiet --requirement /cache/tools.txt "$ANSIBLE"
export PATH="/cache/$NAME/bin:$PATH" HOME=/root PYTHONDONTWRITEBYTECODE=1 ANSIBLE_FORCE_COLOR=0
# A copy without .git, which may lead to a place outside of the checkout.
mkdir /copy
tar -C /checkout --exclude=./.git --exclude=./.venv --exclude=./.cache --exclude=./build -c . | tar -C /copy -x
cd /copy
ansible --version | head -n 1
pytest -q tests/unit
ansible-playbook playbooks/preflight.yml -i "$INVENTORY"
ansible-playbook playbooks/site.yml -i "$INVENTORY" --check --diff | tee /tmp/dry-run
# One line a host, after the recap.
if sed '1,/^PLAY RECAP/d' /tmp/dry-run | grep 'changed=[1-9]'; then
    echo "The dry run would change something." >&2
    exit 1
fi
"""


def mounts() -> list[str]:
    """Options that show the container what pip's settings name: certificates, folders of packages."""
    said = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    words = said.replace("'", " ").replace("\\n", " ").split()
    words += [word for name, value in os.environ.items() if name.startswith("PIP_") for word in value.split()]
    named = {urllib.parse.urlparse(word).path if word.startswith("file://") else word for word in words}
    paths = {
        path for path in [*named, "/etc/pip.conf", "/etc/ssl/certs"] if path.startswith("/") and Path(path).exists()
    }
    return [option for path in sorted(paths) for option in ("--volume", f"{path}:{path}:ro")]


def main() -> int:
    inventory, *series = sys.argv[1:]
    cache = ROOT / ".cache/lane-ansible"
    cache.mkdir(parents=True, exist_ok=True)
    pinned = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.partition("==")[0] in TOOLS]
    (cache / "tools.txt").write_text("\n".join(pinned) + "\n")
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    failed = []
    for number in series or SERIES:
        settings |= {
            "ANSIBLE": f"ansible=={number}.*" if number else "ansible",
            "NAME": f"ansible-{number or 'newest'}",
            "INVENTORY": inventory,
        }
        print(f"\n--> {settings['ANSIBLE']}", flush=True)
        command = ["docker", "run", "--rm", "--init", "--network", "host", *mounts()]
        command += ["--volume", f"{ROOT}:/checkout:ro", "--volume", f"{cache}:/cache"]
        # The keys of the lab's hosts.
        command += ["--volume", f"{Path.home()}/.cache/foobar-webstack:/root/.cache/foobar-webstack:ro"]
        command += [option for name, value in settings.items() for option in ("--env", f"{name}={value}")]
        if subprocess.run([*command, IMAGE, "bash", "-c", STEPS], check=False).returncode:
            failed.append(settings["ANSIBLE"])
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
