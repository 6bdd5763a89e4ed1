"""What every test may need: the collection found by its name, what an inventory says, and the site's front door."""

import http.client
import json
import socket
import ssl
import subprocess
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig

# Before a test module is imported: without Ansible's finder, Python imports `ansible_collections.foobar.webstack` as
# plain folders, and Ansible then finds no plugin of the collection by its name in the same process.
if AnsibleCollectionConfig.collection_finder is None:
    init_plugin_loader([str(Path(__file__).parent / ".collections")])

DOMAIN = "www.foobar.com"


@dataclass(frozen=True)
class Inventory:
    """An Ansible inventory: its path, groups (name to hosts) and the hosts' variables, templates not rendered."""

    path: str
    groups: Mapping[str, list[str]]
    hostvars: Mapping[str, Mapping[str, Any]]

    def address(self, host: str) -> str:
        """Where the other hosts, and this machine, reach the host."""
        return self.hostvars[host].get("webstack_address", self.hostvars[host].get("ansible_host"))

    @property
    def ca(self) -> Path:
        """The certificate of the inventory's own CA."""
        path = Path(self.path)
        beside = (path if path.is_dir() else path.parent) / ".ca"
        kept = next(iter(self.hostvars.values())).get("webstack_ca_directory", beside)
        return Path(kept).expanduser() / "ca.pem"


@dataclass(frozen=True)
class Answer:
    """An HTTP response. `status` 0: there was none, and `error` says why."""

    status: int
    headers: Message
    body: bytes = b""
    error: str = ""

    def json(self) -> Any:
        return json.loads(self.body)


class NamedHTTPSConnection(http.client.HTTPSConnection):
    """HTTPS to an address, the certificate verified for the site's name: what a client does once it has asked DNS."""

    def __init__(self, name: str, address: str, port: int, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(address, port, timeout=timeout, context=context)
        self._name, self._tls = name, context

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)


@dataclass(frozen=True)
class FrontDoor:
    """The site as a client sees it: every request on a connection of its own to the load balancer's address.

    Over HTTPS, verified against the CA's certificate `ca`; over HTTP where that is None.
    """

    address: str
    host: str = DOMAIN
    ca: Path | None = None
    port: int = 443

    @property
    def plain(self) -> "FrontDoor":
        """The same without TLS."""
        return FrontDoor(self.address, self.host, None, 80)

    def _connection(self, wait: float) -> http.client.HTTPConnection:
        if self.ca is None:
            return http.client.HTTPConnection(self.address, self.port, timeout=wait)
        return NamedHTTPSConnection(self.host, self.address, self.port, wait, self._tls)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))

    def handshake(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A TLS connection, the certificate verified for the site's name. Whoever asks for it closes it."""
        plain = socket.create_connection((self.address, self.port), 60)
        return (context or self._tls).wrap_socket(plain, server_hostname=self.host)

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, wait: float = 60
    ) -> Answer:
        """One request. A dict as `body` is sent as a form, unless `headers` say that it is JSON."""
        sent = {"Host": self.host, **(headers or {})}
        if isinstance(body, dict):
            if sent.get("Content-Type") == "application/json":
                body = json.dumps(body)
            else:
                sent["Content-Type"] = "application/x-www-form-urlencoded"
                body = urllib.parse.urlencode(body)
        connection = self._connection(wait)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, Message(), error=repr(error))
        finally:
            connection.close()

    def get(self, path: str = "/", **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post_json(self, path: str, data: Mapping[str, Any], **headers: str) -> Answer:
        return self.request("POST", path, dict(data), {"Content-Type": "application/json", **headers})


@pytest.fixture(scope="session")
def inventory(request: pytest.FixtureRequest) -> Inventory:
    """The inventory that --ansible-inventory names."""
    path = request.config.getoption("--ansible-inventory")
    if not path:
        pytest.fail("these tests look at hosts: give the inventory, --ansible-inventory=inventories/lab")
    command = ["ansible-inventory", "-i", path, "--list"]
    listing = json.loads(subprocess.check_output(command, text=True))  # noqa: S603
    hostvars = listing.pop("_meta")["hostvars"]
    return Inventory(path, {name: group.get("hosts", []) for name, group in listing.items()}, hostvars)


@pytest.fixture(scope="session")
def front_door(inventory: Inventory) -> FrontDoor:
    """The first load balancer's address, asked for the site's name."""
    first = inventory.groups["loadbalancers"][0]
    return FrontDoor(inventory.address(first), inventory.hostvars[first].get("webstack_domain", DOMAIN), inventory.ca)
