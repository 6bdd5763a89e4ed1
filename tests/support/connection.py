"""HTTP requests, each on a connection of its own: from here, and from a host, where this file runs as a program.

Only the standard library, and nothing newer than Python 3.9: it is for hosts, too.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An HTTP response. `status` 0: there was none, and `error` says why."""

    status: int
    headers: Message = field(default_factory=Message)
    body: bytes = b""
    error: str = ""

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        """Every header of that name."""
        return self.headers.get_all(name, [])

    def header(self, name: str) -> str | None:
        """The headers of that name as one."""
        return ", ".join(self.all(name)) or None


class Connection(http.client.HTTPConnection):
    """To an address; with `context` over TLS, for the server `name`: what a client does once it has asked DNS."""

    def __init__(
        self,
        address: str,
        port: int,
        timeout: float = 60,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(address, port, timeout=timeout, source_address=(source, 0) if source else None)
        self.context, self.name = context, name

    def connect(self) -> None:
        super().connect()
        if self.context:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=self.name or self.host)

    def ask(self, method: str, path: str, body: bytes | str | None, headers: Mapping[str, str]) -> Answer:
        """One request; the connection is closed afterwards."""
        try:
            self.request(method, path, body, dict(headers))
            response = self.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, error=repr(error))
        finally:
            self.close()


def tls_context(ca: str | None, *, check_name: bool = True, pair: str | None = None) -> ssl.SSLContext:
    """A client's: whom the CA's certificate vouches for, or everybody where there is none.

    `pair`: folder with the certificate.pem and the key.pem that the client shows.
    """
    context = ssl.create_default_context(cafile=ca)
    if not ca or not check_name:
        context.check_hostname = False
    if not ca:
        context.verify_mode = ssl.CERT_NONE
    if pair:
        context.load_cert_chain(f"{pair}/certificate.pem", f"{pair}/key.pem")
    return context


def send(
    address: str = "127.0.0.1",
    port: int = 80,
    method: str = "GET",
    path: str = "/",
    host: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    source: str | None = None,
    timeout: float = 30,
    repeat: int = 1,
    tls: Mapping[str, Any] | None = None,
) -> Iterator[Answer]:
    """`repeat` requests one after the other. `tls`: the options of tls_context, and the `name` to ask for."""
    options = dict(tls or {})
    name = options.pop("name", None)
    context = None if tls is None else tls_context(**{"ca": None, **options})
    sent = {**({"Host": host} if host else {}), **(headers or {})}
    for _turn in range(repeat):
        yield Connection(address, port, timeout, context, name, source).ask(method, path, body, sent)


def send_from(host: Any, /, **request: Any) -> list[Answer]:
    """What `send` gives when a host, testinfra's, does it. One of the request's own arguments is called host, too."""
    program = Path(__file__).read_text()
    return [
        Answer(status, _message(headers), body.encode("latin-1"), error)
        for status, headers, body, error in json.loads(
            host.check_output("python3 -c %s %s", program, json.dumps(request))
        )
    ]


def _message(pairs: list[tuple[str, str]]) -> Message:
    message = Message()
    for name, value in pairs:
        message[name] = value
    return message


if __name__ == "__main__":
    answers = [
        [one.status, one.headers.items(), one.body.decode("latin-1"), one.error]
        for one in send(**json.loads(sys.argv[1]))
    ]
    print(json.dumps(answers))
