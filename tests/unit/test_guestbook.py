"""The guest book on SQLite: what it stores, what it refuses, and what it does when a database does not answer."""

import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles/appserver/files/guestbook"))

from guestbook import create_app, database, migrate
from guestbook.models import Base
from guestbook.settings import Settings, SettingsError
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

JSON = "application/json"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Callable[..., SimpleNamespace]]:
    """An application over SQLite files. The folder of a ``missing`` one is absent: it does not answer."""

    made = []

    def make(reads: tuple[str, ...] = (), missing: tuple[str, ...] = ()) -> SimpleNamespace:
        urls = {}
        for name in {"primary", *reads}:
            urls[name] = f"sqlite:///{tmp_path / name / 'db'}"
            if name not in missing:
                start(name)
        settings = Settings.from_environment(
            {
                "DATABASE_WRITE_URL": urls["primary"],
                "DATABASE_READ_URLS": " ".join(urls[name] for name in reads),
                "APP_SERVER_NAME": "app1",
            }
        )
        quick = replace(settings, retry_after=0.05, read_patience=0.2, write_patience=0.5)
        app = create_app(quick, TESTING=True)
        made.append(app)
        return SimpleNamespace(app=app, client=app.test_client(), start=start, database=app.extensions["guestbook"])

    def start(name: str) -> None:
        (tmp_path / name).mkdir()
        server = database.Server.at(
            make_url(f"sqlite:///{tmp_path / name / 'db'}"),
            Settings.from_environment({"DATABASE_WRITE_URL": "sqlite://"}),
            1,
        )
        Base.metadata.create_all(server.engine)
        server.engine.dispose()

    yield make
    for app in made:
        known = app.extensions["guestbook"]
        for server in [known.primary, *known.readers]:
            server.engine.dispose()


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_a_posted_entry_stands_on_the_page(stack) -> None:
    client = stack().client
    answer = client.post("/", data={"name": "Ada", "message": "Hello\nworld"})
    assert (answer.status_code, answer.headers["Location"], answer.headers["X-Database-Write"]) == (303, "/", "sqlite")
    page = client.get("/", headers={"X-Web-Server": "web1"})
    assert page.status_code == 200
    for text in ("Ada", "Hello\nworld", "<dd>web1</dd>", "<dd>app1</dd>", "<dd>sqlite</dd>"):
        assert text in page.text
    assert (page.headers["X-App-Server"], page.headers["X-Database-Read"]) == ("app1", "sqlite")
    assert page.headers["Cache-Control"] == "no-store"


def test_text_cannot_become_markup(stack) -> None:
    client = stack().client
    client.post("/", data={"name": '"><i>', "message": "<script>alert(1)</script>"})
    page = client.get("/", headers={"X-Web-Server": "<u>"}).text
    assert "<script" not in page
    assert "<i>" not in page
    assert "<u>" not in page
    assert "&lt;script&gt;" in page


def test_the_page_needs_neither_inline_scripts_nor_inline_styles(stack) -> None:
    """Otherwise a Content-Security-Policy would have to allow them."""
    client = stack().client
    client.post("/", data={"name": "Ada", "message": "Hello"})
    page = client.get("/").text
    for inline in ("<script", "<style", " style=", " onclick=", "javascript:"):
        assert inline not in page


def test_static_files_are_there_and_named_by_content(stack) -> None:
    client = stack().client
    page = client.get("/").text
    assert "/static/style.css?v=" in page
    assert client.get("/static/style.css").mimetype == "text/css"
    assert "no-store" not in client.get("/static/style.css").headers.get("Cache-Control", "")


@pytest.mark.parametrize(
    ("name", "message", "problem"),
    [
        ("", "x", "name is empty"),
        ("   \n ", "x", "name is empty"),
        ("x", "", "message is empty"),
        ("x" * 81, "x", "name is longer than 80 characters"),
        ("x", "x" * 1001, "message is longer than 1000 characters"),
        ("x", None, "message must be text"),
        (["x"], "x", "name must be text"),
        ("x", "\ud800", "message holds half a character"),
    ],
)
def test_what_cannot_be_an_entry_is_refused_with_the_reason(stack, name, message, problem) -> None:
    client = stack().client
    answer = client.post("/api/entries", json={"name": name, "message": message})
    assert (answer.status_code, answer.json["error"]) == (422, problem)
    assert client.get("/api/entries").json == {"entries": []}


def test_a_refused_form_keeps_what_was_typed(stack) -> None:
    answer = stack().client.post("/", data={"name": "Ada", "message": "long " * 300})
    assert answer.status_code == 422
    assert 'value="Ada"' in answer.text
    assert "long long" in answer.text


@given(name=st.text(max_size=90), message=st.text(max_size=200))
@example(name="'; DROP TABLE entry; --", message="\\' OR 1=1 %s {{7*7}} %(x)s")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_stored_as_it_is_or_refused(shared_client, name, message) -> None:
    answer = shared_client.post("/api/entries", json={"name": name, "message": message})
    assert answer.status_code in {201, 422}
    if answer.status_code == 201:
        assert shared_client.get("/api/entries?limit=1").json["entries"] == [answer.json]
        assert shared_client.get("/").status_code == 200


@pytest.fixture
def shared_client(stack):
    return stack().client


def test_api_lists_newest_first_and_in_pages(stack) -> None:
    client = stack().client
    for number in range(5):
        assert client.post("/api/entries", json={"name": "Ada", "message": f"{number}"}).status_code == 201
    first = client.get("/api/entries?limit=2").json["entries"]
    assert [entry["message"] for entry in first] == ["4", "3"]
    rest = client.get(f"/api/entries?before={first[-1]['id']}").json["entries"]
    assert [entry["message"] for entry in rest] == ["2", "1", "0"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=-1", "before=1e3", "before=" + "9" * 40, "limit=²"]
)
def test_api_refuses_numbers_that_are_none(stack, query) -> None:
    answer = stack().client.get(f"/api/entries?{query}")
    assert answer.status_code == 400
    assert "must be a number" in answer.json["error"]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": "name=a&message=b", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": "{", "content_type": JSON}, 400),
        ({"data": "[]", "content_type": JSON}, 400),
        ({"data": b"\xff", "content_type": JSON}, 400),
        ({"data": b" " * 40_000, "content_type": JSON}, 413),
    ],
)
def test_api_errors_are_json(stack, options, status) -> None:
    answer = stack().client.post("/api/entries", **options)
    assert answer.status_code == status
    assert answer.json["error"]


def test_unknown_pages_and_methods(stack) -> None:
    client = stack().client
    assert client.get("/nothing").status_code == 404
    assert client.get("/api/nothing").json["error"]
    wrong = client.delete("/api/entries")
    assert (wrong.status_code, "POST" in wrong.headers["Allow"]) == (405, True)


class TestIdempotency:
    def test_a_repeat_gives_the_same_entry(self, stack) -> None:
        client = stack().client
        answers = [
            client.post("/api/entries", json={"name": "Ada", "message": "once"}, headers={"Idempotency-Key": "k-1"})
            for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [201, 201, 201]
        assert answers[0].json == answers[1].json == answers[2].json
        assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
        assert len(client.get("/api/entries").json["entries"]) == 1

    def test_a_key_belongs_to_one_entry(self, stack) -> None:
        client = stack().client
        key = {"Idempotency-Key": "k"}
        client.post("/api/entries", json={"name": "Ada", "message": "one"}, headers=key)
        answer = client.post("/api/entries", json={"name": "Ada", "message": "two"}, headers=key)
        assert answer.status_code == 422

    def test_entries_without_a_key_are_all_kept(self, stack) -> None:
        client = stack().client
        for _ in range(2):
            client.post("/api/entries", json={"name": "Ada", "message": "same"})
        assert len(client.get("/api/entries").json["entries"]) == 2

    @pytest.mark.parametrize("key", ["", "x" * 65, "a b", "é"])
    def test_a_key_must_be_simple(self, stack, key) -> None:
        answer = stack().client.post(
            "/api/entries", json={"name": "Ada", "message": "x"}, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 422

    def test_a_form_sent_twice_is_one_entry(self, stack) -> None:
        client = stack().client
        key = client.get("/").text.split('name="key" value="')[1].split('"')[0]
        for _ in range(2):
            assert client.post("/", data={"name": "Ada", "message": "x", "key": key}).status_code == 303
        assert len(client.get("/api/entries").json["entries"]) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "http://localhost:8080"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_only_this_sites_own_page_may_post(stack, headers, status) -> None:
    client = stack().client
    assert client.post("/", data={"name": "Ada", "message": "x"}, headers=headers).status_code == status
    assert len(client.get("/api/entries").json["entries"]) == (1 if status == 303 else 0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://www.foobar.com"}, 303),
        ({"Origin": "https://www.foobar.com"}, 303),
        ({"Origin": "https://www.foobar.com:8443"}, 303),
        ({"Origin": "http://www.foobar.com"}, 403),
        ({"Origin": "https://foobar.com"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_only_this_sites_own_page_may_post_over_https(stack, headers, status) -> None:
    """Not a page that came over plain HTTP either: anybody on the way may have written that."""
    client = stack().client
    answer = client.post("/", base_url="https://www.foobar.com", data={"name": "Ada", "message": "x"}, headers=headers)
    assert answer.status_code == status


class TestHeaders:
    """What browsers are told. Graded as a whole by MDN's HTTP Observatory."""

    @pytest.mark.parametrize("path", ["/", "/nothing", "/api/entries", "/api/nothing", "/healthz", "/static/style.css"])
    def test_every_answer_says_what_a_browser_may_do_with_it(self, stack, path) -> None:
        headers = stack().client.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy == {
            "default-src": "'none'",
            "style-src": "'self'",
            "img-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]

    def test_a_database_that_is_away_takes_no_header_with_it(self, stack) -> None:
        answer = stack(missing=("primary",)).client.get("/")
        assert answer.status_code == 503
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    def test_the_page_uses_only_what_its_policy_allows(self, stack) -> None:
        client = stack().client
        client.post("/", data={"name": "Ada", "message": "Hello"})
        page = client.get("/").text
        for tag in re.findall(r"<(?:link|img|form|script|iframe|base|object)\b[^>]*>", page):
            assert re.search(r'(?:href|src|action)="/', tag), tag
        assert "<script" not in page
        assert "<base" not in page

    @pytest.mark.parametrize(("base", "secure"), [("http://localhost", False), ("https://localhost", True)])
    def test_a_cookie_stays_where_it_was_set(self, stack, base, secure) -> None:
        answer = stack().client.post("/", base_url=base, data={"name": "Ada", "message": "x"})
        said = answer.headers["Set-Cookie"]
        assert "HttpOnly" in said
        assert "SameSite=Lax" in said
        assert ("Secure" in said) is secure


class TestDatabases:
    def test_reads_prefer_the_replica(self, stack) -> None:
        site = stack(reads=("replica", "primary"))
        site.client.post("/api/entries", json={"name": "Ada", "message": "x"})
        assert site.client.get("/api/entries").json["entries"] == []

    def test_whoever_has_just_posted_reads_the_primary(self, stack) -> None:
        """Catches a page that does not show the entry because the replica lags (here: for ever)."""
        site = stack(reads=("replica", "primary"))
        site.client.post("/", data={"name": "Ada", "message": "just now"})
        assert "just now" in site.client.get("/").text
        assert "just now" not in site.app.test_client().get("/").text

    def test_a_dead_replica_costs_no_request(self, stack) -> None:
        site = stack(reads=("replica", "primary"), missing=("replica",))
        assert site.client.get("/").status_code == 200
        health = site.client.get("/healthz")
        assert (health.status_code, health.json["status"]) == (200, "degraded")

    def test_a_dead_replica_is_asked_once_and_again_when_it_is_back(self, stack, monkeypatch) -> None:
        site = stack(reads=("replica", "primary"), missing=("replica",))
        replica = site.database.readers[0]
        asked = []
        session = database.Server.session
        monkeypatch.setattr(database.Server, "session", lambda self: (asked.append(self), session(self))[1])
        for _ in range(3):
            assert site.client.get("/").status_code == 200
        assert asked.count(replica) == 1
        site.start("replica")
        assert eventually(lambda: not replica.down)
        site.client.get("/")
        assert asked.count(replica) == 2
        assert site.client.get("/healthz").json["status"] == "ok"

    def test_without_the_primary_the_site_can_be_read(self, stack) -> None:
        site = stack(reads=("replica", "primary"), missing=("primary",))
        assert site.client.get("/").status_code == 200
        health = site.client.get("/healthz")
        assert (health.status_code, health.json["degraded"]) == (200, True)
        refused = site.client.post("/", data={"name": "Ada", "message": "x"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert "takes new entries" in refused.text
        assert site.client.post("/api/entries", json={"name": "Ada", "message": "x"}).json["error"]

    def test_the_fresh_cookie_does_not_insist_on_a_dead_primary(self, stack) -> None:
        site = stack(reads=("replica",), missing=("primary",))
        site.client.set_cookie("guestbook_fresh", "1")
        assert site.client.get("/").status_code == 200

    def test_a_connection_that_breaks_is_not_a_server_that_is_down(self, stack, monkeypatch) -> None:
        """Catches a 503 while the only server left runs: nothing but one of its connections was lost."""
        site = stack()
        session = database.Server.session
        broken = iter([True, False, True, False])

        def breaking(self):
            if next(broken):
                raise OperationalError("SELECT", {}, ConnectionError("Broken pipe"))
            return session(self)

        monkeypatch.setattr(database.Server, "session", breaking)
        assert site.client.post("/api/entries", json={"name": "Ada", "message": "once"}).status_code == 201
        assert [entry["message"] for entry in site.client.get("/api/entries").json["entries"]] == ["once"]

    def test_a_commit_whose_answer_was_lost_is_not_done_twice(self, stack, monkeypatch) -> None:
        site = stack()
        commit = Session.commit
        lost = iter([True])

        def commit_and_break(self):
            commit(self)
            if next(lost, False):
                raise OperationalError("COMMIT", {}, ConnectionError("Broken pipe"))

        monkeypatch.setattr(Session, "commit", commit_and_break)
        assert site.client.post("/api/entries", json={"name": "Ada", "message": "once"}).status_code == 201
        assert len(site.client.get("/api/entries").json["entries"]) == 1

    def test_the_last_server_left_is_asked_even_if_it_is_marked(self, stack) -> None:
        site = stack(reads=("replica", "primary"), missing=("replica",))
        site.database.primary.mark_down(OSError("once"))
        assert site.client.get("/").status_code == 200

    def test_without_any_database_the_page_says_so(self, stack) -> None:
        site = stack(reads=("replica", "primary"), missing=("replica", "primary"))
        page = site.client.get("/")
        assert page.status_code == 503
        assert "No database answers" in page.text
        assert site.client.get("/api/entries").status_code == 503
        health = site.client.get("/healthz")
        assert (health.status_code, health.json["status"]) == (503, "unavailable")

    def test_a_database_without_the_table_does_not_count(self, stack) -> None:
        """One that was made anew. Red with a health that only asks whether somebody answers."""
        site = stack()
        missing = [True]

        def execute(_cursor, statement, *_):
            if missing and "entry" in statement:
                raise sqlite3.ProgrammingError(1146, "Table 'guestbook.entry' doesn't exist")

        event.listen(site.database.primary.engine, "do_execute", execute)
        health = site.client.get("/healthz")
        assert (health.status_code, health.json["status"]) == (503, "unavailable")
        missing.clear()
        assert site.client.get("/healthz").json == {
            "status": "ok",
            "degraded": False,
            "database": {"read": "sqlite", "write": "sqlite"},
        }

    def test_the_primary_takes_posts_again_when_it_is_back(self, stack) -> None:
        site = stack(missing=("primary",))
        assert site.client.post("/", data={"name": "Ada", "message": "x"}).status_code == 503
        site.start("primary")
        assert eventually(lambda: site.client.post("/", data={"name": "Ada", "message": "x"}).status_code == 303)


class TestRoleChange:
    """The primary moves behind its address, and what that costs is time."""

    @pytest.fixture
    def read_only(self, monkeypatch):
        """Have every server refuse writes as MySQL does, for so many attempts."""

        def refuse(site, times, number=1290):
            attempts = iter(range(times))

            def execute(_cursor, statement, _parameters, _context):
                if statement.startswith("INSERT") and next(attempts, None) is not None:
                    raise sqlite3.OperationalError(number, "running with the --super-read-only option")

            event.listen(site.database.primary.engine, "do_execute", execute)

        return refuse

    @pytest.mark.parametrize("number", [1290, 1836])
    def test_a_write_waits_until_a_server_takes_it(self, stack, read_only, number) -> None:
        site = stack()
        read_only(site, 3, number)
        assert site.client.post("/api/entries", json={"name": "Ada", "message": "once"}).status_code == 201
        assert len(site.client.get("/api/entries").json["entries"]) == 1
        assert site.client.get("/healthz").json["status"] == "ok"

    def test_the_pool_leaves_the_wrong_server(self, stack, read_only) -> None:
        """Every connection of its age leads to the same one. Red if only the next attempt is a new one by chance."""
        site = stack()
        site.client.get("/")
        connected = []
        event.listen(site.database.primary.engine, "connect", lambda *_: connected.append(1))
        read_only(site, 1)
        assert site.client.post("/", data={"name": "Ada", "message": "x"}).status_code == 303
        assert len(connected) == 1

    def test_a_server_that_never_takes_writes_is_waited_for_so_long(self, stack, read_only) -> None:
        site = stack()
        read_only(site, 10**6)
        started = time.monotonic()
        assert site.client.post("/", data={"name": "Ada", "message": "x"}).status_code == 503
        assert 0.3 < time.monotonic() - started < 3

    def test_a_primary_that_is_away_for_a_moment_costs_that_moment(self, stack) -> None:
        site = stack(missing=("primary",))
        threading.Timer(0.2, site.start, ["primary"]).start()
        started = time.monotonic()
        assert site.client.post("/api/entries", json={"name": "Ada", "message": "x"}).status_code == 201
        assert time.monotonic() - started > 0.15
        assert site.client.get("/api/entries").json["entries"]

    def test_nobody_waits_for_a_primary_that_is_gone(self, stack) -> None:
        """Only those who came within the first moments. Red if each waits anew: no worker would be left for readers."""
        site = stack(missing=("primary",))
        assert site.client.post("/", data={"name": "Ada", "message": "x"}).status_code == 503
        started = time.monotonic()
        for _ in range(5):
            assert site.client.post("/", data={"name": "Ada", "message": "x"}).status_code == 503
        assert time.monotonic() - started < 1

    def test_health_is_asked_without_patience(self, stack) -> None:
        site = stack(missing=("primary",))
        started = time.monotonic()
        assert site.client.get("/healthz").status_code == 503
        assert time.monotonic() - started < 0.3

    def test_a_write_ends_before_a_proxy_gives_up(self) -> None:
        """And not in the moment at which MySQL goes on without a replica: 10 s after the commit."""
        known = Settings.from_environment({"DATABASE_WRITE_URL": "sqlite://"})
        assert known.write_timeout > 10 + 2
        assert known.write_patience + database.PAUSE + known.connect_timeout + known.write_timeout < 30


class TestSettings:
    def test_names_the_variable_but_not_its_value(self) -> None:
        with pytest.raises(SettingsError) as raised:
            Settings.from_environment({"DATABASE_WRITE_URL": "mysql+pymysql:/guestbook:secret"})
        assert "DATABASE_WRITE_URL is not a database URL" in str(raised.value)
        assert "secret" not in str(raised.value)
        with pytest.raises(SettingsError, match="not set"):
            Settings.from_environment({})

    def test_reads_go_to_the_primary_when_nothing_else_is_named(self) -> None:
        found = Settings.from_environment({"DATABASE_WRITE_URL": "sqlite:///x"})
        assert found.read_urls == (found.write_url,)

    def test_mysql_is_asked_quickly_and_encrypted(self) -> None:
        url = make_url("mysql+pymysql://u:p@db1/guestbook?ssl=true")
        known = Settings.from_environment({"DATABASE_WRITE_URL": "sqlite://"})
        plain, arguments = database._connect_arguments(url, known, 2)
        assert "ssl" not in plain.query
        assert arguments == {
            "charset": "utf8mb4",
            "connect_timeout": 2,
            "read_timeout": 2,
            "write_timeout": 2,
            "ssl": {"check_hostname": False, "verify_mode": False},
        }

    def test_a_named_authority_is_never_overridden(self, tmp_path) -> None:
        """Catches ssl=true beside ssl_ca, which would encrypt and verify nothing."""
        (tmp_path / "ca.pem").write_text("")
        text = f"mysql+pymysql://u:p@db1/guestbook?ssl=true&ssl_ca={tmp_path}/ca.pem"
        known = Settings.from_environment({"DATABASE_WRITE_URL": text})
        plain, arguments = database._connect_arguments(known.write_url, known, 2)
        assert "ssl" not in arguments
        _arguments, options = plain.get_dialect()().create_connect_args(plain)
        assert options["ssl"] == {"ca": f"{tmp_path}/ca.pem"}

    def test_an_authority_that_is_not_there_is_named(self) -> None:
        with pytest.raises(
            SettingsError, match=r"DATABASE_WRITE_URL: /nowhere/ca.pem \(ssl_ca\) cannot be read: No such"
        ):
            Settings.from_environment(
                {"DATABASE_WRITE_URL": "mysql+pymysql://u:p@db1/guestbook?ssl_ca=/nowhere/ca.pem"}
            )


def test_migration_can_be_repeated(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_WRITE_URL", "sqlite:////nowhere/db")
    monkeypatch.setenv("DATABASE_MIGRATE_URL", f"sqlite:///{tmp_path}/db")
    migrate.main()
    migrate.main()
    assert (tmp_path / "db").exists()


def test_migration_waits_for_a_primary_that_moves(tmp_path, monkeypatch) -> None:
    """And says at the end what was wrong. Red if the first server that takes no writes fails a release."""
    monkeypatch.setenv("DATABASE_WRITE_URL", f"sqlite:///{tmp_path}/db")
    refused = iter([True, True, False])
    create = migrate.CreateTable

    def refusing(table, **options):
        if next(refused):
            raise OperationalError("CREATE", {}, sqlite3.OperationalError(1290, "super-read-only"))
        return create(table, **options)

    monkeypatch.setattr(migrate, "CreateTable", refusing)
    migrate.main()
    monkeypatch.setattr(Settings, "write_patience", 0)
    monkeypatch.setenv("DATABASE_WRITE_URL", "sqlite:////nowhere/db")
    with pytest.raises(database.DatabaseUnavailableError, match="/nowhere/db: unable to open"):
        migrate.main()
