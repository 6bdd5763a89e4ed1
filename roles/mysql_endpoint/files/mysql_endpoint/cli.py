"""The process: arguments, threads and the event loop."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import signal
import ssl
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server

from mysql_endpoint.answers import answers
from mysql_endpoint.cache import TIMEOUT, StateCache
from mysql_endpoint.modes import MODES
from mysql_endpoint.server import HttpServer
from mysql_endpoint.state import read_state
from mysql_endpoint.systemd import kept_listener, notify
from mysql_endpoint.tls import Certificate
from mysql_endpoint.writer import HeartbeatWriter

REOPEN = "reopen"


def arguments() -> argparse.Namespace:
    """Without defaults: those are the role's."""
    if sys.argv[1:2] == [REOPEN]:
        parser = argparse.ArgumentParser(
            prog=f"mysql-endpoint {REOPEN}",
            description="Lets the MySQL server of this host take writes again where it was the primary.",
        )
        parser.add_argument("command", choices=[REOPEN])
        parser.add_argument("--mysql-socket", required=True)
        parser.add_argument("--mysql-user", required=True)
        parser.add_argument("--ca", required=True, help="PEM file that the others' endpoints are verified with")
        parser.add_argument("--peer", action="append", default=[], help="NAME,ADDRESS,PORT")
        parser.add_argument("--mode", required=True, choices=list(MODES))
        return parser.parse_args()
    parser = argparse.ArgumentParser(
        prog="mysql-endpoint", description="Answers over HTTP what the MySQL server of this host is."
    )
    parser.add_argument("--address", required=True, help="address to listen on, * for all")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", default="", help="PEM file; without it there is no TLS")
    parser.add_argument("--key", default="", help="PEM file")
    parser.add_argument("--mysql-socket", required=True)
    parser.add_argument("--mysql-user", required=True)
    parser.add_argument("--mode", required=True, choices=list(MODES))
    parser.add_argument("--max-lag", type=float, required=True, help="seconds that a replica may be behind")
    return parser.parse_args()


def start(work: Callable[[], NoReturn], name: str) -> None:
    """Run `work` in a thread that the process depends on: when it ends, systemd starts the whole service again."""

    def run() -> None:
        try:
            work()
        except BaseException:
            traceback.print_exc()
        os._exit(1)

    threading.Thread(target=run, name=name, daemon=True).start()


def main() -> int:
    options = arguments()
    if importlib.util.find_spec("pymysql") is None:
        print("PyMySQL is missing on this host: install python3-pymysql", file=sys.stderr)
        return 1
    # At once: clients and heartbeats in progress are repeated by whoever needs them.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if getattr(options, "command", "") == REOPEN:
        # Here, because health checks wait while the service that answers them starts.
        from mysql_endpoint import joining, reopen

        watchers: dict[str, Callable[..., reopen.Reopener | joining.Joiner]] = {
            "pair": reopen.reopener,
            "group": joining.joiner,
        }
        peers = [reopen.Peer.parse(peer) for peer in options.peer]
        notify("READY=1")
        watchers[options.mode](options.mysql_socket, options.mysql_user, peers, options.ca).run()
    certificate = Certificate(options.certificate, options.key)
    try:
        certificate.load()
        listener = kept_listener(options.address, options.port)
    except OSError as error:
        place = options.certificate if isinstance(error, ssl.SSLError) else f"{options.address} port {options.port}"
        print(f"{error.filename or place}: {error}", file=sys.stderr)
        return 1

    def connection(read_timeout: float | None) -> Server:
        return Server(
            unix_socket=options.mysql_socket,
            user=options.mysql_user,
            connect_timeout=TIMEOUT,
            read_timeout=read_timeout,
        )

    queries = connection(TIMEOUT)
    mode = MODES[options.mode]
    cache = StateCache(lambda: read_state(queries), mode)
    start(cache.run, "query")
    # Without a timeout: a commit waits for its replica as long as the server is configured to.
    start(HeartbeatWriter(connection(None)).run, "heartbeat")
    notify("READY=1")
    server = HttpServer(listener, certificate, answers(cache.get, options.max_lag, mode))
    asyncio.run(server.run(lambda: notify("WATCHDOG=1")))
    return 1
