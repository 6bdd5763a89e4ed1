"""Single values: what a name, a port, a number, a boolean and an address may be. These rules stand nowhere else.

The predicates (`is_...`) are for whoever collects problems, such as the roles' validation filters. The functions that
read a value return it in its own type, or raise TopologyError with a sentence that names owner, variable and fix.

INI inventories hold numbers and booleans as strings, so `"80"` and `"yes"` are accepted for 80 and true, and nothing
looser.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from reprlib import Repr
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

PORTS = range(1, 2**16)
WEIGHTS = range(257)
"""HAProxy's server weights (configuration manual, 5.2 `weight`). 0: the server gets no new sessions."""

# What HAProxy takes in a name (configuration manual, 4 "Proxies"). It takes a colon too, which a block's name does
# without, because nginx would read a port into it; a server's name needs it where hosts are named by IPv6 address.
_BLOCK_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_HAPROXY_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
# What nftables takes in a comment, kept to what needs no quoting.
_RULE_NAME = re.compile(r"[A-Za-z0-9_. -]{1,64}")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PREFIX = re.compile(r"[0-9]{1,3}")
# No number that is read here has more than ten digits.
_DIGITS = re.compile(r"[0-9]{1,10}")

# The words that YAML 1.1, and so Ansible, reads as booleans.
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_BROADCAST = IPv4Address("255.255.255.255")

_short = Repr()
_short.maxstring = _short.maxother = 80


class TopologyError(ValueError):
    """An invalid inventory. The message names the host or group, the variable and the fix."""


# --- predicates -------------------------------------------------------------------------------------------------------


def is_true(value: object) -> bool:
    """Of a boolean, or of the text that may stand for one. What is neither is false; its type is refused elsewhere."""
    return BOOLEANS.get(str(value).lower(), False)


def is_port(value: object) -> bool:
    """A port, as a whole number or as its digits."""
    return _whole_number(value) in PORTS


def is_port_range(value: object) -> bool:
    """A port, or two of them in order with a dash between, such as `8000-8010`."""
    first, dash, last = str(value).partition("-")
    if not dash:
        return is_port(value)
    return is_port(first) and is_port(last) and int(first) <= int(last)


def is_block_name(value: object) -> bool:
    """A name that HAProxy takes for a proxy and nginx for an upstream."""
    return isinstance(value, str) and _BLOCK_NAME.fullmatch(value) is not None


def is_haproxy_name(value: object) -> bool:
    """A name that HAProxy takes for a proxy or a server."""
    return isinstance(value, str) and _HAPROXY_NAME.fullmatch(value) is not None


def is_rule_name(value: object) -> bool:
    """A name that nftables takes for a rule."""
    return isinstance(value, str) and _RULE_NAME.fullmatch(value) is not None


def is_dns_name(value: object, *, wildcard: bool = False) -> bool:
    """A DNS name: labels of letters, digits, `-` and `_`, at most 253 characters; with `wildcard` also `*.` and one."""
    if not isinstance(value, str) or len(value) > 253:
        return False
    return _DNS_NAME.fullmatch(value.removeprefix("*.") if wildcard else value) is not None and not is_address(value)


def ascii_name(name: str) -> str:
    """An internationalized name as DNS and certificates have it (IDNA 2008): `xn--bcher-kva.example`."""
    labels = unicodedata.normalize("NFKC", name).lower().split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def is_address(value: object) -> bool:
    """A bare IPv4 or IPv6 address, without brackets, network or interface."""
    found = ip(value)
    return found is not None and not getattr(found, "scope_id", None)


def is_network(value: object) -> bool:
    """An address, or a network such as `198.51.100.0/24`."""
    if not isinstance(value, str):
        return False
    at, slash, prefix = value.partition("/")
    if not slash:
        return is_address(at)
    if not is_address(at) or not _PREFIX.fullmatch(prefix):
        return False
    try:
        ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def is_trustable(value: object) -> bool:
    """An address or network that may be believed as a proxy's: any but that of everybody."""
    return is_network(value) and ip_network(str(value), strict=False).prefixlen > 0


# --- reading one value ------------------------------------------------------------------------------------------------


def number(value: object, owner: str, variable: str, allowed: range) -> int:
    """A whole number in `allowed`."""
    found = _whole_number(value)
    if found is None or found not in allowed:
        raise TopologyError(
            f"{owner}: {variable} is {shown(value)}; write a whole number from {allowed[0]} to {allowed[-1]}"
        )
    return found


def port_number(value: object, owner: str, variable: str) -> int:
    """A port."""
    return number(value, owner, variable, PORTS)


def weight(value: object, owner: str, variable: str) -> int:
    """A weight of a server in HAProxy."""
    return number(value, owner, variable, WEIGHTS)


def boolean(value: object, owner: str, variable: str) -> bool:
    """True or false."""
    word = BOOLEANS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(word, bool):
        raise TopologyError(f"{owner}: {variable} is {shown(value)}; write true or false")
    return word


def block_name(value: object, kind: str) -> str:
    """The name of an HAProxy proxy or an nginx upstream, which `kind` says."""
    if not isinstance(value, str) or not is_block_name(value):
        raise TopologyError(f"{kind}: name is {shown(value)}; write letters, digits, '_', '-' and '.' only")
    return value


def server_name(host: str, where: str) -> str:
    """An inventory name as the name of a server in HAProxy."""
    if not is_haproxy_name(host):
        raise TopologyError(
            f"{where}: {shown(host)} cannot name a server in HAProxy; "
            "rename the host in the inventory to letters, digits, '_', '-', '.' and ':' only"
        )
    return host


def tls_name(host: str, where: str) -> str:
    """An inventory name as the name that a certificate must hold."""
    if ip(host) is not None:
        raise TopologyError(
            f"{where}: HAProxy cannot verify the certificate of {host}, an address; "
            "give the host a name in the inventory and the address as its webstack_address"
        )
    return host


def ip(value: object) -> Address | None:
    """The address that a string holds; None for anything else (`ip_address` would take an integer for one)."""
    try:
        return ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return None


_BARE_ADDRESS = "set webstack_address to the bare IPv4 or IPv6 address at which the other hosts reach it"


def reachable_address(value: object, host: str, variable: str, fix: str = _BARE_ADDRESS) -> Address:
    """An address at which a server can be reached."""
    found = ip(value)
    wrong = "not an IP address" if found is None else _unreachable(found)
    if found is None or wrong:
        raise TopologyError(f"{host}: {variable} is {shown(value)}, {wrong}; {fix}")
    return found


# --- in a sentence ----------------------------------------------------------------------------------------------------


def shown(value: object) -> str:
    """A refused value as it stands in the message, cut short where it is long."""
    # hostvars gives out a stand-in for what Ansible could not render (an undefined variable, say). It is none of the
    # types wanted, and so ends here: made a string it raises the error that tells why.
    str(value)
    return "null" if value is None else _short.repr(value)


def listed(names: Iterable[str]) -> str:
    """The names in a sentence, cut short where there are many."""
    names = list(names)
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _whole_number(value: object) -> int | None:
    found = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    # To Python, True and False are integers, too.
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _unreachable(candidate: Address) -> str:
    """Why no server can be reached at this address; empty when one can."""
    if candidate.is_unspecified:
        return "the unspecified address"
    if candidate.is_multicast:
        return "a multicast address"
    if isinstance(candidate, IPv4Address):
        return "the broadcast address" if candidate == _BROADCAST else ""
    if candidate.is_link_local or candidate.scope_id:
        return "an address that holds only on one network interface"
    return "an IPv4 address written as IPv6" if candidate.ipv4_mapped else ""
