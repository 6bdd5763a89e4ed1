"""Why something is refused, or noted: a code with data. Pure.

Whoever decides returns reasons. What people read stands in playbooks/meta/sentences, by code. It is put together on
the controller, which knows how the playbooks are called there (plugin_utils/sentences.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


@dataclass(frozen=True)
class Reason:
    code: Enum
    """Its value is `section.name` of the catalogue."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What is particular to this case: words, numbers, other reasons, and lists of them."""

    def as_data(self) -> dict[str, Any]:
        """The reason as plain data, as modules and filters return it."""
        return {"code": str(self.code.value), "data": {name: _plain(value) for name, value in self.data.items()}}

    def __str__(self) -> str:
        """For a program that has no catalogue."""
        words = ", ".join(f"{name}: {_word(value)}" for name, value in self.data.items())
        return f"{self.code.value} ({words})" if words else str(self.code.value)


def reason(code: Enum, **data: Any) -> Reason:
    """A reason with its data by name."""
    return Reason(code, data)


class ReasonError(Exception):
    """Something is refused, or has failed, for these reasons."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__("; ".join(map(str, reasons)))
        self.reasons = reasons

    def as_result(self) -> dict[str, Any]:
        """What a module returns. Its action plugin replaces `msg` by the sentences of the catalogue."""
        return {"msg": f"{self}.", "reasons": [each.as_data() for each in self.reasons]}


class Answer(str, Enum):
    """What a server answered."""

    ERROR = "mysql.error"
    """`number` is MySQL's, 0 for an error of the way to it."""


def mysql_error(number: int, error: str) -> Reason:
    """An error of MySQL's, whose number the catalogue explains."""
    return reason(Answer.ERROR, number=number, error=error)


def _plain(value: Any) -> Any:
    if isinstance(value, Reason):
        return value.as_data()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _word(value: Any) -> str:
    return ", ".join(map(_word, value)) if isinstance(value, (list, tuple)) else str(value)
