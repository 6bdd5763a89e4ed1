"""What can be done with entries, the same for pages and for the API."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from guestbook.models import KEY_LENGTH, MESSAGE_LENGTH, NAME_LENGTH, Entry

KEY = re.compile(rf"[A-Za-z0-9_.:-]{{1,{KEY_LENGTH}}}")


class InvalidError(ValueError):
    """What was sent cannot be an entry; the message says why."""


class KeyReusedError(ValueError):
    """The idempotency key belongs to another entry."""


def _clean(field: str, value: object, limit: int, *, lines: bool = False) -> str:
    if not isinstance(value, str):
        raise InvalidError(f"{field} must be text")
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    if any(unicodedata.category(letter) == "Cs" for letter in text):
        raise InvalidError(f"{field} holds half a character")
    kept = "\t\n" if lines else "\t"
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cc" or letter in kept).strip()
    if not text:
        raise InvalidError(f"{field} is empty")
    if len(text) > limit:
        raise InvalidError(f"{field} is longer than {limit} characters")
    return text


def _clean_key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise InvalidError(f"the idempotency key must be 1 to {KEY_LENGTH} of A-Z a-z 0-9 _ . : -")
    return key


def add(name: object, message: object, key: str | None) -> Callable[[Session], tuple[Entry, bool]]:
    """The work that stores an entry, and whether it stored it now: a repeat with the same key finds the first one."""
    values = {
        "name": _clean("name", name, NAME_LENGTH),
        "message": _clean("message", message, MESSAGE_LENGTH, lines=True),
        # Without a key of the caller's, one for this work: it may be done twice (Database.write).
        "idempotency_key": uuid4().hex if key is None else _clean_key(key),
    }

    def work(session: Session) -> tuple[Entry, bool]:
        entry = Entry(**values, created=datetime.now(UTC).replace(tzinfo=None))
        session.add(entry)
        try:
            session.commit()
        except IntegrityError:
            session.rollback()
            found = session.scalar(select(Entry).where(Entry.idempotency_key == values["idempotency_key"]))
            if found is None:
                raise
            if (found.name, found.message) != (values["name"], values["message"]):
                raise KeyReusedError("this idempotency key was used for another entry") from None
            return found, False
        return entry, True

    return work


def newest(limit: int, before: int | None = None) -> Callable[[Session], list[Entry]]:
    query = select(Entry).order_by(Entry.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Entry.id < before)
    return lambda session: list(session.scalars(query))
