"""The statements that create, change and drop accounts, from the wanted and the existing ones. Pure: no connection.

A password is changed without locking anybody out: with MySQL's dual passwords the previous one stays valid beside the
new one until it is discarded. An account has two at most. A third would end the oldest while clients may still use it,
so that is refused here, in one place.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import OWN_SCHEMAS
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Secret, Statement, quoted

PASSWORD_PLUGIN, SOCKET_PLUGIN = "caching_sha2_password", "auth_socket"
LOCAL = "localhost"
"""The host of accounts that log in through the socket, which needs no TLS."""

EVERYTHING = "*.*"
ALL = "ALL PRIVILEGES"
GRANT_OPTION = "GRANT OPTION"

_NAME = r"(?:\*|`(?:[^`]|``)*`)"
_GRANT = re.compile(
    rf"GRANT (?P<privileges>.+?) ON (?P<kind>FUNCTION |PROCEDURE )?(?P<object>{_NAME}\.{_NAME}) TO .*?"
    rf"(?P<option> WITH GRANT OPTION)?"
)
_ROLES = re.compile(r"GRANT (?P<roles>`(?:[^`]|``)*`@`(?:[^`]|``)*`(?:,\s*`(?:[^`]|``)*`@`(?:[^`]|``)*`)*) TO .*")
_PRIVILEGE = re.compile(r"([A-Z_][A-Z_ ]*?)\s*(?:\((.*)\))?", re.IGNORECASE | re.DOTALL)
_OBJECT = re.compile(
    r"(?:(FUNCTION|PROCEDURE)\s+)?(\*|`(?:[^`]|``)+`|[^`.]+)\.(\*|`(?:[^`]|``)+`|[^`.]+)", re.IGNORECASE
)

_ANY_LETTER = re.compile(r"(?<!\\)_")
"""The wildcard in the name of a database of a grant, unless it is escaped. % is left to whoever writes it."""

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT_LENGTH = 20


class AccountError(Exception):
    """An account that is not valid or must not be changed; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """A wanted account."""

    name: str
    host: str
    password: str = field(repr=False, default="")
    system_user: str = ""
    """The user of the operating system that logs in through the socket, instead of a password."""
    privileges: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By object, both as MySQL writes them."""
    require_tls: bool = True
    max_connections: int = 0

    @property
    def needs_tls(self) -> bool:
        return self.require_tls and self.host != LOCAL


@dataclass(frozen=True)
class Existing:
    """An account of the server."""

    plugin: str = PASSWORD_PLUGIN
    authentication: str = field(repr=False, default="")
    old_authentication: str = field(repr=False, default="")
    """Hash of the previous password, where that is still valid."""
    tls: str = "ANY"
    """mysql.user's ssl_type: ANY for REQUIRE SSL, empty for nothing."""
    max_connections: int = 0
    privileges: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    locked: bool = False


Key = tuple[str, str]


def plan(
    wanted: Iterable[Account],
    existing: Mapping[Key, Existing],
    *,
    drop: Iterable[Key] = (),
    definers: Collection[Key] = (),
    discard: bool = False,
    replace_old: bool = False,
    every_privilege: frozenset[str] = frozenset(),
) -> list[Statement]:
    """The statements that make the existing accounts the wanted ones. AccountError if one would lock a client out.

    `drop` are accounts that nobody is to use any more. Those of `definers` are locked instead: views, triggers and
    routines that they have made are executed with their privileges, and would fail without them.
    """
    steps: list[Statement] = []
    for account in wanted:
        key = account.name, account.host
        there = existing.get(key)
        if there is None:
            steps.append(_create(account))
            there = Existing(tls="ANY" if account.needs_tls else "", max_connections=account.max_connections)
        else:
            steps += _authenticate(account, there, discard=discard, replace_old=discard or replace_old)
            steps += _limit(account, there)
        steps += _entitle(account, there, every_privilege)
    for key in drop:
        if key not in definers:
            steps.append(Statement("DROP USER %s@%s", key))
        elif not (key in existing and existing[key].locked):
            steps.append(Statement("ALTER USER %s@%s ACCOUNT LOCK", key))
    return steps


def _create(account: Account) -> Statement:
    how, values = _identification(account)
    return Statement(
        f"CREATE USER %s@%s {how} REQUIRE {'SSL' if account.needs_tls else 'NONE'}"
        f" WITH MAX_USER_CONNECTIONS {account.max_connections}",
        (account.name, account.host, *values),
    )


def _identification(account: Account) -> tuple[str, tuple[str, ...]]:
    if account.system_user:
        return f"IDENTIFIED WITH {SOCKET_PLUGIN} AS %s", (account.system_user,)
    return f"IDENTIFIED WITH {PASSWORD_PLUGIN} BY %s", (Secret(account.password),)


def _authenticate(account: Account, there: Existing, *, discard: bool, replace_old: bool) -> list[Statement]:
    key = account.name, account.host
    how, values = _identification(account)
    change = Statement(f"ALTER USER %s@%s {how}", (*key, *values))
    if account.system_user:
        same = there.plugin == SOCKET_PLUGIN and there.authentication == account.system_user
        return [] if same else [change]
    if there.plugin != PASSWORD_PLUGIN:
        # MySQL cannot keep the previous password of another plugin.
        return [change]
    if there.locked and not verifies(account.password, there.authentication):
        # Nobody logs in with the one that it had.
        return [change]
    if verifies(account.password, there.authentication):
        return [Statement("ALTER USER %s@%s DISCARD OLD PASSWORD", key)] if there.old_authentication and discard else []
    if there.old_authentication and not replace_old and not verifies(account.password, there.old_authentication):
        raise AccountError(
            f"{account.name}@{account.host}: the password cannot be changed while the previous one is still valid."
            " MySQL keeps at most two, and clients that do not have the current password yet would be locked out."
            " Nothing was changed. Once every client has the current password, run with"
            " mysql_replication_discard_old_passwords=true (the module's options discard_old_passwords and"
            " replace_old_passwords), which discards the previous one"
        )
    return [Statement(f"{change.sql} RETAIN CURRENT PASSWORD", change.values)]


def _limit(account: Account, there: Existing) -> list[Statement]:
    key, steps = (account.name, account.host), []
    if there.tls != ("ANY" if account.needs_tls else ""):
        steps.append(Statement(f"ALTER USER %s@%s REQUIRE {'SSL' if account.needs_tls else 'NONE'}", key))
    if there.max_connections != account.max_connections:
        steps.append(Statement(f"ALTER USER %s@%s WITH MAX_USER_CONNECTIONS {account.max_connections}", key))
    if there.locked:
        steps.append(Statement("ALTER USER %s@%s ACCOUNT UNLOCK", key))
    return steps


def _entitle(account: Account, there: Existing, every_privilege: frozenset[str]) -> list[Statement]:
    """Grants before revocations, so that the account never lacks a privilege that it keeps."""
    key = (account.name, account.host)
    grants: list[Statement] = []
    revocations: list[Statement] = []
    for target in [*account.privileges, *(other for other in there.privileges if other not in account.privileges)]:
        wanted = account.privileges.get(target, frozenset())
        if target == EVERYTHING and ALL in wanted:
            # SHOW GRANTS lists them one by one, without those that are not of the server as a whole.
            wanted = wanted - {ALL} | every_privilege
        has = there.privileges.get(target, frozenset())
        for statements, verb, names, preposition in (
            (grants, "GRANT", wanted - has, "TO"),
            (revocations, "REVOKE", has - wanted, "FROM"),
        ):
            if names:
                place = target.replace("%", "%%")
                statements.append(Statement(f"{verb} {', '.join(sorted(names))} ON {place} {preposition} %s@%s", key))
    revocations += [Statement(f"REVOKE {role.replace('%', '%%')} FROM %s@%s", key) for role in there.roles]
    return grants + revocations


def compared_host(host: str) -> str:
    """The host of an account as the server compares it with a client's address, which is character by character.

    A client that comes in over IPv4 has an IPv4 address, also where the server listens on IPv6.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return host
    return str(getattr(address, "ipv4_mapped", None) or address)


def entitlements(wanted: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Privileges in MySQL's notation, from a user's."""
    found: dict[str, frozenset[str]] = {}
    for target, names in wanted.items():
        place = _canonical_object(str(target))
        found[place] = found.get(place, frozenset()) | frozenset(
            name for text in names for name in _canonical_privileges(str(text)) if name != "USAGE"
        )
    return found


def granted(lines: Iterable[str]) -> tuple[dict[str, frozenset[str]], tuple[str, ...]]:
    """Privileges by object, and roles, from what SHOW GRANTS answers."""
    found: dict[str, frozenset[str]] = {}
    roles: list[str] = []
    for line in lines:
        if match := _ROLES.fullmatch(line):
            roles += [role.strip() for role in match["roles"].split(",")]
        elif match := _GRANT.fullmatch(line):
            names = set(_canonical_privileges(match["privileges"])) - {"USAGE"}
            if match["option"]:
                names.add(GRANT_OPTION)
            place = f"{match['kind'] or ''}{match['object']}"
            if names:
                found[place] = found.get(place, frozenset()) | names
    return found, tuple(roles)


def _canonical_object(text: str) -> str:
    match = _OBJECT.fullmatch(text.strip())
    if match is None:
        raise AccountError(f"{text!r} is not a valid privilege target; use db.table, db.* or *.*")
    kind, *parts = match.groups()
    database, name = (part if part == "*" or part.startswith("`") else f"`{part}`" for part in parts)
    if name == "*" and database.strip("`") not in OWN_SCHEMAS:
        # There _ stands for any letter: my_shop would be myXshop, too.
        database = _ANY_LETTER.sub(r"\\_", database)
    return (f"{kind.upper()} " if kind else "") + f"{database}.{name}"


def _canonical_privileges(text: str) -> list[str]:
    """One for each column, so that those of one column can be told from those of another."""
    found = []
    for part in re.findall(r"[^,(]+(?:\([^)]*\))?", text):
        match = _PRIVILEGE.fullmatch(part.strip())
        if match is None:
            raise AccountError(f"{part.strip()!r} is not a valid privilege; write, say, SELECT or SELECT (name, mail)")
        name = " ".join(match[1].upper().split())
        name = {"ALL": ALL, "GRANT": GRANT_OPTION}.get(name, name)
        if match[2] is None:
            found.append(name)
        else:
            columns = [column.strip().strip("`") for column in match[2].split(",")]
            found += [f"{name} ({quoted(column)})" for column in columns]
    return found


def verifies(password: str, stored: str) -> bool:
    """Whether a password is the one that caching_sha2_password has stored: $A$, rounds, $, salt and digest."""
    match = re.fullmatch(rf"\$A\$([0-9A-F]{{3}})\$(.{{{_SALT_LENGTH}}})(.{{43}})", stored, re.DOTALL)
    if match is None:
        return False
    computed = _sha256_crypt(password.encode(), match[2].encode(), int(match[1], 16) * 1000)
    return hmac.compare_digest(computed, match[3])


def _sha256_crypt(password: bytes, salt: bytes, rounds: int) -> str:
    """SHA-crypt, with MySQL's salt of 20 bytes, which crypt(3) would cut to 16."""

    def digest(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def stretched(block: bytes, length: int) -> bytes:
        return (block * (length // len(block) + 1))[:length]

    second = digest(password + salt + password)
    mixed = password + salt + stretched(second, len(password))
    bits = len(password)
    while bits:
        mixed += second if bits & 1 else password
        bits >>= 1
    result = digest(mixed)
    passwords = stretched(digest(password * len(password)), len(password))
    salts = stretched(digest(salt * (16 + result[0])), len(salt))
    for number in range(rounds):
        odd = number & 1
        result = digest(
            (passwords if odd else result)
            + (salts if number % 3 else b"")
            + (passwords if number % 7 else b"")
            + (result if odd else passwords)
        )
    groups: list[tuple[int, int]] = []
    place = 0
    while not groups or place:
        groups.append((result[place] << 16 | result[(place + 10) % 30] << 8 | result[(place + 20) % 30], 4))
        place = (place + 21) % 30
    groups.append((result[31] << 8 | result[30], 3))
    return "".join(_ALPHABET[value >> 6 * position & 0x3F] for value, count in groups for position in range(count))
