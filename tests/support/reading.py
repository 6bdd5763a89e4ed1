"""What a user of the checkout reads of a reason."""

from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller, sentence

CHECKOUT = Path(__file__).resolve().parents[2]
CALLER = Caller(playbook_dir=str(CHECKOUT / "playbooks"))


def read(reason: Reason | None) -> str:
    """The sentence of a reason, empty where there is none."""
    return sentence(reason.as_data(), CALLER) if reason else ""
