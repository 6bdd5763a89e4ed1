"""Starts a server that has left the group for good, and saves what only it has."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import recovery as pair


@dataclass
class Recovery(pair.Recovery):
    """A server that was a member. It comes up read-only and outside of the group, as in the pair it does alone."""
