"""The unit and gunicorn's configuration, as systemd and gunicorn themselves read them."""

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

APPLICATION = {"/srv/app/hello.py": "def app(environ, start_response):\n    return []\n"}


@pytest.fixture
def unit(render_template):
    return lambda **variables: render_template("appserver", "app.service.j2", variables)


@pytest.fixture
def config(render_template):
    return lambda **variables: render_template(
        "appserver", "gunicorn.conf.py.j2", {"appserver_wsgi": "hello:app", **variables}
    )


@pytest.fixture
def settings(config, parser):
    """What gunicorn makes of it, setting by setting."""

    def run(**variables: Any) -> dict[str, Any]:
        program = (
            "import json\n"
            "from gunicorn.app.wsgiapp import WSGIApplication\n"
            "c = WSGIApplication('%(prog)s').cfg\n"
            "print(json.dumps({n: s.get() for n, s in c.settings.items()}, default=repr))"
        )
        done = parser(
            ["sh", "-c", f'cd /srv/app && exec python3 -c "{program}" --config /srv/gunicorn.conf.py --check-config'],
            {**APPLICATION, "/srv/gunicorn.conf.py": config(**variables)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "another application": {
        "appserver_name": "shop-2",
        "appserver_requirements": "requirements.txt",
        "appserver_start_timeout": 5,
        "appserver_graceful_timeout": 60,
    },
    "further directives": {
        "appserver_unit_options": {
            "MemoryMax": "512M",
            "MemoryDenyWriteExecute": False,
            "TasksMax": 100,
            "ReadWritePaths": ["/var/lib/a", "/var/lib/b"],
        }
    },
}


@pytest.mark.parametrize("variables", VARIANTS.values(), ids=VARIANTS)
def test_systemd_accepts_the_unit(unit, parser, variables) -> None:
    name = variables.get("appserver_name", "guestbook")
    done = parser(
        ["systemd-analyze", "verify", f"/etc/systemd/system/{name}.service"],
        {f"/etc/systemd/system/{name}.service": unit(**variables)},
    )
    complaints = [line for line in done.stderr.splitlines() if name in line]
    assert complaints == [], done.stderr


def test_systemd_would_have_said_something(unit, parser) -> None:
    """The test above is able to fail."""
    done = parser(
        ["systemd-analyze", "verify", "/etc/systemd/system/guestbook.service"],
        {"/etc/systemd/system/guestbook.service": unit(appserver_unit_options={"NoSuchDirective": "x"})},
    )
    assert "NoSuchDirective" in done.stderr


def test_the_unit_belongs_to_the_application(unit) -> None:
    text = lines(unit(appserver_name="shop"))
    for line in (
        "User=shop",
        "Group=shop",
        "WorkingDirectory=/srv/www/shop/current",
        "EnvironmentFile=/etc/appserver/shop/environment",
        "ReadWritePaths=/srv/www/shop/shared",
        "ExecStart=/usr/bin/python3 -m gunicorn --config /etc/appserver/shop/gunicorn.conf.py",
    ):
        assert line in text


def test_a_virtual_environment_is_the_releases_own(unit) -> None:
    """By a path relative to the release: by way of current, a running process would see the next one's files."""
    command = "ExecStart=/usr/bin/env .venv/bin/python3 -m gunicorn --config /etc/appserver/guestbook/gunicorn.conf.py"
    assert command in lines(unit(appserver_requirements="requirements.txt"))


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("sync", "sync"),
        # Neither is here; of old it was a part of uvicorn.
        ("uvicorn", "uvicorn.workers.UvicornWorker"),
        ("uvicorn.workers.UvicornWorker", "uvicorn.workers.UvicornWorker"),
        ("gevent", "gevent"),
    ],
)
def test_worker_classes_by_their_names(config, named, found) -> None:
    text = config(appserver_worker_class=named)
    made: dict[str, Any] = {}
    exec(text[text.index("import asyncio") :], made)  # noqa: S102
    assert made["worker_class"] == found
    # What was made before of the classes that it replaces would block, and never end.
    assert text.find("monkey.patch_all()") < text.find("import asyncio")
    assert ("monkey.patch_all()" in text) == (named == "gevent")


class TestAWorkerThatStops:
    """It answers whoever is connected."""

    @pytest.fixture
    def loaded(self, config) -> dict[str, Any]:
        found: dict[str, Any] = {}
        exec(config(), found)  # noqa: S102
        found["LINGER"] = 0.2
        return found

    def test_of_gevent_names_its_socket_when_that_is_closed(self, loaded) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        name = listener.getsockname()
        asked: list[Any] = []
        worker = SimpleNamespace(
            server_class=None,
            sockets=[listener],
            handle=lambda listener, client, address: asked.append((listener.getsockname(), client, address)),
        )
        loaded["answer_first"](worker)
        listener.close()
        worker.handle(listener, "client", "address")
        assert asked == [(name, "client", "address")]

    @pytest.mark.parametrize("kind", ["uvicorn", "asgi"])
    def test_with_an_event_loop_lingers_before_it_closes_connections(self, loaded, kind, monkeypatch) -> None:
        said: list[str] = []

        class Server:
            servers = (SimpleNamespace(close=lambda: said.append("listens no more")),)

            async def shutdown(self, sockets: object = None) -> None:
                said.append(f"closes connections of {sockets}")

            _shutdown = shutdown

        class Uvicorn:
            config = SimpleNamespace(ssl_certfile=None)

        monkeypatch.setitem(sys.modules, "uvicorn", SimpleNamespace())
        monkeypatch.setitem(sys.modules, "uvicorn.server", SimpleNamespace(Server=Server))
        worker = {"uvicorn": Uvicorn, "asgi": Server}[kind]()
        loaded["answer_first"](worker)

        async def stop() -> None:
            asyncio.get_running_loop().call_later(0.05, said.append, "answers")
            await (Server().shutdown("it") if kind == "uvicorn" else worker._shutdown("it"))

        asyncio.run(stop())
        assert said == ["listens no more", "answers", "closes connections of it"]

    def test_of_another_class_is_left_alone(self, loaded) -> None:
        worker = SimpleNamespace(sockets=[], handle=len)
        loaded["answer_first"](worker)
        assert worker.handle is len


@pytest.mark.parametrize(("most", "line"), [(4094, 4094), (8190, 8190), (16384, 0)])
def test_headers_as_large_as_the_proxies_let_pass(config, most, line) -> None:
    """gunicorn takes any number above 8190 for 8190, which a URL may exceed; HAProxy lets pass 101 headers."""
    text = lines(config(appserver_max_header_size=most))
    assert f"limit_request_line = {line}" in text
    assert f"limit_request_field_size = {most}" in text
    assert "limit_request_fields = 128" in text


def test_no_control_socket(config) -> None:
    """gunicorn makes one from 25.1 on, where the application may not write."""
    assert "control_socket_disable = True" in lines(config())


def test_further_directives_come_last(unit) -> None:
    """systemd takes the last word."""
    text = lines(unit(**VARIANTS["further directives"]))
    assert text[-10:-5] == [
        "MemoryDenyWriteExecute=false",
        "MemoryMax=512M",
        "ReadWritePaths=/var/lib/a",
        "ReadWritePaths=/var/lib/b",
        "TasksMax=100",
    ]
    assert text.index("MemoryDenyWriteExecute=true") < text.index("MemoryDenyWriteExecute=false")


def test_gunicorn_reads_the_defaults(settings) -> None:
    found = settings()
    assert found["bind"] == ["127.0.0.1:8000"]
    assert found["workers"] >= 3
    assert (found["threads"], found["timeout"], found["graceful_timeout"], found["max_requests"]) == (1, 30, 30, 0)
    assert found["forwarded_allow_ips"] == ["127.0.0.1", "::1"]
    assert (found["accesslog"], found["preload_app"], found["wsgi_app"]) == ("-", False, "hello:app")
    assert "when_ready" in found["when_ready"]


def test_gunicorn_reads_every_setting(settings) -> None:
    found = settings(
        appserver_bind={"address": "2001:db8::1", "port": 80},
        appserver_workers=7,
        appserver_threads=2,
        appserver_timeout=11,
        appserver_graceful_timeout=12,
        appserver_max_requests=1000,
        appserver_max_requests_jitter=100,
        appserver_forwarded_allow_ips=["198.18.0.21", "198.18.0.22"],
        appserver_access_log=False,
        appserver_preload=True,
        appserver_gunicorn_settings={
            "keepalive": 5,
            "loglevel": "warning",
            "proc_name": 'a "b" \\ ü',
            "reuse_port": True,
            "pidfile": None,
            "raw_env": ["A=b"],
        },
    )
    expected = {
        "bind": ["[2001:db8::1]:80"],
        "workers": 7,
        "threads": 2,
        "timeout": 11,
        "graceful_timeout": 12,
        "max_requests": 1000,
        "max_requests_jitter": 100,
        "forwarded_allow_ips": ["198.18.0.21", "198.18.0.22"],
        "accesslog": None,
        "preload_app": True,
        "keepalive": 5,
        "loglevel": "warning",
        "proc_name": 'a "b" \\ ü',
        "reuse_port": True,
        "pidfile": None,
        "raw_env": ["A=b"],
    }
    assert {name: found[name] for name in expected} == expected


class TestTls:
    """gunicorn's hook for contexts, run here with certificates that are made here."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        self.issue(tmp_path, "certificate.pem", "key.pem")
        return tmp_path

    @staticmethod
    def issue(folder: Path, certificate: str, key: str) -> None:
        """A certificate put in place as every program should: by renames."""
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=app"]
        files = ["-keyout", folder / "new.key", "-out", folder / "new.pem"]
        subprocess.run(["openssl", "req", "-x509", "-days", "2", *curve, *files], check=True, capture_output=True)
        (folder / "new.key").rename(folder / key)
        (folder / "new.pem").rename(folder / certificate)

    @pytest.fixture
    def loaded(self, config, folder, monkeypatch) -> dict[str, Any]:
        """The configuration as gunicorn has it once it has started."""
        # Python has it up to 3.11, and it is replaced for gunicorn 20.1.
        monkeypatch.setattr(ssl, "wrap_socket", lambda *_arguments, **options: options, raising=False)
        found: dict[str, Any] = {}
        files = {"certificate": f"{folder}/certificate.pem", "key": f"{folder}/key.pem"}
        exec(config(appserver_tls=files), found)  # noqa: S102
        found["SILENCE"] = 0.3
        found["on_starting"](None)
        return found

    @staticmethod
    def speak(loaded: dict[str, Any], client: ssl.SSLContext | None, session: Any = None) -> Any:
        """A connection of ``client`` to a worker; the client's side of it. Without a client, one that says nothing."""
        ends = socket.socketpair()
        worker = threading.Thread(target=lambda: TestTls.work(loaded, ends[0]))
        worker.start()
        try:
            if client is None:
                return ends[1].recv(1)
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            with client.wrap_socket(ends[1], session=session) as ours:
                ours.sendall(b"hello")
                assert ours.recv(10) == b"hello"
                return SimpleNamespace(
                    certificate=ours.getpeercert(True),
                    version=ours.version(),
                    suite=ours.cipher()[0],
                    session=ours.session,
                    resumed=ours.session_reused,
                )
        finally:
            worker.join(5)
            assert not worker.is_alive()
            ends[1].close()

    @staticmethod
    def work(loaded: dict[str, Any], end: socket.socket) -> None:
        """As a worker of gunicorn does it: an own context, no handshake of its own."""
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            context = loaded["ssl_context"](None, None)
            with context.wrap_socket(end, server_side=True, do_handshake_on_connect=False) as ours:
                ours.sendall(ours.recv(100))
        end.close()

    def test_a_context_made_once_for_all_shows_each_certificate_that_comes(self, loaded, folder) -> None:
        """As uvicorn's workers have it, and gunicorn's asgi: an event loop makes connections of it, without sockets."""
        settings = SimpleNamespace(ssl_certfile="c", ssl_keyfile="k", ssl=None, load=lambda: calls.append("load"))
        calls: list[str] = []
        loaded["give_context"](SimpleNamespace(config=settings))
        settings.load()
        assert calls == ["load"]
        # It would read the files itself, in the middle of an exchange, too.
        assert (settings.ssl_certfile, settings.ssl_keyfile) == (None, None)
        loaded["give_context"](SimpleNamespace())

        def shown() -> bytes:
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
            ends = [client.wrap_bio(back, there), settings.ssl.wrap_bio(there, back, server_side=True)]
            for end in ends * 2:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
            return ends[0].getpeercert(True)

        before = shown()
        self.issue(folder, "certificate.pem", "key.pem")
        assert shown() != before
        assert shown() == shown()

    def test_a_slow_client_gets_all_of_it_and_its_worker_lives(self, loaded) -> None:
        """Red with a worker whose notices stop while it sends: gunicorn kills it, and a large download ends early."""
        notices: list[float] = []
        loaded["post_fork"](None, SimpleNamespace(tmp=SimpleNamespace(notify=lambda: notices.append(time.monotonic()))))
        loaded["SILENCE"] = 0.1
        content = b"x" * 4_000_000
        ends = socket.socketpair()

        def work() -> None:
            with loaded["ssl_context"](None, None).wrap_socket(ends[0], server_side=True) as ours:
                ours.recv(100)
                ours.sendall(content)

        worker = threading.Thread(target=work)
        worker.start()
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        with client.wrap_socket(ends[1], suppress_ragged_eofs=True) as ours:
            ours.sendall(b"hello")
            time.sleep(1)
            until = len(notices)
            assert until > 5
            received = 0
            while got := ours.recv(65536):
                received += len(got)
        worker.join(5)
        assert received == len(content)

    def test_gunicorn_of_debian_12_gets_it_too(self, loaded, folder) -> None:
        """It has no hook: it hands the files to a function of Python, at each connection."""
        options = {"certfile": loaded["certfile"], "keyfile": loaded["keyfile"], "do_handshake_on_connect": False}
        with_hook = loaded["ssl_context"]
        loaded["ssl_context"] = lambda *_nothing: SimpleNamespace(
            wrap_socket=lambda end, **_: ssl.wrap_socket(end, server_side=True, **options)  # noqa: S504
        )
        first = self.speak(loaded, ssl.create_default_context())
        (folder / "key.pem").unlink()
        assert self.speak(loaded, ssl.create_default_context()).certificate == first.certificate
        loaded["ssl_context"] = with_hook
        # Whoever else calls it is none of our business.
        assert ssl.wrap_socket(None, certfile="other.pem") == {"server_side": False, "certfile": "other.pem"}  # noqa: S504

    def test_gunicorn_takes_the_hook(self, settings) -> None:
        found = settings(appserver_tls={"certificate": "/tls/c.pem", "key": "/tls/k.pem"})
        assert (found["certfile"], found["keyfile"]) == ("/tls/c.pem", "/tls/k.pem")
        assert "ssl_context" in found["ssl_context"]
        assert "on_starting" in found["on_starting"]
        assert found["do_handshake_on_connect"] is False

    def test_without_a_certificate_nothing_of_it_is_there(self, config) -> None:
        assert "import ssl" not in config()
        assert "\ncertfile" not in config()

    def test_a_session_is_resumed(self, loaded) -> None:
        """Catches a context for each connection: it cannot read the ticket of another one."""
        client = ssl.create_default_context()
        first = self.speak(loaded, client)
        assert not first.resumed
        assert self.speak(loaded, client, first.session).resumed

    def test_an_exchanged_certificate_is_used_at_once(self, loaded, folder) -> None:
        client = ssl.create_default_context()
        first = self.speak(loaded, client)
        self.issue(folder, "certificate.pem", "key.pem")
        second = self.speak(loaded, client, first.session)
        assert second.certificate != first.certificate
        assert not second.resumed
        assert self.speak(loaded, client).certificate == second.certificate

    def test_between_two_files_the_one_before_stays(self, loaded, folder, capsys) -> None:
        client = ssl.create_default_context()
        first = self.speak(loaded, client)
        self.issue(folder, "waiting.pem", "key.pem")
        for _twice in range(2):
            assert self.speak(loaded, client).certificate == first.certificate
        assert capsys.readouterr().out.count("stays in use: [X509: KEY_VALUES_MISMATCH]") == 1
        (folder / "waiting.pem").rename(folder / "certificate.pem")
        assert self.speak(loaded, client).certificate != first.certificate
        (folder / "certificate.pem").unlink()
        assert self.speak(loaded, client).certificate != first.certificate

    def test_a_start_without_a_certificate_says_so(self, loaded, folder) -> None:
        (folder / "key.pem").unlink()
        with pytest.raises(
            SystemExit, match=r"certificate\.pem cannot be used with the key .*/key\.pem: .*No such file"
        ):
            loaded["on_starting"](None)

    @pytest.mark.parametrize(
        ("suites", "outcome"),
        [
            ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2"),
            ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2"),
            ("ECDHE-ECDSA-AES128-SHA256", None),
            ("ECDHE-ECDSA-AES128-SHA", None),
        ],
    )
    def test_only_the_suites_of_the_guidelines(self, loaded, suites, outcome) -> None:
        client = ssl.create_default_context()
        assert self.speak(loaded, client).version == "TLSv1.3"
        client = ssl.create_default_context()
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        client.set_ciphers(suites)
        if outcome is None:
            with pytest.raises((ssl.SSLError, OSError)):
                self.speak(loaded, client)
        else:
            found = self.speak(loaded, client)
            assert (found.version, found.suite) == (outcome, suites)

    def test_a_silent_client_is_dropped(self, loaded) -> None:
        """Catches a worker that waits for the handshake for as long as the client likes."""
        started = time.monotonic()
        assert self.speak(loaded, None) == b""
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("bind", "listens"),
    [
        ({"port": 81}, "127.0.0.1:81"),
        ({"address": "198.18.0.21"}, "198.18.0.21:8000"),
        ({"address": "*", "port": 80}, "0.0.0.0:80"),
        ({"address": "::", "port": 80}, "[::]:80"),
    ],
)
def test_every_kind_of_address(config, bind, listens) -> None:
    assert f'bind = ["{listens}"]' in lines(config(appserver_bind=bind))


def test_the_unit_tells_whom_to_trust(unit) -> None:
    """The host checks ask as it says."""
    tls = {"certificate": "/tls/c.pem", "key": "/tls/k.pem"}
    assert lines(unit(appserver_tls=tls))[-2:] == ["TrustedBy=/tls/c.pem", "ServerName="]
    text = lines(unit(appserver_tls={**tls, "ca": "/tls/ca.pem", "name": "app.internal"}))
    assert text[-2:] == ["TrustedBy=/tls/ca.pem", "ServerName=app.internal"]


def test_both_start_with_the_notice(unit, config) -> None:
    assert unit().startswith("#\n# Ansible managed\n#\n")
    assert config().startswith("#\n# Ansible managed\n#\n")
