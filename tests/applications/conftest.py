"""The example applications of docs/examples, released on a lab: make lane-applications."""

from collections.abc import Callable
from pathlib import Path

import packing
import pytest
import testinfra
from plays import Run, run_playbook
from stream import Stream


@pytest.fixture(scope="module")
def example(request) -> str:
    """The example that the module is about: test_django.py, django."""
    return Path(request.path).stem.removeprefix("test_")


@pytest.fixture(scope="session")
def on_host(inventory) -> testinfra.host.Host:
    """The lab's only host."""
    return testinfra.get_host(f"ansible://{inventory.groups['appservers'][0]}", ansible_inventory=inventory.path)


@pytest.fixture
def play(inventory, example) -> Callable[..., Run]:
    """Run a playbook with the example's variables, and those of a release: by default the one that make has packed."""

    def run(playbook: str, *options: str, variables: Path = packing.BUILD / f"{example}-1.0.yml") -> Run:
        added = ("-i", f"docs/examples/{example}/inventory", "-e", f"@{variables}", *options)
        return run_playbook(playbook, inventory.path, *added)

    return run


@pytest.fixture
def release(play, example) -> Callable[..., Run]:
    """Release another version, given how files differ: ``release("2.0", {"shop/views.py": lambda text: ...})``."""

    def run(version: str, changes: dict[str, Callable[[str], str]]) -> Run:
        folder = packing.EXAMPLES / example
        changed = {path: change((folder / path).read_text()) for path, change in changes.items()}
        return play("site.yml", "--tags", "application", variables=packing.pack(example, version, changed))

    return run


@pytest.fixture
def serving(on_host) -> Callable[[], str]:
    """The id of the release that serves."""
    return lambda: on_host.check_output(f"basename $(readlink /srv/www/{packing.NAME}/current)")


@pytest.fixture
def refused(site, release, serving) -> Callable[..., str]:
    """Try a release that must not go live, and give what was said; the one before it has served all the time.

    Red when a release goes live without having answered, and when the trial disturbs what serves.
    """

    def run(changes: dict[str, Callable[[str], str]]) -> str:
        before = serving()
        with Stream(site.get) as requests:
            done = release("broken", changes)
            requests.more()
        assert not done.succeeded
        assert requests.failed == []
        assert serving() == before
        return done.said

    return run
