"""DNS records: which types there are, what each takes, and how they are written in a zone file and for octoDNS.

The types are those that a site of this size needs; another one belongs into a zone of its own. Names are absolute,
in small letters, as A-labels and without the dot at the end; only what is written has that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    TopologyError,
    ascii_name,
    ip,
    is_dns_name,
    number,
    shown,
)

TTLS = range(2**31)
"""RFC 2181, 8."""
APEX = "@"
_STRING_BYTES = 255
"""RFC 1035, 3.3: a character string has at most so many; a TXT record has several of them."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_TAG = re.compile(r"[A-Za-z0-9]{1,15}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, order=True)
class Record:
    """A record. `fields` are those of its type in the order of the zone file; names among them end with a dot."""

    name: str
    type: str
    ttl: int
    fields: tuple[str, ...]

    @property
    def value(self) -> str:
        """As a zone file has it, after the type."""
        quoted = _QUOTED.get(self.type, range(0))
        return " ".join(quote(field) if place in quoted else field for place, field in enumerate(self.fields))

    def data(self) -> dict[str, Any]:
        """As the role dns takes it."""
        return {"name": self.name, "type": self.type, "ttl": self.ttl, "value": self.value}

    @staticmethod
    def of(data: Mapping[str, Any]) -> Record:
        """The record of `data()`."""
        kind = KINDS.get(data["type"])
        words = (
            [unquote(data["value"])]
            if data["type"] == "TXT"
            else data["value"].split(None, len(kind.fields) - 1 if kind else -1)
        )
        if data["type"] == "CAA":
            words[2] = unquote(words[2])
        return Record(data["name"], data["type"], int(data["ttl"]), tuple(words))


def quote(text: str) -> str:
    """A text as character strings: in quotation marks, cut into pieces, what is not ASCII by its bytes (RFC 1035)."""
    data = text.encode()
    pieces = [data[start : start + _STRING_BYTES] for start in range(0, len(data), _STRING_BYTES)] or [b""]
    return " ".join('"' + "".join(map(_escaped, piece)) + '"' for piece in pieces)


def unquote(text: str) -> str:
    """What `quote` has quoted."""
    pieces = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    data = re.sub(
        rb"\\(?:([0-9]{3})|(.))",
        lambda found: bytes([int(found[1])]) if found[1] else found[2],
        "".join(pieces).encode(),
    )
    return data.decode()


def _escaped(byte: int) -> str:
    character = chr(byte)
    if character in '"\\':
        return "\\" + character
    return character if 0x20 <= byte < 0x7F else f"\\{byte:03}"


# --- the types --------------------------------------------------------------------------------------------------------
# A field takes the text and the zone, and gives what is written, or None for what it does not take.

_Field = Callable[[str, str], "str | None"]


def _address(version: int) -> _Field:
    def read(text: str, _zone: str) -> str | None:
        found = ip(text)
        return str(found) if found and found.version == version and not getattr(found, "scope_id", None) else None

    return read


def _below(limit: int) -> _Field:
    def read(text: str, _zone: str) -> str | None:
        return str(int(text)) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) < limit else None

    return read


def _target(text: str, zone: str) -> str | None:
    """A name with a dot is a whole one, whether or not it ends with a dot; one without is of the zone."""
    if text == ".":
        return text
    name = zone if text == APEX else ascii_name(text.removesuffix("."))
    if "." not in name and not text.endswith("."):
        name = f"{name}.{zone}"
    return f"{name}." if is_dns_name(name) else None


def _matching(pattern: re.Pattern[str]) -> _Field:
    return lambda text, _zone: text if pattern.fullmatch(text) else None


def _text(text: str, _zone: str) -> str | None:
    return None if _CONTROL.search(text) else text


@dataclass(frozen=True)
class Kind:
    """A type: its fields, the names that octoDNS gives them (none where the value is one text), and an example."""

    fields: tuple[_Field, ...]
    keys: tuple[str, ...]
    example: str


_OCTET, _SHORT = _below(2**8), _below(2**16)
KINDS: Mapping[str, Kind] = {
    "A": Kind((_address(4),), (), "192.0.2.10"),
    "AAAA": Kind((_address(6),), (), "2001:db8::10"),
    "CAA": Kind((_OCTET, _matching(_TAG), _text), ("flags", "tag", "value"), "0 issue letsencrypt.org"),
    "CNAME": Kind((_target,), (), "pages.example.net"),
    "MX": Kind((_SHORT, _target), ("preference", "exchange"), "10 mail.example.net"),
    "NS": Kind((_target,), (), "ns1.example.net"),
    "SRV": Kind((_SHORT,) * 3 + (_target,), ("priority", "weight", "port", "target"), "0 5 5061 sip.example.net"),
    "SSHFP": Kind((_OCTET, _OCTET, _matching(_HEX)), ("algorithm", "fingerprint_type", "fingerprint"), "4 2 123abc"),
    "TLSA": Kind(
        (_OCTET,) * 3 + (_matching(_HEX),),
        ("certificate_usage", "selector", "matching_type", "certificate_association_data"),
        "3 1 1 123abc",
    ),
    "TXT": Kind((_text,), (), "v=spf1 -all"),
}
"""What `webstack_dns_records` may have."""
_QUOTED = {"TXT": range(1), "CAA": range(2, 3)}
"""Which fields are character strings."""
_ONE_VALUE = ("CNAME", "PTR")


def further_records(given: Sequence[Mapping[str, Any]], zone: str, ttl: int) -> list[Record]:
    """The records of `webstack_dns_records`. `ttl` is that of a record which says none.

    Raises TopologyError for one that is not of its type's form, and for names outside of the zone.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TopologyError(f"webstack_dns_records is {shown(given)}; give a list of records")
    return [_record(entry, f"webstack_dns_records[{place}]", zone, ttl) for place, entry in enumerate(given)]


def _record(entry: Mapping[str, Any], where: str, zone: str, ttl: int) -> Record:
    if not isinstance(entry, Mapping) or entry.keys() - {"ttl"} != {"name", "type", "value"}:
        raise TopologyError(f"{where} is {shown(entry)}; give name, type and value, and ttl where it is another one")
    kind = KINDS.get(str(entry["type"]))
    if kind is None:
        raise TopologyError(f"{where}: type is {shown(entry['type'])}; use one of {', '.join(KINDS)}")
    name = record_name(entry["name"], where, zone)
    fields = _fields(str(entry["value"]), kind, zone)
    if fields is None:
        raise TopologyError(
            f"{where}: {shown(entry['value'])} is not a value for {entry['type']}; write it like {kind.example}"
        )
    own_ttl = number(entry.get("ttl", ttl), where, "ttl", TTLS)
    return Record(name, str(entry["type"]), own_ttl, fields)


def record_name(given: object, where: str, zone: str) -> str:
    """The absolute name: `@` is the zone itself, what ends with the zone's name stays, all else is below it."""
    text = given if isinstance(given, str) else ""
    name = ascii_name(text.removesuffix("."))
    if text == APEX:
        return zone
    if text.endswith(".") and not in_zone(name, zone):
        raise TopologyError(
            f"{where}: the name {shown(given)} is not in the zone {zone}; leave the record to its own zone"
        )
    if not in_zone(name, zone):
        name = f"{name}.{zone}"
    if not is_dns_name(name, wildcard=True):
        raise TopologyError(
            f"{where}: name is {shown(given)}; write a name below {zone} such as mail, or @ for the zone"
        )
    return name


def in_zone(name: str, zone: str) -> bool:
    """Whether the name is the zone's own or below it."""
    return name == zone or name.endswith(f".{zone}")


def _fields(value: str, kind: Kind, zone: str) -> tuple[str, ...] | None:
    words = value.split(None, len(kind.fields) - 1) if len(kind.fields) > 1 else [value]
    if len(words) != len(kind.fields):
        return None
    read = [field(word, zone) for field, word in zip(kind.fields, words, strict=True)]
    return None if None in read else tuple(str(word) for word in read)


# --- octoDNS ----------------------------------------------------------------------------------------------------------


def octodns(zone: str, records: Sequence[Record]) -> dict[str, list[dict[str, Any]]]:
    """The records as octoDNS's YamlProvider reads them: by the name below the zone, which for the zone itself is empty.

    Without SOA and the zone's own NS, which are the provider's.
    """
    sets: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.type != "SOA" and (record.type, record.name) != ("NS", zone):
            sets.setdefault((record.name, record.type), []).append(record)
    found: dict[str, list[dict[str, Any]]] = {}
    for (name, kind), members in sets.items():
        values = [_octodns_value(record) for record in members]
        entry: dict[str, Any] = {"ttl": members[0].ttl, "type": kind}
        entry |= {"value": values[0]} if kind in _ONE_VALUE else {"values": values}
        found.setdefault(name.removesuffix(zone).removesuffix("."), []).append(entry)
    return dict(sorted(found.items(), key=lambda named: _natural(named[0])))


def _natural(name: str) -> list[tuple[int, str]]:
    """web10 after web2: octoDNS refuses another order."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", name)]


def _octodns_value(record: Record) -> Any:
    keys = KINDS[record.type].keys if record.type in KINDS else ()
    if not keys:
        # octoDNS takes a semicolon for the begin of a comment.
        return record.fields[0].replace(";", r"\;") if record.type == "TXT" else record.fields[0]
    values = {key: int(field) if field.isdecimal() else field for key, field in zip(keys, record.fields, strict=True)}
    return dict(sorted(values.items()))
