"""A FastAPI application: uvicorn's workers, and a WebSocket through the front door."""

import contextlib
import json

import packing
from connection import Answer
from stream import Stream
from websocket import ClosedError, WebSocket

CERTIFICATE = "import ssl; print(ssl.get_server_certificate(({!r}, 8000)))"


def test_the_page_and_its_script_are_there(site):
    assert "<h1>Chat</h1>" in site.get("/").text
    assert "WebSocket" in site.get("/static/chat.js").text


def test_messages_are_kept(site):
    """Through the socket into the database, and from there into another answer."""
    with WebSocket(site, "/ws") as socket:
        answered = json.loads(socket.ask("hello"))
    assert answered["text"] == "hello"
    assert "hello" in site.get("/messages").json()


def test_a_socket_outlives_the_exchange_of_the_certificate(site, play, on_host, inventory):
    """The application's certificate is replaced while messages come and go, and used from the next connection on.

    Red when the workers are restarted for it, or go on with the former certificate.
    """

    def shown() -> str:
        address = inventory.address(inventory.groups["appservers"][0])
        return on_host.check_output("python3 -c %s", CERTIFICATE.format(address))

    def talk() -> Answer:
        try:
            return Answer(200 if json.loads(socket.ask("still there?"))["text"] == "still there?" else 0)
        except (ClosedError, OSError) as error:
            return Answer(0, error=repr(error))

    before = shown()
    with WebSocket(site, "/ws") as socket, Stream(talk, pause=0.2) as messages:
        run = play("rotate_certificates.yml", "-e", "webstack_rotate=application")
        assert run.succeeded, run.output
        messages.more(5)
    assert messages.failed == []
    assert shown() != before
    assert site.get("/").status == 200


def test_the_sockets_of_the_release_before_are_closed(site, release, serving, on_host):
    """A release lets them end: its page opens new ones. Red when a worker is killed for an open socket."""
    before = serving()
    with WebSocket(site, "/ws") as socket:
        run = release("1.1", {"chat/page.html": lambda text: text.replace("Say it", "Send it")})
        assert run.succeeded, run.output
        with contextlib.suppress(ClosedError, OSError):
            socket.ask("still there?")
    assert serving() != before
    assert "Send it" in site.get("/").text
    journal = on_host.check_output(f"journalctl --unit {packing.NAME} --since -5min --output cat")
    assert "SIGKILL" not in journal


def test_a_broken_release_is_refused(refused):
    """It fails while it starts, within a worker, which gunicorn would start again and again."""
    why = refused({"chat/main.py": lambda text: text + '\n\nmessages.append("!")\n'})
    assert "AttributeError" in why
