"""A group of three servers, as one of them sees it."""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import Member, MemberState, View

A, B, C = (f"{n}e11fa47-71ca-11e1-9e33-c80aa9429562" for n in (1, 2, 3))
GROUP = "5bf0ef8f-9d6c-4a3e-8a44-6a1c9f3b6e0d"


def view(own: str = A, a: str = "ONLINE", b: str = "ONLINE", c: str = "ONLINE", primary: str = A) -> View:
    """A group of three as one of them sees it."""
    states = {A: a, B: b, C: c}
    return View(
        own=own,
        members=tuple(
            Member(uuid, f"198.18.0.3{n}", 3306, MemberState(states[uuid]), primary=uuid == primary)
            for n, uuid in enumerate(states, start=1)
        ),
        received=f"{GROUP}:1-10",
        applier=True,
    )


ALONE = View(A)
"""In no group."""
