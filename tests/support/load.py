#!/usr/bin/python3
"""Requests all the time while something happens, and how each of them ended: load [OPTION...] [COMMAND...]

Half of the clients, if so wanted, use a kept connection, the others a new one every time. A command starts when a
quarter of the requests is done, and the requests outlast it; without one they go on until a file appears. Prints JSON:

made, during   requests, and those of them that came while the command ran
ends           how often each status, or each error, was the end of a request
failures       the ends that were not 200, in their order
handshakes     how often a certificate was shown, by its SHA-256
served         the certificates in the order in which they were shown
headers        how often each value of --header came
values         the values of --json in the order in which they came
repeated       requests that were sent once more, see --repeat-closed
slowest        seconds
status, output of the command
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import select
import ssl
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from connection import Connection, tls_context

AT_MOST = 60
"""Times the requests asked for, should the command never end."""
LONGEST = 900
"""Seconds, should the file never appear."""
PATIENCE = 20
"""Seconds for a certificate that was put in place to be served."""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--name", help="name of the server, for the Host header and its certificate")
    parser.add_argument("--path", default="/")
    parser.add_argument("--plain", action="store_true", help="speak HTTP without TLS")
    parser.add_argument("--ca", help="file with the CA's certificate; without it every certificate is accepted")
    parser.add_argument("--requests", type=int, default=1, help="make at least so many")
    parser.add_argument("--until", type=Path, help="file that ends the requests")
    parser.add_argument("--until-served", type=Path, help="go on until this certificate is served")
    parser.add_argument("--clients", type=int, default=4, help="so many at a time")
    parser.add_argument("--new", action="store_true", help="no client keeps its connection")
    parser.add_argument("--pause", type=float, default=0.002, help="seconds between two requests of a client")
    parser.add_argument("--header", help="header whose values are counted")
    parser.add_argument("--json", help="key of the answer's body whose values are noted")
    parser.add_argument(
        "--repeat-closed",
        action="store_true",
        help="as browsers do: use no connection that is seen to be closed, and repeat a GET once when a kept "
        "connection turns out to be closed before a byte of the answer (RFC 9112, 9.3.1)",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


class Load:
    """The clients and what they found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.context = None if options.plain else tls_context(options.ca, check_name=bool(options.ca))
        self.lock = threading.Lock()
        self.made = self.during = self.repeated = 0
        self.slowest = 0.0
        self.ends: Counter[str] = Counter()
        self.failures: list[str] = []
        self.handshakes: Counter[str] = Counter()
        self.served: list[str] = []
        self.headers: Counter[str] = Counter()
        self.values: list[str] = []
        self.started, self.finished = threading.Event(), threading.Event()
        self.begun = time.monotonic()

    def goes_on(self) -> bool:
        if self.options.until:
            return not self.options.until.exists() and time.monotonic() < self.begun + LONGEST
        wanted = self.options.requests
        return (self.made < wanted or not self.finished.is_set()) and self.made < max(wanted, 1000) * AT_MOST

    def connect(self) -> Connection:
        options = self.options
        connection = Connection(options.address, options.port, 20, self.context, options.name)
        connection.connect()
        if self.context:
            shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True)).hexdigest()
            with self.lock:
                self.handshakes[shown] += 1
                if shown not in self.served[-1:]:
                    self.served.append(shown)
        return connection

    def get(self, connection: Connection) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection.request("GET", self.options.path, headers={"Host": self.options.name} if self.options.name else {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def one(self, connection: Connection | None) -> Connection | None:
        """A request on this connection, or on a new one; the connection on which the next may go."""
        # http.client forgets the socket when the server says that it closes the connection.
        kept = connection is not None and connection.sock is not None
        if kept and self.options.repeat_closed:
            # Readable before anything was asked: its end.
            kept = not select.select([connection.sock], [], [], 0)[0]
        began, answer = time.monotonic(), None
        try:
            connection = connection if kept else self.connect()
            try:
                answer = self.get(connection)
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                if not (kept and self.options.repeat_closed):
                    raise
                with self.lock:
                    self.repeated += 1
                connection = self.connect()
                answer = self.get(connection)
            end = str(answer[0])
        except (OSError, http.client.HTTPException) as error:
            end = repr(error)
            if connection is not None:
                connection.close()
            connection = None
        self.note(end, answer, time.monotonic() - began)
        return connection

    def note(self, end: str, answer: tuple[int, http.client.HTTPMessage, bytes] | None, seconds: float) -> None:
        with self.lock:
            self.made += 1
            self.during += self.started.is_set() and not self.finished.is_set()
            self.slowest = max(self.slowest, seconds)
            self.ends[end] += 1
            if end != "200":
                self.failures.append(end)
            if answer and self.options.header:
                self.headers[str(answer[1][self.options.header])] += 1
            if answer and self.options.json and end == "200":
                value = json.loads(answer[2]).get(self.options.json)
                if value and value not in self.values:
                    self.values.append(value)

    def client(self, keep: bool) -> None:
        connection = None
        while self.goes_on():
            connection = self.one(connection)
            if not keep and connection is not None:
                connection.close()
                connection = None
            time.sleep(self.options.pause)

    def run(self) -> dict[str, object]:
        clients = [
            threading.Thread(target=self.client, args=(not self.options.new and number % 2 == 0,))
            for number in range(self.options.clients)
        ]
        for thread in clients:
            thread.start()
        status, output = 0, ""
        if self.options.command:
            while self.made < self.options.requests // 4:
                time.sleep(0.01)
            self.started.set()
            done = subprocess.run(self.options.command, check=False, capture_output=True, text=True)
            status, output = done.returncode, done.stdout + done.stderr
        if self.options.until_served:
            self.wait_until_served(self.options.until_served)
        self.finished.set()
        for thread in clients:
            thread.join()
        names = ("made", "during", "repeated", "ends", "failures", "handshakes", "served", "headers", "values")
        found = {name: getattr(self, name) for name in names}
        return {**found, "slowest": self.slowest, "status": status, "output": output}

    def wait_until_served(self, certificate: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        leaf = certificate.read_text().partition("-----END CERTIFICATE-----")
        installed = hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf[0] + leaf[1])).hexdigest()
        while self.served[-1:] != [installed] and time.monotonic() < deadline:
            time.sleep(0.05)


if __name__ == "__main__":
    print(json.dumps(Load(parse()).run()))
