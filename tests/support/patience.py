"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 300
"""Seconds after which what was waited for counts as never coming, on a slow machine too."""


def until(condition: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is true, and give it; fail after PATIENCE seconds, saying what was waited for."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for: {what}"
        time.sleep(0.2)
    return answer
