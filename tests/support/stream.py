"""Requests one after the other while something happens."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from patience import until


class Stream:
    """Requests one after the other, each on a new connection, until the block ends. Bounded: no more than `most`."""

    def __init__(self, ask: Callable[[], Any], most: int = 20_000, pause: float = 0.01) -> None:
        self.answers: list[Any] = []
        self._ask, self._most, self._pause = ask, most, pause
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while len(self.answers) < self._most and not self._end.wait(self._pause):
            self.answers.append(self._ask())

    def __enter__(self) -> Self:
        self._thread.start()
        self.more()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def more(self, count: int = 30) -> list[Any]:
        """Wait for that many further answers, and give them."""
        start = len(self.answers)
        until(lambda: len(self.answers) >= start + count, f"{count} more answers")
        return self.answers[start:]

    @property
    def failed(self) -> list[Any]:
        """Every answer that was neither a page nor an entry made."""
        return [answer for answer in self.answers if answer.status not in {200, 201}]

    @staticmethod
    def who(answers: list[Any], header: str = "X-Web-Server") -> Counter[str]:
        """Which servers answered, and how often."""
        return Counter(answer.headers[header] for answer in answers)
