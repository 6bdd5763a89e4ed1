"""Accounts in URLs and in pip's arguments: kept out of files that others read, of command lines and of messages."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

# https://token@host, git+https://user:password@host. Not ssh://git@host, whose user is no secret.
_ACCOUNT = re.compile(r"((?:[a-z]+\+)?https?://)([^/\s?#]+)@(?=([^/\s:?#]*))", re.IGNORECASE)
_QUERY = re.compile(r"(https?://[^\s?#'\"]+)\?[^\s'\"]+", re.IGNORECASE)


class CredentialsError(Exception):
    """They cannot be given to a program as they are."""


@dataclass(frozen=True)
class PipArguments:
    """The arguments that may be seen, and what pip gets in other ways."""

    arguments: Sequence[str]
    netrc: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def has_account(text: str) -> bool:
    """Whether a URL in the text names an account."""
    return _ACCOUNT.search(text) is not None


def without_accounts(text: str) -> str:
    """The text with URLs that name no account."""
    return _ACCOUNT.sub(r"\1", text)


def redacted(text: str) -> str:
    """The text for people: of an account in a URL, and of a query, which may be a signature, only that it is there."""
    return _QUERY.sub(r"\1?***", _ACCOUNT.sub(r"\1***@", text))


def secrets_of(texts: Sequence[str]) -> set[str]:
    """What of these URLs must not be shown: passwords, and users without one, which are tokens."""
    found = set()
    for text in texts:
        for match in _ACCOUNT.finditer(text):
            user, colon, password = match[2].partition(":")
            secret = password if colon and password else user
            found |= {match[2], secret, unquote(secret)}
    return found


def digest_of(arguments: Sequence[str]) -> str:
    """The same for the same arguments, whatever account they name: a new token is not another release."""
    return hashlib.sha256(json.dumps([without_accounts(argument) for argument in arguments]).encode()).hexdigest()


def for_pip(arguments: Sequence[str]) -> PipArguments:
    """pip's arguments without accounts, which it finds in a netrc file instead.

    Everybody on a host sees a command line, and pip repeats the URL of an index on those of its own subprocesses.
    """
    seen: list[str] = []
    accounts: dict[str, tuple[str, str]] = {}
    environment: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name == "--proxy":
            environment["PIP_PROXY"] = value if equals else next(rest, "")
            continue
        for match in _ACCOUNT.finditer(argument):
            user, _colon, password = match[2].partition(":")
            host, account = match[3], (unquote(user), unquote(password))
            if accounts.setdefault(host, account) != account:
                raise CredentialsError(
                    f"pip's arguments name two accounts for {host}; give one that may read everything there"
                )
        seen.append(without_accounts(argument))
    netrc = "".join(
        f"machine {host} login {_word(user)} password {_word(password)}\n"
        for host, (user, password) in accounts.items()
    )
    return PipArguments(seen, netrc, environment)


def for_git(repository: str, present: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The repository without an account, and the environment in which git still has it.

    `present` is the environment that git gets anyway.
    """
    match = _ACCOUNT.match(repository)
    if not match:
        return repository, {}
    user, _colon, password = match[2].partition(":")
    clean = without_accounts(repository)
    parts = urlsplit(clean)
    token = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    count = int(present.get("GIT_CONFIG_COUNT") or 0)
    return clean, {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
        f"GIT_CONFIG_VALUE_{count}": f"Authorization: Basic {token}",
    }


def _word(text: str) -> str:
    """A word of a netrc file."""
    if text and re.fullmatch(r"[A-Za-z0-9_.~+/=%:@!*-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
