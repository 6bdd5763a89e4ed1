"""MySQL's error numbers that something is decided by. Pure.

What they mean to people stands in playbooks/meta/sentences.
"""

from __future__ import annotations

REFUSED_FOR_GOOD = frozenset({1045, 1130, 1142, 1227, 1236, 1593, 1789, 2026, 2061, 3118, 3159, 13114, 13117})
"""Errors of a replica's receiver that no further attempt to connect heals."""

CONNECTION_LOST = frozenset({2003, 2006, 2013})
"""The server went away before it answered."""

NOT_SUPERVISED = 3707
"""CLONE has copied the data, but nothing starts the server again."""

CLONE_DONOR = 3862
"""The donor has refused; its own error is in the text."""

TOO_MANY_CLONES = 3634
"""A donor's own error: it copies itself to one server at a time, and is at it."""

LOCK_TIMEOUT = 1205
