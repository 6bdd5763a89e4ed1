"""Plain data of role variables as frozen dataclasses.

A role's variables arrive as dicts in which options may be missing, empty (`null`), or strings where numbers and
booleans are meant. `read` makes a record of such a dict, by the annotations and defaults of the record's class.
The defaults are those of the role's argument specification, which Ansible checks but does not fill in; a test keeps
both equal. `as_data` is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")

# What Ansible's argument specifications take for true.
_TRUE = frozenset({"true", "yes", "on", "y", "t", "1", "1.0"})


class RecordError(ValueError):
    """Data that is no such record. The message names the option and what it should be."""


def read(kind: type[Record], data: Mapping[str, Any], where: str = "") -> Record:
    """The record of class `kind` in `data`, whose keys are options; others are not looked at.

    Raises RecordError for a required option that is missing and for a value that cannot be converted; `where` is the
    path to the data, for the message.
    """
    if not isinstance(data, Mapping):
        raise RecordError(f"{where or kind.__name__}: expected a dict, got {data!r}")
    hints = _hints(cast(Any, kind))
    given: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # every record is a dataclass
        value = data.get(field.name)
        path = f"{where}.{field.name}" if where else field.name
        if value is not None:
            given[field.name] = _convert(hints[field.name], value, path)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise RecordError(f"{path} is required")
    return kind(**given)


def as_data(record: Any) -> dict[str, Any]:
    """A record as plain data: dicts for records, lists for tuples."""
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return as_data(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _convert(kind: Any, value: Any, path: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _convert(get_args(kind)[0], value, path)
    if origin is tuple:
        if isinstance(value, (str, Mapping)):
            raise RecordError(f"{path}: expected a list, got {value!r}")
        return tuple(_convert(get_args(kind)[0], item, f"{path}[{number}]") for number, item in enumerate(value))
    if origin is dict:
        return {str(key): str(item) for key, item in value.items()}
    if is_dataclass(kind):
        return read(cast(type[Any], kind), value, path)
    if kind is bool:
        return str(value).lower() in _TRUE
    try:
        return kind(value)
    except ValueError as error:
        wanted = f"one of {', '.join(kind)}" if issubclass(kind, Enum) else f"a value of type {kind.__name__}"
        raise RecordError(f"{path}: expected {wanted}, got {value!r}") from error
