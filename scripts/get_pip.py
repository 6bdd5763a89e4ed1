"""Stands in for the get-pip.py that ansible-test would download: installs pip into an environment that has none.

Arguments: the packages to install, and options of get-pip.py.
"""

import os
import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
# get-pip.py's own options, which pip does not know.
arguments = [one for one in sys.argv[1:] if one not in ("--no-setuptools", "--no-wheel")]
os.execv(sys.executable, [sys.executable, "-m", "pip", "install", *arguments])  # noqa: S606
