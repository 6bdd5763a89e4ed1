"""What an inventory adds to what the stack gives its roles: in the roles' form, and what is wrong with it.

Pure: it imports nothing of Ansible. The values' types are right already, because the argument specification has been
checked; names that are the stack's own (`taken`) come from the wiring.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any, TypeAlias

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.accounts import AccountError, entitlements
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.limits import account_errors
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    is_address,
    is_dns_name,
    is_network,
    is_rule_name,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.haproxy import map_errors

Network: TypeAlias = IPv4Network | IPv6Network
Entry: TypeAlias = Mapping[str, Any]

SOCKET, ANYBODY = "localhost", "%"
"""Hosts of MySQL accounts that are no address."""

INHERITED = ("listen", "client_max_body_size", "headers", "default_headers", "request_headers")
"""What a further site has from the stack's, unless it says otherwise. The certificate too, where it speaks TLS."""

_PATTERN = re.compile(r"(?:[0-9]{1,3}\.){1,3}%")


# --- in the roles' form -----------------------------------------------------------------------------------------------


def without(entries: Iterable[Entry], keys: Sequence[str]) -> list[dict[str, Any]]:
    """The entries without the keys that the stack reads itself and the role does not know."""
    return [{key: value for key, value in entry.items() if key not in keys} for entry in entries]


def further_sites(sites: Iterable[Entry], like: Entry, upstream: str) -> list[dict[str, Any]]:
    """Sites of nginx, each with what it does not say itself from the stack's own, whose locations go to `upstream`."""
    found = []
    for site in sites:
        full = {key: like[key] for key in INHERITED if key in like} | dict(site)
        if "tls" not in full and any(listen.get("tls") for listen in full["listen"]):
            full["tls"] = like["tls"]
        full["proxy"] = [{"upstream": upstream} | dict(proxied) for proxied in site.get("proxy", ())]
        found.append(full)
    return found


def account_rules(users: Iterable[Entry], ports: Sequence[int]) -> list[dict[str, Any]]:
    """The firewall's rule for the hosts of these accounts; none where no host is an address."""
    networks = [found for user in users for host in user["hosts"] if (found := network(host)) is not None]
    addresses = [_short(found) for found in _collapsed(networks)]
    return [_rule("mysql-accounts", "tcp", ports, addresses)] if addresses else []


def frontend_rules(frontends: Iterable[Entry]) -> list[dict[str, Any]]:
    """The firewall's rules for the ports of these frontends, each for its `sources`."""
    rules = []
    for frontend in frontends:
        binds = [bind for bind in frontend["bind"] if bind.get("port") and not _is_local(bind.get("address", "*"))]
        ports = list(dict.fromkeys(int(bind["port"]) for bind in binds))
        quic = list(dict.fromkeys(int(bind["port"]) for bind in binds if (bind.get("tls") or {}).get("quic")))
        sources = list(frontend.get("sources") or ())
        for protocol, opened in (("tcp", ports), ("udp", quic)):
            if opened and sources:
                rules.append(_rule(f"frontend {frontend['name']}", protocol, opened, sources))
    return rules


def network(host: str) -> Network | None:
    """The addresses that a MySQL account's host stands for; None for the socket, for anybody, and for what is none."""
    text = host
    if _PATTERN.fullmatch(host):
        octets = host.split(".")[:-1]
        text = f"{'.'.join(octets + ['0'] * (4 - len(octets)))}/{8 * len(octets)}"
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _collapsed(networks: Iterable[Network]) -> Iterator[Network]:
    """Without those that others hold, since nftables takes no two that overlap."""
    found = list(networks)
    yield from collapse_addresses(one for one in found if isinstance(one, IPv4Network))
    yield from collapse_addresses(one for one in found if isinstance(one, IPv6Network))


def _short(found: Network) -> str:
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def _rule(name: str, protocol: str, ports: Sequence[int], addresses: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "direction": "in",
        "protocol": protocol,
        "ports": [str(port) for port in ports],
        "addresses": list(addresses),
    }


def _is_local(address: str) -> bool:
    return address == "::1" or address.startswith(("127.", "/")) or "@" in address


# --- what is wrong ----------------------------------------------------------------------------------------------------


def errors(given: Mapping[str, Any], taken: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for each mistake in the variables that add something."""
    return [
        *(error for variable, names in taken.items() for error in _taken(variable, given.get(variable, ()), names)),
        *(error for user in given.get("webstack_database_users", ()) for error in _account(user)),
        *_privileges("webstack_migrate_privileges", {"*.*": given.get("webstack_migrate_privileges", ())}),
        *(error for frontend in given.get("webstack_lb_frontends", ()) for error in _frontend(frontend)),
        *map_errors(given.get("webstack_lb_maps", ()), "webstack_lb_maps"),
        *_redirects(given.get("webstack_redirect_names", ())),
    ]


def _taken(variable: str, added: Iterable[Any], names: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for entry in added:
        name = str(entry.get("location", entry.get("name"))) if isinstance(entry, Mapping) else str(entry)
        if name in names:
            yield f'{variable}: "{name}" is the stack\'s own; use another name, or leave it out.'
        elif name in seen:
            yield f'{variable}: "{name}" is there twice; keep one.'
        seen.add(name)


def _account(user: Entry) -> Iterator[str]:
    where = f'webstack_database_users: "{user["name"]}"'
    if user["hosts"] and bool(user.get("password")) == bool(user.get("system_user")):
        yield f"{where} needs either a password or a system_user; set one of the two."
    if user.get("system_user") and list(user["hosts"]) not in ([], [SOCKET]):
        yield f"{where} has a system_user, who comes in through the socket; write hosts: [{SOCKET}]."
    longest = max(map(str, user["hosts"]), key=len, default="")
    for error in account_errors(user["name"], longest, user.get("password") or ""):
        yield f"{where}: {error}."
    for host in user["hosts"]:
        if host not in (SOCKET, ANYBODY) and network(host) is None:
            yield (
                f'{where}: "{host}" is not a valid host; write an address, a network such as 192.0.2.0/24 or a pattern '
                f"such as 192.0.2.%, because names are not resolved."
            )
        elif ":" in host and "/" in host:
            yield f'{where}: "{host}" is an IPv6 network, which MySQL does not match; list its addresses.'
    yield from _privileges(where, user["privileges"])


def _privileges(where: str, privileges: Mapping[str, Sequence[str]]) -> Iterator[str]:
    try:
        entitlements(privileges)
    except AccountError as error:
        yield f"{where}: {error}."


def _frontend(frontend: Entry) -> Iterator[str]:
    where = f'webstack_lb_frontends: "{frontend.get("name")}"'
    if not is_rule_name(f"frontend {frontend.get('name')}"):
        yield f'{where} is not a valid name; use at most 50 letters, digits, "_", "-" and ".".'
    sources = frontend.get("sources")
    if not isinstance(sources, Sequence) or isinstance(sources, str):
        yield (
            f"{where} has no list of sources; write whom the firewall lets in, such as sources: [192.0.2.0/24], "
            '[0.0.0.0/0, "::/0"] for everybody or [] for nobody.'
        )
        return
    for source in sources:
        if not is_network(source):
            yield f'{where}: "{source}" is not an address or network; write one such as 192.0.2.0/24 or 2001:db8::/32.'


def _redirects(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if not is_dns_name(name) or is_address(name):
            yield f'webstack_redirect_names: "{name}" is not a host name; write one such as foobar.com.'
