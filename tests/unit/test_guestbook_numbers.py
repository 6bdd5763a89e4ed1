"""The numbers that the guest book sends as statsd: of entries, and of what its visitors wait for."""

import contextlib
import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles/appserver/files/guestbook"))

from guestbook import create_app
from guestbook.models import Base
from guestbook.settings import Settings, SettingsError
from guestbook.statsd import Statsd

BASE = {"DATABASE_WRITE_URL": "sqlite://"}
POST = {"name": "Ada", "message": "x"}


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        found.setblocking(False)
        yield found


@pytest.fixture
def sent(receiver: socket.socket) -> Callable[[], list[str]]:
    """What has arrived since it was asked last, without the times."""

    def found() -> list[str]:
        lines = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines.append(re.sub(r":[0-9.]+\|ms", ":|ms", receiver.recv(1000).decode()))
        return lines

    return found


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A visitor of a guest book that sends to this address. Without a folder its database does not answer."""
    made = []

    def make(address: tuple[str, int], folder: Path = tmp_path) -> Any:
        url = {"DATABASE_WRITE_URL": f"sqlite:///{folder}/db"}
        where = {"STATSD_HOST": address[0], "STATSD_PORT": str(address[1]), "STATSD_PREFIX": "shop"}
        app = create_app(replace(Settings.from_environment(url | where), read_patience=0.1, write_patience=0.1))
        made.append(app.extensions["guestbook"].primary.engine)
        if folder.exists():
            Base.metadata.create_all(made[-1])
        return app.test_client()

    yield make
    for engine in made:
        engine.dispose()


def test_of_entries_and_queries(client: Any, receiver: socket.socket, sent: Any) -> None:
    """One that is sent twice is one entry, and what the health check asks is no visitor's."""
    visitor = client(receiver.getsockname())
    for _ in range(2):
        visitor.post("/api/entries", json=POST, headers={"Idempotency-Key": "1"})
    query = "shop.database.query:|ms|#kind:write"
    assert sent() == [query, "shop.entries.written:1|c", query]
    visitor.post("/", data=POST)
    assert sent() == [query, "shop.entries.written:1|c"]
    visitor.get("/")
    assert sent() == ["shop.database.query:|ms|#kind:read"]
    visitor.get("/healthz")
    assert sent() == []


def test_of_databases_that_do_not_answer(client: Any, receiver: socket.socket, sent: Any, tmp_path: Path) -> None:
    visitor = client(receiver.getsockname(), tmp_path / "missing")
    assert visitor.get("/").status_code == 503
    assert sent() == ["shop.database.query:|ms|#kind:read", "shop.database.errors:1|c|#kind:read"]
    assert visitor.post("/", data=POST).status_code == 503
    assert sent() == ["shop.database.query:|ms|#kind:write", "shop.database.errors:1|c|#kind:write"]


def test_are_lost_where_nobody_listens(client: Any, receiver: socket.socket) -> None:
    """A socket that is connected would fail at every other one."""
    address = receiver.getsockname()
    receiver.close()
    visitor = client(address)
    assert [visitor.get("/").status_code for _ in range(3)] == [200, 200, 200]
    Statsd(None).count("x")


def test_go_where_the_environment_says() -> None:
    assert Settings.from_environment(BASE).statsd is None
    assert Settings.from_environment(BASE | {"STATSD_HOST": "127.0.0.1"}).statsd == ("127.0.0.1", 8125)
    found = Settings.from_environment(BASE | {"STATSD_HOST": "::1", "STATSD_PORT": "9125", "STATSD_PREFIX": "shop"})
    assert (found.statsd, found.statsd_prefix) == (("::1", 9125), "shop")
    for port in ("0", "65536", "x", "²"):
        with pytest.raises(SettingsError, match="STATSD_PORT"):
            Settings.from_environment(BASE | {"STATSD_HOST": "::1", "STATSD_PORT": port})
