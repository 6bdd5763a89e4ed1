"""The DNS zone of the site, and the reverse zones, from the topology.

The serial is constant: the server counts by itself (the role dns). Without name servers of the stack the zone is one
that lives elsewhere, and has neither SOA nor NS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeAlias

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import (
    HostVars,
    address_in,
    hosts_with_variables,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.dns_records import (
    TTLS,
    Record,
    further_records,
    in_zone,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    ascii_name,
    ip,
    is_dns_name,
    listed,
    number,
    reachable_address,
    shown,
)

Network: TypeAlias = IPv4Network | IPv6Network

SERIAL = 1
REFRESH, RETRY = 3600, 600
EXPIRE = 14 * 24 * 3600
"""As long as the signatures of a zone are good for at least (rrsig-refresh of the role dns): a secondary that has not
heard of the primary for so long would give out signatures that are none any more."""
NEGATIVE_TTL = 300
_MAIL = re.compile(r"[A-Za-z0-9.+_-]+@[^@\s]+")


@dataclass(frozen=True)
class Settings:
    """What the stack's variables say of the zone; each is said in the stack's argument specification."""

    domain: str
    zone: str = ""
    names: Sequence[str] = ()
    virtual_addresses: Sequence[str] = ()
    public_addresses: Sequence[str] = ()
    host_names: bool = True
    caa: Sequence[str] = ()
    records: Sequence[Mapping[str, Any]] = ()
    reverse: Sequence[str] = ()
    ttl: int = 3600
    contact: str = ""


@dataclass(frozen=True)
class Host:
    """A host of the stack: its name in DNS (empty: none), and the addresses that stand there."""

    inventory_name: str
    name: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Zone:
    """A zone: the SOA first, then its records by name."""

    name: str
    records: tuple[Record, ...]

    def data(self) -> dict[str, Any]:
        """As the role dns takes it."""
        return {"name": self.name, "records": [record.data() for record in self.records]}


def zones(
    hosts: Sequence[str], hostvars: HostVars, servers: Sequence[str], balancers: Sequence[str], settings: Settings
) -> list[Zone]:
    """The zone of the site, then the reverse zones.

    `hosts` are all of the stack, `servers` those that answer for the zone, `balancers` those at which the site is
    reached. The zone has: its own name and the site's names with the public addresses, else the virtual ones, else
    those of the load balancers; the hosts' names; CAA; the further records. A name server's own address is in it
    whether or not the hosts' names are.

    Reads of each host: `webstack_dns_addresses`, else what `address` reads.

    Raises TopologyError for a domain that has no zone, a name server without a name, a host with the name of the site,
    and records that contradict each other.
    """
    zone = zone_name(settings)
    ttl = number(settings.ttl, "the stack", "webstack_dns_ttl", TTLS)
    known = {
        name: _host(name, variables, zone) for name, variables in hosts_with_variables(hosts, hostvars, "the DNS zone")
    }
    listed_hosts = [
        host for host in known.values() if host.name and (settings.host_names or host.inventory_name in servers)
    ]
    site = _site_addresses(settings.public_addresses or settings.virtual_addresses, [known[name] for name in balancers])
    own = [
        *_site(zone, settings, site, ttl),
        *_hosts(zone, listed_hosts, settings, ttl),
        *_caa(zone, settings.caa, ttl),
    ]
    further = further_records(settings.records, zone, ttl)
    _refuse_contradictions(zone, own, further)
    head = _Head(tuple(_server(known[name]) for name in servers), _mailbox(settings.contact, zone), ttl)
    owners = {address: ascii_name(settings.domain) for address in site}
    owners |= {address: host.name for host in listed_hosts for address in host.addresses}
    return [
        _zone(zone, head, own + further),
        *(
            _zone(reverse_name(network), head, _pointers(network, owners, ttl))
            for network in _networks(settings.reverse)
        ),
    ]


def zone_name(settings: Settings) -> str:
    """The name of the site's zone: as it is set, else the domain without a `www.` before it."""
    domain = ascii_name(settings.domain)
    name = ascii_name(settings.zone.removesuffix(".")) or domain.removeprefix("www.")
    if not is_dns_name(name) or not (settings.zone or "." in name):
        variable, value = (
            ("webstack_dns_zone", settings.zone) if settings.zone else ("webstack_domain", settings.domain)
        )
        raise TopologyError(
            f"{variable} is {shown(value)}, which has no DNS zone; set webstack_dns_zone to a domain name"
        )
    if not in_zone(domain, name):
        raise TopologyError(
            f"webstack_dns_zone is {shown(settings.zone)}, and webstack_domain ({settings.domain}) is not in it; "
            "set it to the domain of which the site's name is a part"
        )
    return name


def reverse_name(network: Network) -> str:
    """The name of a network's reverse zone: `2.0.192.in-addr.arpa`."""
    step = 8 if network.version == 4 else 4
    labels = network.network_address.reverse_pointer.split(".")
    return ".".join(labels[(network.max_prefixlen - network.prefixlen) // step :])


@dataclass(frozen=True)
class _Head:
    """What every zone begins with. Without name servers, nothing."""

    servers: tuple[str, ...]
    mailbox: str
    ttl: int

    def records(self, zone: str) -> Iterator[Record]:
        if self.servers:
            numbers = (SERIAL, REFRESH, RETRY, EXPIRE, NEGATIVE_TTL)
            yield Record(zone, "SOA", self.ttl, (f"{self.servers[0]}.", f"{self.mailbox}.", *map(str, numbers)))
        for server in self.servers:
            yield Record(zone, "NS", self.ttl, (f"{server}.",))


def _zone(name: str, head: _Head, records: Iterable[Record]) -> Zone:
    """The zone's own records first, then by name; each once."""
    return Zone(
        name,
        (*head.records(name), *sorted(set(records), key=lambda record: (record.name != name, *_order(record)))),
    )


def _order(record: Record) -> tuple[list[str], str, list[tuple[int, str]]]:
    """By name from its last label on, by type, by value; numbers among the fields as such."""
    fields = [(int(field) if field.isdecimal() else -1, field) for field in record.fields]
    return record.name.split(".")[::-1], record.type, fields


# --- what is in the zone ----------------------------------------------------------------------------------------------


def _host(name: str, variables: Mapping[str, Any], zone: str) -> Host:
    """A host as DNS knows it. One that the inventory calls by an address has no name."""
    return Host(name, "" if ip(name) else _host_name(name, zone), dns_addresses(name, variables))


def dns_addresses(name: str, variables: Mapping[str, Any]) -> tuple[Address, ...]:
    """All addresses of a host that others may know: `webstack_dns_addresses`, else what `address` reads."""
    given = variables.get("webstack_dns_addresses")
    if given is None:
        found = [address_in(name, variables)]
    elif isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise TopologyError(f"{name}: webstack_dns_addresses is {shown(given)}; give a list of the host's addresses")
    else:
        found = [reachable_address(value, name, "webstack_dns_addresses", _BARE) for value in given]
    return tuple(dict.fromkeys(found))


_BARE = "give bare IPv4 and IPv6 addresses of the host"


def _host_name(name: str, zone: str) -> str:
    """A name with a dot is a whole one, of this zone or of another; one without is of this zone."""
    full = ascii_name(name.removesuffix("."))
    full = full if "." in full else f"{full}.{zone}"
    if not is_dns_name(full):
        raise TopologyError(
            f"{name}: the name is not one for DNS; rename the host to letters, digits, '-' and '.' only"
        )
    return full


def _server(host: Host) -> str:
    if not host.name:
        raise TopologyError(
            f"{host.inventory_name}: a host of the group dns is called by its name; "
            "give it one in the inventory, and the address as its webstack_address"
        )
    return host.name


def _site_addresses(given: Sequence[str], balancers: Sequence[Host]) -> list[Address]:
    """Where visitors reach the site: the addresses that are given, else the load balancers' own."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TopologyError(f"webstack_public_addresses is {shown(given)}; give a list of addresses")
    found = [reachable_address(value, "the stack", "webstack_public_addresses", _PUBLIC) for value in given]
    return list(dict.fromkeys(found or (address for host in balancers for address in host.addresses)))


_PUBLIC = "give the bare IPv4 and IPv6 addresses at which visitors reach the site"


def _site(zone: str, settings: Settings, addresses: Sequence[Address], ttl: int) -> Iterator[Record]:
    """The zone itself, and those of the site's names that are in it. A name of another zone is that one's business."""
    for name in _site_names(zone, settings):
        yield from _addressed(name, addresses, ttl)


def _site_names(zone: str, settings: Settings) -> list[str]:
    names = [ascii_name(name.removesuffix(".")) for name in (settings.domain, *settings.names)]
    return [name for name in dict.fromkeys([zone, *names]) if in_zone(name, zone)]


def _hosts(zone: str, hosts: Sequence[Host], settings: Settings, ttl: int) -> Iterator[Record]:
    taken = dict.fromkeys(_site_names(zone, settings), "the site")
    for host in hosts:
        if not in_zone(host.name, zone):
            continue
        if host.name in taken:
            raise TopologyError(
                f"{host.inventory_name}: its name in DNS, {host.name}, is that of {taken[host.name]}; rename the host"
                + ("" if settings.host_names is False else ", or set webstack_dns_host_names to false")
            )
        taken[host.name] = host.inventory_name
        yield from _addressed(host.name, host.addresses, ttl)


def _addressed(name: str, addresses: Sequence[Address], ttl: int) -> Iterator[Record]:
    for address in addresses:
        yield Record(name, "A" if address.version == 4 else "AAAA", ttl, (str(address),))


def _caa(zone: str, issuers: Sequence[str], ttl: int) -> Iterator[Record]:
    """Which authorities may issue certificates for the zone."""
    for issuer in issuers:
        if not is_dns_name(issuer):
            raise TopologyError(
                f"webstack_dns_caa has {shown(issuer)}; give the names by which authorities call themselves in CAA, "
                "such as letsencrypt.org"
            )
        yield Record(zone, "CAA", ttl, ("0", "issue", issuer.lower()))


def _mailbox(contact: str, zone: str) -> str:
    """A mail address as an SOA has it: the first dot that has no backslash is the @."""
    address = contact or f"hostmaster@{zone}"
    local, at, domain = address.partition("@")
    if not at or not _MAIL.fullmatch(address) or not is_dns_name(ascii_name(domain)):
        raise TopologyError(f"webstack_dns_contact is {shown(contact)}; give the mail address of who keeps the zone")
    return local.replace(".", r"\.") + "." + ascii_name(domain)


def _refuse_contradictions(zone: str, own: Sequence[Record], further: Sequence[Record]) -> None:
    """Refuse records that cannot stand beside the others."""
    made = {(record.name, record.type) for record in own}
    for record in further:
        where = f"webstack_dns_records: {record.type} of {record.name}"
        if (record.name, record.type) in made and record.type != "CAA":
            raise TopologyError(f"{where} comes from the stack already; leave it out, or set webstack_public_addresses")
        if record.type == "NS" and record.name == zone:
            raise TopologyError(f"{where}: the zone's name servers are the hosts of the group dns; add them there")
    types: dict[str, set[str]] = {}
    ttls: dict[tuple[str, str], set[int]] = {}
    for record in (*own, *further):
        types.setdefault(record.name, set()).add(record.type)
        ttls.setdefault((record.name, record.type), set()).add(record.ttl)
    for record in further:
        beside = types[record.name] - {"CNAME"}
        count = sum((other.name, other.type) == (record.name, "CNAME") for other in further)
        if record.type == "CNAME" and (beside or count > 1 or record.name == zone):
            what = listed(sorted(beside) or ["SOA" if record.name == zone else "another CNAME"])
            raise TopologyError(
                f"webstack_dns_records: {record.name} has a CNAME and {what}; a name with a CNAME has nothing else, "
                "so write its addresses, or leave the CNAME out"
            )
        if len(ttls[record.name, record.type]) > 1:
            raise TopologyError(
                f"webstack_dns_records: the {record.type} of {record.name} have different ttl; give all of them one"
            )


# --- reverse zones ----------------------------------------------------------------------------------------------------


def _networks(given: Sequence[str]) -> list[Network]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TopologyError(f"webstack_dns_reverse is {shown(given)}; give a list of networks")
    found: list[Network] = []
    for value in given:
        network = _network(value)
        for other in found:
            if network.version == other.version and network.overlaps(other):
                raise TopologyError(f"webstack_dns_reverse has {other} and {network}, which overlap; leave one out")
        found.append(network)
    return found


def _network(value: object) -> Network:
    try:
        network = ip_network(value) if isinstance(value, str) else None
    except ValueError:
        network = None
    if network is None or network.prefixlen == 0 or network.prefixlen % (8 if network.version == 4 else 4):
        raise TopologyError(
            f"webstack_dns_reverse has {shown(value)}; give networks that a reverse zone can have: "
            "IPv4 with /8, /16 or /24, IPv6 with a multiple of 4"
        )
    return network


def _pointers(network: Network, owners: Mapping[Address, str], ttl: int) -> Iterator[Record]:
    for address, owner in owners.items():
        if address in network:
            yield Record(address.reverse_pointer, "PTR", ttl, (f"{owner}.",))
