"""The port matrix: who reaches which port of whom, asked of every host, a stranger among them and this machine.

What is meant stands here by hand, so that a mistake in the filter or the wiring shows. Every port that something
listens on anywhere, and every well-known one, is knocked at on every host. A port that refuses was reached: the
firewall let the packet through.

A host is known to the others by one address. At that of the other family, which a lab has too, everybody is a stranger.
"""

import contextlib
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import docker
import pytest

IMAGE = "foobar-webstack/host:trixie"
STRANGER = "a stranger"
CONTROLLER = "this machine"
# Mail, file shares, rpcbind, SNMP, LDAP, MySQL's other ports, other databases, Docker, status pages, metrics.
WELL_KNOWN = {
    "tcp": {21, 23, 25, 53, 80, 111, 139, 389, 443, 445, 873, 2375, 3306, 5432, 6379, 8000, 8080, 8081, 8404, 8405}
    | {8443, 9000, 9090, 9100, 9104, 9113, 9200, 11211, 27017, 33060, 33062},
    "udp": {53, 67, 68, 69, 111, 123, 161, 443, 514, 546, 5353},
}

# Everything at once. UDP is sent what a QUIC server answers, a version that it does not know, or a name server: a
# question for the root.
KNOCK = r"""
import asyncio, json, sys

QUIC = bytes([0xC0, 0x1A, 0x2A, 0x3A, 0x4A, 8]) + bytes(8) + bytes([8]) + bytes(8) + bytes(1178)
DNS = bytes([0x1A, 0x2A, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1])

class Listen(asyncio.DatagramProtocol):
    def __init__(self, said):
        self.said = said
        self.state = asyncio.get_running_loop().create_future()
    def connection_made(self, transport):
        transport.sendto(self.said)
    def datagram_received(self, *_):
        self.tell("open")
    def error_received(self, error):
        self.tell("refused" if isinstance(error, ConnectionRefusedError) else "silent")
    def tell(self, state):
        if not self.state.done():
            self.state.set_result(state)

async def knock(protocol, address, port):
    if protocol == "tcp":
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
        return "open"
    made = asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Listen(DNS if port == 53 else QUIC), remote_addr=(address, port)
    )
    transport, listener = await made
    try:
        return await listener.state
    finally:
        transport.close()

async def state(gate, target):
    async with gate:
        try:
            return await asyncio.wait_for(knock(*target), 5)
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "silent"

async def main():
    gate = asyncio.Semaphore(500)
    targets = json.load(sys.stdin)
    print(json.dumps(await asyncio.gather(*(state(gate, target) for target in targets))))

asyncio.run(main())
"""


class Endpoint(NamedTuple):
    """A port of a host."""

    host: str
    protocol: str
    port: int


States = Mapping[Endpoint, str]
FAMILIES = {"the family of the stack": 0, "the other family": 1}


@pytest.fixture(scope="module")
def listening(on, inventory) -> Mapping[str, set[tuple[str, int, str]]]:
    """Protocol, port and local address of everything that listens, by host."""
    found = {}
    for host in sorted(inventory.hostvars):
        lines = on(host).check_output("ss --listening --numeric --tcp --udp --no-header").splitlines()
        ends = [(line.split()[0], line.split()[4]) for line in lines]
        found[host] = {(protocol, int(end.rpartition(":")[2]), end.rpartition(":")[0]) for protocol, end in ends}
    return found


@pytest.fixture(scope="module")
def endpoints(listening) -> list[Endpoint]:
    """Every port of any interest, on every host alike."""
    ports = {(protocol, port) for protocol, numbers in WELL_KNOWN.items() for port in numbers}
    ports |= {(protocol, port) for ends in listening.values() for protocol, port, _ in ends}
    return [Endpoint(host, protocol, port) for host in listening for protocol, port in sorted(ports)]


@pytest.fixture(scope="module")
def stranger(lab):
    """A machine in the lab's network that the inventory does not know. With the lab it would be removed too."""
    with contextlib.closing(docker.from_env(timeout=600)) as engine:
        container = engine.containers.run(
            IMAGE,
            ["sleep", "infinity"],
            name=f"{lab}-stranger",
            network=lab,
            labels={"foobar.webstack.lab": lab},
            init=True,
            detach=True,
        )
        try:
            yield container
        finally:
            container.remove(force=True)


@pytest.fixture(scope="module")
def addresses(inventory, stranger, lab) -> list[Mapping[str, str]]:
    """Where each source knocks from, and is knocked at, by family: first that of the stack."""
    stranger.reload()
    network = stranger.attrs["NetworkSettings"]["Networks"][lab]
    # A network has an IPv4 gateway even where the hosts have IPv6 alone.
    others = {4: ("IPAddress", "Gateway"), 6: ("GlobalIPv6Address", "IPv6Gateway")}
    every = {host: inventory.addresses(host) for host in inventory.hostvars}
    found = []
    for family in range(min(map(len, every.values()))):
        own = {host: known[family] for host, known in every.items()}
        [version] = {ipaddress.ip_address(address).version for address in own.values()}
        found.append(own | dict(zip((STRANGER, CONTROLLER), (network[key] for key in others[version]), strict=True)))
    return found


@pytest.fixture(scope="module")
def knock(on, addresses, stranger) -> Callable[..., States]:
    """The state of each endpoint as seen from another host: open, refused (let through, nothing there) or silent."""

    def ask(source: str, wanted: Iterable[Endpoint], family: int = 0) -> States:
        wanted = list(wanted)
        targets = json.dumps(
            [(endpoint.protocol, addresses[family][endpoint.host], endpoint.port) for endpoint in wanted]
        )
        if source == CONTROLLER:
            output = subprocess.check_output([sys.executable, "-c", KNOCK], input=targets, text=True)
        elif source == STRANGER:
            argv = ["sh", "-c", 'printf %s "$1" | python3 -c "$2"', "sh", targets, KNOCK]
            status, said = stranger.exec_run(argv)
            output = said.decode()
            assert status == 0, output
        else:
            output = on(source).check_output("printf %%s %s | python3 -c %s", targets, KNOCK)
        return dict(zip(wanted, json.loads(output), strict=True))

    return ask


@pytest.fixture(scope="module")
def extra_rules(inventory) -> Mapping[str, list[dict[str, Any]]]:
    """What the inventory opens in so many words, by host; asked of Ansible, because it may be a template."""
    command = ["ansible", "all", "-i", inventory.path, "-m", "ansible.builtin.debug", "-a", "var=firewall_extra_rules"]
    callback = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
    told = json.loads(subprocess.check_output(command, text=True, env=os.environ | callback))
    answers = told["plays"][0]["tasks"][0]["hosts"]
    rules = {host: answer["firewall_extra_rules"] for host, answer in answers.items()}
    # A variable that is not set is told in a sentence.
    return {host: found if isinstance(found, list) else [] for host, found in rules.items()}


@pytest.fixture(scope="module")
def meant(inventory, addresses, extra_rules) -> Callable[..., set[Endpoint]]:
    """The endpoints that are meant to be open to a source. Written from the groups, by hand."""

    def group(name: str) -> set[str]:
        return set(inventory.groups.get(name, []))

    def variable(host: str, name: str, default: int) -> int:
        return int(inventory.hostvars[host].get(name, default))

    def extra(host: str, source: str, family: int) -> set[Endpoint]:
        at = ipaddress.ip_address(addresses[family][source])
        return {
            Endpoint(host, rule.get("protocol", "tcp"), int(port))
            for rule in extra_rules[host]
            for port in rule["ports"]
            if rule.get("direction", "in") == "in"
            and any(at in ipaddress.ip_network(network) for network in rule.get("addresses", ["0.0.0.0/0", "::/0"]))
        }

    def open_to(source: str, family: int = 0) -> set[Endpoint]:
        known = source if family == 0 else STRANGER
        found = {Endpoint(host, "tcp", variable(host, "ansible_port", 22)) for host in inventory.hostvars}
        found |= {Endpoint(host, "tcp", port) for host in group("loadbalancers") for port in (80, 443)}
        found |= {Endpoint(host, protocol, 53) for host in group("dns") for protocol in ("tcp", "udp")}
        # The pages, which ask for a password.
        found |= {Endpoint(host, "tcp", 9090) for host in group("monitoring")}
        if known in group("monitoring"):
            found |= {Endpoint(host, "tcp", 9100) for host in inventory.hostvars}
            found |= {Endpoint(host, "tcp", 9104) for host in group("databases")}
            found |= {Endpoint(host, "tcp", 9113) for host in group("webservers")}
            found |= {Endpoint(host, "tcp", 8405) for host in group("loadbalancers") | group("appservers")}
            # Alertmanagers tell each other what they have sent.
            others = group("monitoring") if len(group("monitoring")) > 1 else set()
            found |= {Endpoint(host, "tcp", port) for host in others for port in (9093, 9094)}
        if known in group("loadbalancers"):
            found |= {Endpoint(host, "tcp", 443) for host in group("webservers")}
        if known in group("webservers"):
            found |= {Endpoint(host, "tcp", variable(host, "webstack_app_port", 8000)) for host in group("appservers")}
        if known in group("appservers") | group("databases"):
            found |= {Endpoint(host, "tcp", variable(host, "mysql_port", 3306)) for host in group("databases")}
            found |= {Endpoint(host, "tcp", variable(host, "mysql_endpoint_port", 3308)) for host in group("databases")}
        for host in inventory.hostvars:
            found |= extra(host, source, family)
        return {endpoint for endpoint in found if endpoint.host != source}

    return open_to


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_exactly_what_is_meant_is_reachable(inventory, addresses, knock, endpoints, meant, quic, family):
    """From everywhere to everywhere. Catches a port too many, and one too few; a rule for nobody shows as refused.

    In a lab with one family there is nothing to knock at in the other.
    """
    wrong = []
    for source in (*sorted(inventory.hostvars), STRANGER, CONTROLLER) if family < len(addresses) else ():
        wanted = meant(source, family) | {endpoint for endpoint in quic if endpoint.host != source}
        # A host reaches itself over its own loopback, which is nobody's business.
        found = knock(source, {endpoint for endpoint in endpoints if endpoint.host != source} | wanted, family)
        for endpoint, state in sorted(found.items()):
            expected = "open" if endpoint in wanted else "silent"
            if state != expected and not (endpoint in quic and state == "refused"):
                wrong.append(
                    f"{source} -> {endpoint.host} {endpoint.protocol}/{endpoint.port} is {state}, not {expected}"
                )
    assert wrong == []


@pytest.fixture(scope="module")
def quic(inventory) -> set[Endpoint]:
    """HTTP/3 is an option: its port is closed without it."""
    hosts = inventory.groups["loadbalancers"]
    return {Endpoint(host, "udp", 443) for host in hosts if inventory.hostvars[host].get("webstack_http3", False)}


def test_nothing_that_does_not_answer_listens_on_udp(listening, inventory):
    """A UDP server that does not answer looks like a port that is closed. So there must be none besides those known."""
    monitoring = inventory.groups.get("monitoring", [])
    expected = {
        443: set(inventory.groups["loadbalancers"]),
        53: set(inventory.groups.get("dns", [])),
        9094: set(monitoring if len(monitoring) > 1 else []),
    }
    for host, ends in listening.items():
        udp = {
            port for protocol, port, address in ends if protocol == "udp" and not address.startswith(("127.", "[::1]"))
        }
        assert udp <= {port for port, hosts in expected.items() if host in hosts}, host


def test_the_matrix_notices_a_hole(inventory, on, addresses, knock):
    """The test of the test: one rule too many on one host, and one address too few."""
    host = inventory.groups["databases"][0]
    hole = Endpoint(host, "tcp", 3306)

    def states() -> list[str]:
        return [knock(STRANGER, [hole], family)[hole] for family in range(len(addresses))]

    assert set(states()) == {"silent"}
    try:
        on(host).check_output("nft insert rule inet webstack input tcp dport 3306 accept")
        assert set(states()) == {"open"}
    finally:
        on(host).check_output("systemctl reload webstack-firewall")
    assert set(states()) == {"silent"}
