"""Host checks run on the hosts that they are for, whatever --hosts says."""

import pytest
from testinfra.backend import get_backends


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out a check on a host that its module's ``testinfra_hosts`` does not name.

    ``--hosts=ansible://all`` takes the place of ``testinfra_hosts``, so that every check would run on every host.
    """
    meant: dict[str, set[str]] = {}
    kept, left_out = [], []
    for item in items:
        patterns = getattr(item.module, "testinfra_hosts", None)
        host = item.callspec.params.get("_testinfra_host") if hasattr(item, "callspec") else None
        if patterns and host:
            if item.module.__name__ not in meant:
                backends = get_backends(patterns, ansible_inventory=config.getoption("--ansible-inventory"))
                meant[item.module.__name__] = {backend.get_pytest_id() for backend in backends}
            if host.backend.get_pytest_id() not in meant[item.module.__name__]:
                left_out.append(item)
                continue
        kept.append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
