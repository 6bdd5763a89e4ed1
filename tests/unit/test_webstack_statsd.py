"""webstack-statsd: what it takes of what applications send, and what it makes of it."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webstack_statsd import cli, metrics
from webstack_statsd.lines import Event, RefusedError, parse
from webstack_statsd.metrics import Metrics


def shown(*lines: str, after: float = 60.0) -> list[str]:
    """What is written of these lines, without comments and what was refused."""
    found = Metrics()
    for line in lines:
        found.add(parse(line), 0.0)
    text = found.text(after).splitlines()
    return [line for line in text if not line.startswith(("#", "webstack_statsd_refused_total"))]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("gunicorn.requests:1|c|@1.0", Event("gunicorn.requests", "c", 1)),
        ("gunicorn.request.status.503:1|c|@1.0", Event("gunicorn.responses", "c", 1, (("code", "5xx"),))),
        ("gunicorn.request.duration:12.5|ms", Event("gunicorn.request.duration", "ms", 0.0125)),
        ("gunicorn.workers:5|g", Event("gunicorn.workers", "g", 5)),
        ("shop.sold:2|c|@0.5", Event("shop.sold", "c", 4)),
        ("shop.waiting:-3|g", Event("shop.waiting", "g", -3, (), True)),
        ("shop.waiting:+3|g", Event("shop.waiting", "g", 3, (), True)),
        ("shop.time:1e3|ms|#kind:read,page:one", Event("shop.time", "ms", 1, (("kind", "read"), ("page", "one")))),
    ],
)
def test_what_a_line_says(line: str, event: Event) -> None:
    assert parse(line) == event


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "format"),
        ("shop.sold", "format"),
        ("shop.sold:|c", "format"),
        ("shop.sold:x|c", "format"),
        ("shop.sold:nan|c", "format"),
        ("shop.sold:1e99|c", "format"),
        ("shop.sold:-1|c", "format"),
        ("shop.sold:1|c|@0", "format"),
        ("shop.sold:1|c|@1.2.3", "format"),
        ("shop.sold:1|c|@2", "format"),
        ("9shop:1|c", "format"),
        ("x" * 121 + ":1|c", "format"),
        ("shop{}:1|c", "format"),
        ("shop.sold:1|c|#page:/entries/1", "format"),
        ("shop.sold:1|c|#le:1", "format"),
        ("shop.sold:1|c|#instance:web9", "format"),
        ("shop.sold:1|c|#a:1,b:1,c:1,d:1,e:1", "format"),
        ("shop.sold:1|c|#kind", "format"),
        ('shop.sold:1|c|#kind:"', "format"),
        ("shop.visitors:ada|s", "format"),
        ("shop.visitors:1|s", "type"),
        ("shop.size:1|h", "type"),
    ],
)
def test_what_is_not_counted(line: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        parse(line)


def test_what_is_shown_of_each_kind() -> None:
    lines = ["shop.sold:1|c", "shop.sold:2|c|#kind:a", "my-shop.open:4|g", "my-shop.open:-1|g"]
    assert shown(*lines) == ["app_my_shop_open 3", "app_shop_sold_total 1", 'app_shop_sold_total{kind="a"} 2']
    text = shown("shop.time:5|ms|#kind:a", "shop.time:90|ms|#kind:a", "shop.time:31000|ms|#kind:a")
    assert text[0] == 'app_shop_time_seconds_bucket{kind="a",le="0.005"} 1'
    assert 'app_shop_time_seconds_bucket{kind="a",le="0.05"} 1' in text
    assert 'app_shop_time_seconds_bucket{kind="a",le="0.1"} 2' in text
    assert text[-4:] == [
        'app_shop_time_seconds_bucket{kind="a",le="30"} 2',
        'app_shop_time_seconds_bucket{kind="a",le="+Inf"} 3',
        'app_shop_time_seconds_sum{kind="a"} 31.095',
        'app_shop_time_seconds_count{kind="a"} 3',
    ]


def test_a_new_counter_begins_with_nothing() -> None:
    """Red where the first error of a host would be no increase, and no alert."""
    assert shown("shop.sold:7|c", after=metrics.NEW - 1) == ["app_shop_sold_total 0"]
    assert shown("shop.sold:7|c", after=metrics.NEW) == ["app_shop_sold_total 7"]


def test_no_two_metrics_have_one_name() -> None:
    """Red where node_exporter would refuse the file, and with it each number that applications send."""
    found = Metrics()
    found.add(parse("shop.time:1|ms"), 0)
    for line in ("shop.time:1|c", "shop.time.seconds.count:1|g", "shop_time:1|ms", "shop.time.seconds:1|g"):
        with pytest.raises(RefusedError, match="type"):
            found.add(parse(line), 0)
    found.add(parse("shop.time.other:1|g"), 0)


def test_an_application_cannot_fill_prometheus() -> None:
    found, refused = Metrics(), []
    for number in range(2 * metrics.SERIES):
        for line in (f"shop.a:1|c|#id:{number}", f"shop.b{number}:1|ms"):
            try:
                found.add(parse(line), 0)
            except RefusedError as error:
                refused.append(str(error))
    assert refused == ["limit"] * 3 * metrics.SERIES
    assert len(found.metrics["shop.a"].series) == metrics.SERIES_OF_ONE
    # What is known goes on.
    found.add(parse("shop.a:1|c|#id:0"), 0)


LIKELY = st.from_regex(r"[a-z]{1,2}(\.[a-z]{1,3}){0,2}:\d+\|(c|g|ms)", fullmatch=True)


@given(lines=st.lists(st.text(max_size=40) | LIKELY))
def test_whatever_comes_the_text_is_well_formed(lines: list[str]) -> None:
    found = Metrics()
    for line in lines:
        cli.take(line.encode("utf-8", "surrogatepass"), found, 0.0)
    text = found.text(60.0)
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+({(\w+=\"[^\"]+\",?)+})? [0-9.e+-]+", line), line


def test_lines_that_are_not_counted_are_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Not for ever on the journal, and nothing that a terminal would obey."""
    found = Metrics()
    cli.take(b"a:1|c\nb:1|s\n\xff\x1b[0m", found, 0.0)
    assert capsys.readouterr().err.splitlines() == [
        "<5>not counted (type): 'b:1|s'",
        r"<5>not counted (format): '\ufffd\x1b[0m'",
    ]
    for _ in range(50):
        cli.take(b"b:1|s", found, 0.0)
    assert len(capsys.readouterr().err.splitlines()) == cli.TOLD - 2
    assert 'webstack_statsd_refused_total{reason="type"} 51' in found.text(0)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(cli, "WAIT", 0.01)
    made = cli.listener("127.0.0.1:0")
    yield made
    made.close()


def test_what_is_sent_stands_in_the_file(receiver: socket.socket, tmp_path: Path) -> None:
    left: list[Any] = [None, None, None]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"shop.open:1|g\nshop.open:+4|g", receiver.getsockname())
        sender.sendto(b"shop.closed:2|g", receiver.getsockname())
    cli.serve(receiver, tmp_path / cli.FILE, lambda: bool(left and not left.pop()))
    assert "app_shop_open 5\n" in (tmp_path / cli.FILE).read_text()
    assert "app_shop_closed 2\n" in (tmp_path / cli.FILE).read_text()
    assert [file.name for file in tmp_path.iterdir()] == [cli.FILE]


def test_it_listens_on_either_family() -> None:
    with cli.listener("[::1]:0") as found:
        assert found.getsockname()[0] == "::1"
