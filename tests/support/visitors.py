"""An inventory as a test reads it, and the site that it describes as a visitor sees it."""

import ipaddress
import json
import re
import socket
import ssl
import subprocess
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from connection import Answer, Connection, tls_context

DOMAIN = "www.foobar.com"


@dataclass(frozen=True)
class Inventory:
    """An Ansible inventory: its path, groups (name to hosts) and the hosts' variables, templates not rendered."""

    path: str
    groups: Mapping[str, list[str]]
    hostvars: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, path: str) -> "Inventory":
        command = ["ansible-inventory", "-i", path, "--list"]
        listing = json.loads(subprocess.check_output(command, text=True))
        hostvars = listing.pop("_meta")["hostvars"]
        return cls(path, {name: group.get("hosts", []) for name, group in listing.items()}, hostvars)

    def address(self, host: str) -> str:
        """Where the other hosts, and this machine, reach the host; IPv6 as programs write it."""
        written = self.hostvars[host].get("webstack_address", self.hostvars[host].get("ansible_host"))
        return str(ipaddress.ip_address(written)) if ":" in written else written

    def addresses(self, host: str) -> list[str]:
        """The same, and in a lab with both families the other one, as playbooks/lab/up.yml gives it to the host."""
        first, variables = self.address(host), self.hostvars[host]
        numbers = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)\.(\d+)", first)
        if not numbers or "lab_name" not in variables or not Path("/proc/net/if_inet6").exists():
            return [first]
        a, b, c, d = numbers.groups()
        subnet = variables.get("lab_subnet6", f"fd00:{a}:{b}:{c}::/64")
        return [first, str(ipaddress.ip_address(f"{subnet.partition('/')[0]}{d}"))] if subnet else [first]

    @property
    def ca(self) -> Path:
        """The certificate of the inventory's own CA."""
        path = Path(self.path)
        beside = (path if path.is_dir() else path.parent) / ".ca"
        kept = next(iter(self.hostvars.values())).get("webstack_ca_directory", beside)
        return Path(kept).expanduser() / "ca.pem"


@dataclass(frozen=True)
class Site:
    """The site as a client sees it: every request on a connection of its own to the load balancer's address.

    Over HTTPS, verified against the CA's certificate `ca`; over HTTP where that is None.
    """

    address: str
    host: str = DOMAIN
    ca: Path | None = None
    port: int = 443
    patience: float = 60
    """Seconds that a client waits for an answer, where a request says nothing else."""

    @classmethod
    def of(cls, inventory: Inventory) -> "Site":
        """The first load balancer's address, asked for the site's name."""
        first = inventory.groups["loadbalancers"][0]
        domain = inventory.hostvars[first].get("webstack_domain", DOMAIN)
        return cls(inventory.address(first), domain, inventory.ca)

    @property
    def plain(self) -> "Site":
        """The same without TLS."""
        return Site(self.address, self.host, None, 80)

    def at(self, address: str) -> "Site":
        """The same at another address of the load balancer."""
        return replace(self, address=address)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context(str(self.ca))

    def handshake(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A TLS connection, the certificate verified for the site's name. Whoever asks for it closes it."""
        plain = socket.create_connection((self.address, self.port), 60)
        return (context or self._tls).wrap_socket(plain, server_hostname=self.host)

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, wait: float = 0
    ) -> Answer:
        """One request. A dict as `body` is sent as a form, unless `headers` say that it is JSON."""
        sent = {"Host": self.host, **(headers or {})}
        if isinstance(body, dict):
            if sent.get("Content-Type") == "application/json":
                body = json.dumps(body)
            else:
                sent["Content-Type"] = "application/x-www-form-urlencoded"
                body = urllib.parse.urlencode(body)
        context = self._tls if self.ca else None
        wait = wait or self.patience
        return Connection(self.address, self.port, wait, context, self.host).ask(method, path, body, sent)

    def get(self, path: str = "/", **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post_json(self, path: str, data: Mapping[str, Any], **headers: str) -> Answer:
        return self.request("POST", path, dict(data), {"Content-Type": "application/json", **headers})
