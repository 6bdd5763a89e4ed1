"""What has to be in place before a test module is imported."""

from pathlib import Path

from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]

# Ansible's import machinery. Without it Python would import `ansible_collections.foobar.webstack` as plain folders, and
# Ansible would then find no plugin of the collection by its name in the same process.
if AnsibleCollectionConfig.collection_finder is None:
    init_plugin_loader([str(ROOT / ".collections")])

# No deadline, because a busy machine is no failure; no database, so that a run does not depend on earlier ones.
settings.register_profile("webstack", deadline=None, max_examples=50, database=None)
settings.load_profile("webstack")
