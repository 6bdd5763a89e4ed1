"""Load the nftables table inet webstack, and roll new rules back unless they are confirmed.

webstack-firewall start         load the confirmed rules (webstack-firewall.service does this at boot)
webstack-firewall stop          remove the table
webstack-firewall check         print whether the wanted rules are in force: current or outdated
webstack-firewall try SECONDS   unless they are in force, load the wanted rules; roll back after SECONDS
webstack-firewall keep          confirm the rules that are tried; exit status 3: they were rolled back before
webstack-firewall rollback      go back to the rules before the trial (a timer of systemd does this)
webstack-firewall controller    print the address from which this process is controlled by SSH, or nothing
"""

from __future__ import annotations

import sys

from ansible_collections.foobar.webstack.plugins.module_utils import _trial
from ansible_collections.foobar.webstack.plugins.module_utils._ssh import session
from webstack_firewall import nftables


def main() -> int:
    """Run the command line."""
    if sys.argv[1:] == ["controller"]:
        found = session.current()
        if found:
            print(found.controller)
        return 0
    return _trial.main(nftables.TRIAL, sys.argv, __doc__, {"start": nftables.start, "stop": nftables.stop})
