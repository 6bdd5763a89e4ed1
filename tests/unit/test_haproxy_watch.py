"""haproxy-watch: when it says that HAProxy is unwell, and when it believes it again."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from haproxy_watch.watch import FALL, RISE, UNWELL, WELL, Row, answers, settle
from hypothesis import given
from hypothesis import strategies as st


def verdicts(answered: list[bool]) -> list[str | None]:
    row, said = Row(), []
    for one in answered:
        row = row.then(one)
        said.append(row.verdict)
    return said


def test_one_stall_moves_no_address_and_a_hang_does() -> None:
    assert verdicts([True, True, True, False, True]) == [None, None, WELL, None, None]
    assert verdicts([True, False, False, False]) == [None, None, UNWELL, UNWELL]


@given(st.lists(st.booleans(), max_size=30))
def test_a_verdict_needs_so_many_in_a_row(answered: list[bool]) -> None:
    for end, verdict in enumerate(verdicts(answered), start=1):
        if verdict == WELL:
            assert answered[end - RISE : end] == [True] * RISE
        elif verdict == UNWELL:
            assert answered[end - FALL : end] == [False] * FALL


def test_the_file_follows_the_verdict_whoever_wrote_it_last(tmp_path: Path) -> None:
    """HAProxy's unit writes it, too: what is wrong there is put right, and nothing is written without need."""
    file = tmp_path / "health"
    assert settle(file, UNWELL)
    assert file.read_text() == UNWELL
    assert not settle(file, None)
    assert settle(file, WELL)
    assert not settle(file, WELL)
    file.write_text("1\n")
    assert settle(file, WELL)
    assert file.read_text() == WELL


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    ("said", "well"), [(b"HTTP/1.1 301 Moved\r\n\r\n", True), (b"HTTP/1.0 503 no\r\n\r\n", True), (b"220 smtp", False)]
)
def test_any_answer_in_http_will_do(listener: socket.socket, said: bytes, well: bool) -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(said)

    thread = threading.Thread(target=serve)
    thread.start()
    assert answers("127.0.0.1", listener.getsockname()[1], timeout=10) is well
    thread.join()


def test_a_process_that_hangs_is_no_answer(listener: socket.socket) -> None:
    """The kernel takes the connection, as it does for a stopped process; nobody reads it."""
    assert not answers("127.0.0.1", listener.getsockname()[1], timeout=0.05)


def test_nobody_there_is_no_answer(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert not answers("127.0.0.1", port, timeout=10)
