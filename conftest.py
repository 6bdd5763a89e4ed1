"""What every test may need: the collection found by its name, what an inventory says, and the site as a visitor."""

from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig
from visitors import Inventory, Site

# Before a test module is imported: without Ansible's finder, Python imports `ansible_collections.foobar.webstack` as
# plain folders, and Ansible then finds no plugin of the collection by its name in the same process.
if AnsibleCollectionConfig.collection_finder is None:
    init_plugin_loader([str(Path(__file__).parent / ".collections")])


@pytest.fixture(scope="session")
def inventory(request: pytest.FixtureRequest) -> Inventory:
    """The inventory that --ansible-inventory names."""
    path = request.config.getoption("--ansible-inventory")
    if not path:
        pytest.fail("these tests look at hosts: give the inventory, --ansible-inventory=inventories/lab")
    return Inventory.read(path)


@pytest.fixture(scope="session")
def site(inventory: Inventory) -> Site:
    """The site at the first load balancer's address."""
    return Site.of(inventory)
