"""Lines for the journal, each only when it differs from the one before."""

from __future__ import annotations


class Journal:
    """One subject."""

    def __init__(self, known: str = "") -> None:
        self._known = known

    def note(self, line: str) -> None:
        """Print the line, unless it is empty or the last one said the same."""
        if line and line != self._known:
            print(line, flush=True)
        self._known = line
