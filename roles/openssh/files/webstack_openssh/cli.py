"""Give sshd a new configuration, and roll it back unless it is confirmed.

webstack-openssh facts         print what is installed, and how this process is connected, as JSON
webstack-openssh check         print whether the wanted configuration is in force: current or outdated
webstack-openssh try SECONDS   unless it is in force, apply the wanted configuration; roll back after SECONDS
webstack-openssh keep          confirm the configuration that is tried; exit status 3: it was rolled back before
webstack-openssh rollback      go back to the configuration before the trial (a timer of systemd does this)
"""

from __future__ import annotations

import json
import sys

from ansible_collections.foobar.webstack.plugins.module_utils import _trial
from ansible_collections.foobar.webstack.plugins.module_utils._ssh import server, session
from webstack_openssh import sshd


def facts() -> None:
    """Print what the module foobar.webstack.openssh_info finds."""
    print(json.dumps({**server.software(), "login": session.login(session.current())}))


def main() -> int:
    """Run the command line."""
    return _trial.main(sshd.TRIAL, sys.argv, __doc__, {"facts": facts})
