"""Trying, switching, going back and tidying up: on a folder as a host, with a JSON file as its service manager."""

import http.server
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._release import files, gunicorn, health
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import (
    Deployment,
    Requirements,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.differences import differences
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.gunicorn import check_listener, listener
from ansible_collections.foobar.webstack.plugins.module_utils._release.health import ask
from ansible_collections.foobar.webstack.plugins.module_utils._release.releases import is_present, unpack
from ansible_collections.foobar.webstack.plugins.module_utils._release.trial import candidate_unit
from release_host import CONFIG, UNIT, Host


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    host = Host(tmp_path / "host")
    monkeypatch.setattr(health, "ask", host.ask)
    monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
    return host


class TestRelease:
    def test_the_first_one(self, host) -> None:
        changed = host.deploy("a")
        assert host.serves == "a"
        assert os.readlink(host.at.current) == "releases/a"
        assert {"release", "service", "start at boot"} <= set(changed)
        assert host.at.environment.stat().st_mode & 0o777 == 0o600
        assert host.at.shared.stat().st_mode & 0o777 == 0o750
        assert 'SECRET="s"' in host.environment

    def test_once_is_enough(self, host) -> None:
        host.deploy("a")
        before = host.files()
        host.calls.clear()
        assert host.deploy("a") == []
        assert host.files() == before
        assert all(call[:2] == ["systemctl", "show"] or "show" in call for call in host.calls)

    def test_the_next_one(self, host) -> None:
        host.deploy("a")
        assert host.deploy("b") == ["release"]
        assert host.serves == "b"
        assert ["systemctl", "restart", "shop.service"] in host.calls
        assert ["systemctl", "stop", "shop.service"] not in host.calls

    def test_and_back(self, host) -> None:
        for name in "ab":
            host.deploy(name)
        host.archive = None
        assert host.deploy("a") == ["release"]
        assert host.serves == "a"

    @pytest.mark.parametrize("behaviour", ["error", "does not start"])
    def test_one_that_does_not_work_touches_nothing(self, host, behaviour) -> None:
        host.deploy("a")
        before, host.calls = host.files(), []
        with pytest.raises(ReleaseError) as raised:
            host.deploy("b", behaviour, environment={"NEW": "1"}, config=CONFIG + "workers = 3\n")
        for part in ("release b of shop does not work", "release a keeps serving", "Traceback: the reason"):
            assert part in str(raised.value)
        after = {
            name: text for name, text in host.files().items() if "/releases/b/" not in name and "archives" not in name
        }
        assert after == {name: text for name, text in before.items() if "archives" not in name}
        assert host.serves == "a"
        assert not any(word == "shop.service" for call in host.calls for word in call if "show" not in call)

    def test_one_that_does_not_work_is_tried_again(self, host) -> None:
        """It is on the host, and must not pass for the one that serves."""
        host.deploy("a")
        for _twice in range(2):
            with pytest.raises(ReleaseError, match="answered 500"):
                host.deploy("b", "error")
        (host.at.release("b") / "behaviour").write_text("answers")
        assert host.deploy("b") == ["release"]
        assert host.serves == "b"

    def test_one_that_does_not_work_in_place_is_taken_back(self, host) -> None:
        host.deploy("a", environment={"X": "old"})
        before = host.files()
        with pytest.raises(
            ReleaseError, match="answered on trial but not after the switch; release a was restored and serves"
        ):
            host.deploy("b", "answers on trial", environment={"X": "new"})
        assert host.serves == "a"
        assert 'X="old"' in host.environment
        after = {
            name: text for name, text in host.files().items() if "/releases/b/" not in name and "archives" not in name
        }
        assert after == {name: text for name, text in before.items() if "archives" not in name}


class TestSettings:
    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"environment": {"SECRET": "t"}}, "etc/appserver/shop/environment"),
            ({"config": CONFIG + "workers = 3\n"}, "etc/appserver/shop/gunicorn.conf.py"),
            ({"unit": UNIT + "MemoryMax=1G\n"}, "etc/systemd/system/shop.service"),
        ],
    )
    def test_a_change_is_tried_and_restarts(self, host, change, what) -> None:
        host.deploy("a")
        if "unit" in change:
            change = {"unit": change["unit"].format(base=host.base)}
        host.calls.clear()
        assert host.deploy("a", **change) == [str(host.base / what)]
        calls = [call[1:] for call in host.calls if call[1] in {"start", "restart"}]
        assert calls == [["start", "shop-candidate.service"], ["restart", "shop.service"]]

    def test_another_address_takes_a_stop(self, host) -> None:
        """systemd would hand the old listening socket to a service that is merely restarted."""
        host.deploy("a")
        host.deploy("a", config='bind = ["127.0.0.2:8000"]\n')
        assert host._state()["units"]["shop.service"]["listens"] == ["127.0.0.2", 8000]

    def test_a_difference_never_shows_a_secret(self, host) -> None:
        host.deploy("a", environment={"KEPT": "1", "CHANGED": "canary1", "GONE": 'canary2\n"x'})
        wanted = host.wanted("a", environment={"KEPT": "1", "CHANGED": "canary3", "NEW": "canary4"})
        (found,) = differences(Deployment.of(host.at, wanted, host.run))
        assert found.before == "CHANGED (differs)\nGONE (differs)\nKEPT\n"
        assert found.after == "CHANGED (differs)\nKEPT\nNEW (differs)\n"

    @pytest.mark.parametrize(
        ("spoil", "what"),
        [
            (lambda at: at.environment.chmod(0o644), "environment"),
            (lambda at: at.shared.chmod(0o777), "shared"),
            (lambda at: at.candidate_unit.write_text(""), "shop-candidate.service"),
        ],
    )
    def test_what_needs_no_restart_gets_none(self, host, spoil, what) -> None:
        host.deploy("a")
        spoil(host.at)
        host.calls.clear()
        (changed,) = host.deploy("a")
        assert changed.endswith(what)
        assert not any(call[1] in {"start", "restart"} for call in host.calls)
        assert host.deploy("a") == []

    def test_a_stopped_service_is_started(self, host) -> None:
        host.deploy("a")
        host.run(["systemctl", "stop", "shop.service"])
        assert host.deploy("a") == ["service"]
        assert host.serves == "a"

    def test_migration_runs_in_the_candidate_only(self, host) -> None:
        deployment = Deployment.of(
            host.at, host.wanted("a", migrate=["alembic", "-x", 'a "b" $c %d'], migrate_timeout=60), host.run
        )
        text = candidate_unit(deployment)
        assert 'ExecStartPre=/usr/bin/env -- "alembic" "-x" "a \\"b\\" $$c %%d"\n' in text
        assert "TimeoutStartSec=60\n" in text

    @pytest.mark.parametrize(
        ("ended", "problem"),
        [
            (
                "code=exited ; status=3",
                "Its migration failed: the command 'migrate --all' ended with status 3. The last",
            ),
            ("code=killed ; status=15", "was ended by signal 15 after exceeding the 300 s timeout. The last lines"),
            ("code=exited ; status=226", "It did not start"),
        ],
        ids=["fails", "takes too long", "was never started"],
    )
    def test_a_failed_migration_is_named(self, host, ended, problem) -> None:
        """And not blamed on the application, which was not even started."""
        host.deploy("a")
        with pytest.raises(ReleaseError) as raised:
            host.deploy("b", ended, migrate=["migrate", "--all"])
        assert problem in str(raised.value)
        assert "Traceback: the reason" in str(raised.value)
        assert host.serves == "a"

    def test_the_candidate_is_the_same_unit_with_its_own_files(self, host) -> None:
        text = candidate_unit(Deployment.of(host.at, host.wanted("a"), host.run))
        base = host.base
        assert f"WorkingDirectory={base}/srv/www/shop/releases/a\n" in text
        assert f"EnvironmentFile={base}/run/appserver/shop/environment\n" in text
        assert f"ExecStart={base}/srv/www/shop/releases/a/.venv/bin/python3" in text
        assert f"ReadWritePaths={base}/srv/www/shop/shared {base}/srv/www/shop/currently\n" in text
        assert "ExecStartPre" not in text

    def test_the_migrations_secrets_exist_on_trial_only(self, host) -> None:
        seen = []
        start = host._start

        def spy(state, unit):
            result = start(state, unit)
            seen.append((unit, "ADMIN" in state["units"][unit]["environment"]))
            return result

        host._start = spy
        host.deploy("a", candidate_environment={"ADMIN": "x"})
        assert seen == [("shop-candidate.service", True), ("shop.service", False)]
        assert not host.at.candidate_etc.exists()


class TestTidiness:
    def test_keeps_the_releases_that_served_last(self, host) -> None:
        for name in "abcde":
            host.deploy(name)
        assert {path.name for path in host.at.releases.iterdir()} == set("cde")
        host.deploy("c")
        host.deploy("f")
        assert {path.name for path in host.at.releases.iterdir()} == set("cef")

    def test_a_release_that_never_served_is_not_kept(self, host) -> None:
        host.deploy("a")
        with pytest.raises(ReleaseError):
            host.deploy("b", "error")
        assert host.deploy("a") == ["old releases"]
        assert {path.name for path in host.at.releases.iterdir()} == {"a"}

    def test_one_is_the_least(self, host) -> None:
        for name in "ab":
            host.deploy(name, keep=0)
        assert {path.name for path in host.at.releases.iterdir()} == {"b"}

    def test_two_runs_at_once_do_not_cross(self, host) -> None:
        with files.only_one(host.at.lock), pytest.raises(ReleaseError, match="another run is deploying"):
            host.deploy("a")


class TestVirtualEnvironment:
    def unpack(self, host: Host, **options: Any) -> None:
        requirements = Requirements("requirements.txt", **options)
        unpack(
            Deployment.of(host.at, host.wanted("a", requirements=requirements), host.run), host.archive("a", "answers")
        )

    @pytest.fixture(autouse=True)
    def as_root(self, monkeypatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "chown", lambda *_arguments, **_options: None)

    def fail(self, host: Host, word: str) -> None:
        succeed = host.run
        host.run = lambda arguments, **options: (
            (1, "", "the reason") if word in arguments else succeed(arguments, **options)
        )

    def test_is_made_as_the_user_from_the_named_file(self, host) -> None:
        self.unpack(host, pip_arguments=["--no-index", "--find-links", "vendor"], system_site_packages=True)
        environment = str(host.at.release("a") / ".venv")
        as_user, python = ["runuser", "-u", "shop", "--"], f"{environment}/bin/python3"
        create, install, check = host.calls[:3]
        assert create == [*as_user, "/usr/bin/python3", "-m", "venv", "--system-site-packages", environment]
        assert install[:7] == [*as_user, python, "-m", "pip"]
        assert install[-5:] == ["--no-index", "--find-links", "vendor", "--requirement", "requirements.txt"]
        assert check == [*as_user, python, "-c", "import gunicorn"]

    @pytest.mark.parametrize(
        ("word", "problem"),
        [
            ("--requirement", "packages of requirements.txt of release a could not be installed:\nthe reason"),
            ("import gunicorn", "does not install gunicorn"),
        ],
    )
    def test_a_failure_leaves_no_release(self, host, word, problem) -> None:
        self.fail(host, word)
        with pytest.raises(ReleaseError, match=problem):
            self.unpack(host)
        assert not host.at.release("a").exists()

    def test_a_missing_file_is_named(self, host) -> None:
        wanted = host.wanted("a", requirements=Requirements("other.txt"))
        with pytest.raises(ReleaseError, match=r"does not contain other\.txt"):
            unpack(Deployment.of(host.at, wanted, host.run), host.archive("a", "answers"))

    def test_the_same_id_with_another_environment_is_refused(self, host) -> None:
        self.unpack(host)
        with pytest.raises(ReleaseError, match="another virtual environment"):
            is_present(Deployment.of(host.at, host.wanted("a"), host.run))


class TestInterruption:
    """A run is killed before any one of its steps, with no chance to tidy up. Another one must finish its work."""

    def killed_at(self, host: Host, step: int, deploy: Callable[[], Any]) -> bool:
        """Deploy in a process that dies at the given step; whether it got that far."""
        child = os.fork()
        if not child:
            left = step

            def tick(*_arguments: Any) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)

            host.tick = tick
            for owner, name in (
                (files, "write"),
                (files, "link"),
                (os, "replace"),
                (os, "chmod"),
                (Path, "unlink"),
            ):
                self.wrap(owner, name, tick)
            for owner, name in ((shutil, "rmtree"), (tarfile.TarFile, "extractall"), (tarfile.TarFile, "makefile")):
                self.wrap(owner, name, tick)
            deploy()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    @staticmethod
    def wrap(owner: Any, name: str, before: Callable[..., None]) -> None:
        original = getattr(owner, name)

        def replacement(*arguments: Any, **options: Any) -> Any:
            before()
            return original(*arguments, **options)

        setattr(owner, name, replacement)

    @pytest.mark.parametrize("first", [True, False])
    def test_the_next_run_finishes(self, tmp_path, monkeypatch, first) -> None:
        monkeypatch.setattr(os, "fsync", lambda _file: None)
        steps = 0
        while True:
            host = Host(tmp_path / f"host{steps}")
            monkeypatch.setattr(health, "ask", host.ask)
            monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
            if not first:
                for name in "yz":
                    host.deploy(name, keep=2)
            new = {"keep": 2, "environment": {"SECRET": "new"}, "config": CONFIG + "workers = 3\n"}
            killed = self.killed_at(host, steps, lambda host=host, new=new: host.deploy("a", **new))
            assert first or host.serves in {"z", "a"}
            host.deploy("a", **new)
            assert host.serves == "a"
            assert 'SECRET="new"' in host.environment
            assert not host.at.pending.exists()
            assert not host.at.candidate_unit.exists()
            assert host.deploy("a", **new) == []
            left = {path.name for path in host.at.releases.iterdir()}
            assert left == ({"a"} if first else {"a", "z"})
            assert {path.name for path in host.at.etc.iterdir()} >= {"environment", "gunicorn.conf.py"}
            if not killed:
                break
            steps += 1
        assert steps > 25


class TestAsking:
    @pytest.fixture
    def server(self) -> Iterator[Callable[..., int]]:
        servers = []

        def serve(status: int, body: bytes = b"", delay: float = 0) -> int:
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    time.sleep(delay)
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_arguments: Any) -> None:
                    pass

            server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
            servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            return server.server_address[1]

        yield serve
        for server in servers:
            server.shutdown()
            server.server_close()

    @staticmethod
    def ask(port: int, timeout: float = 5) -> str | None:
        return ask(lambda timeout: http.client.HTTPConnection("127.0.0.1", port, timeout=timeout), "/x", "h", timeout)

    @pytest.mark.parametrize("status", [200, 204])
    def test_any_2xx_is_an_answer(self, server, status) -> None:
        assert self.ask(server(status)) is None

    def test_anything_else_is_told(self, server) -> None:
        assert self.ask(server(500, b"no database")) == "GET /x answered 500 Internal Server Error: no database"
        assert self.ask(server(302)) == "GET /x answered 302 Found"

    def test_silence_and_refusal_are_told(self, server) -> None:
        assert self.ask(server(200, delay=1), timeout=0.2) == "GET /x got no answer within 0 s"
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            assert "Connection refused" in self.ask(unused.getsockname()[1])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """An authority, what it made out to one name, and what belongs to nobody else."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(*options: str, **files: str) -> None:
        arguments = [word for name, file in files.items() for word in (f"-{name}", str(folder / file))]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        subprocess.run(["openssl", "req", "-x509", *curve, *options, *arguments], check=True, capture_output=True)

    make("-subj", "/CN=CA", keyout="ca.key", out="ca.pem")
    make("-subj", "/CN=other", keyout="other.key", out="other.pem")
    made_by = ["-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key")]
    name = ["-addext", "subjectAltName=DNS:shop.internal", "-addext", "basicConstraints=critical,CA:FALSE"]
    make("-subj", "/CN=shop", *made_by, *name, keyout="shop.key", out="shop.pem")
    return folder


def test_health_is_asked_as_through_the_proxies() -> None:
    """Django with SECURE_SSL_REDIRECT sends everybody else to HTTPS; gunicorn, too, has to be told on a socket."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers)
            self.send_response(204 if self.headers["X-Forwarded-Proto"] == "https" else 301)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        connect = lambda timeout: health.Connection(server.server_address[:2], timeout)  # noqa: E731
        assert ask(connect, "/healthz", "shop.example", 5) is None
        server.shutdown()
    (headers,) = asked
    assert headers.get_all("Host") == ["shop.example"]
    assert headers["X-Forwarded-Host"] == "shop.example"
    assert headers["X-Forwarded-For"] == headers["X-Real-IP"] == "127.0.0.1"


class TestTls:
    @pytest.fixture
    def port(self, certificates) -> Iterator[int]:
        """A server that shows the certificate shop.pem."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "shop.pem", certificates / "shop.key")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            yield server.server_address[1]
            server.shutdown()

    @pytest.mark.parametrize(
        ("trusted", "name", "problem"),
        [
            ("ca.pem", "", None),
            ("ca.pem", "shop.internal", None),
            ("shop.pem", "", None),
            ("ca.pem", "other.internal", "its certificate is not accepted, Hostname mismatch"),
            ("other.pem", "", "its certificate is not accepted, unable to get local issuer certificate"),
            ("nothing.pem", "", "nothing.pem cannot be read as certificates"),
            ("shop.key", "", "shop.key cannot be read as certificates"),
        ],
    )
    def test_the_certificate_is_verified(self, certificates, port, trusted, name, problem) -> None:
        tls = health.Tls(str(certificates / trusted), name)
        said = ask(lambda timeout: health.Connection(("127.0.0.1", port), timeout, tls), "/x", "h", 5)
        assert said is None if problem is None else problem in said

    def test_without_it_nobody_answers(self, port) -> None:
        assert ask(lambda timeout: health.Connection(("127.0.0.1", port), timeout), "/x", "h", 1) is not None

    def config(self, certificates: Path, certificate: str, key: str) -> str:
        return CONFIG + f'certfile = "{certificates / certificate}"\nkeyfile = "{certificates / key}"\n'

    def test_a_release_is_asked_as_its_configuration_says(self, host, certificates) -> None:
        wanted = host.wanted("a", config=self.config(certificates, "shop.pem", "shop.key"), tls_name="shop.internal")
        deployment = Deployment.of(host.at, wanted, host.run)
        own = health.Tls(str(certificates / "shop.pem"), "shop.internal")
        assert deployment.connect_candidate(1).tls == deployment.connect_serving(wanted.config)(1).tls == own
        # What is put back may be from before there was TLS.
        assert deployment.connect_serving(CONFIG)(1).tls is None

    @pytest.mark.parametrize(
        ("certificate", "key", "problem"),
        [
            ("shop.pem", "shop.key", None),
            ("shop.pem", "other.key", "The certificate {}/shop.pem does not belong to the key {}/other.key"),
            ("nothing.pem", "shop.key", "The file {}/nothing.pem of its certificate cannot be read: No such file"),
            ("ca.key", "ca.key", "cannot be used: "),
        ],
    )
    def test_a_bad_certificate_stops_before_anything_is_started(
        self, host, certificates, certificate, key, problem, monkeypatch
    ) -> None:
        host.deploy("a")
        pretend, host.calls = host.run, []

        def run(arguments: list[str], **options: Any) -> tuple[int, str, str]:
            if gunicorn.LOAD_CERTIFICATE not in arguments:
                return pretend(arguments, **options)
            done = subprocess.run([sys.executable, *arguments[-4:]], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr

        monkeypatch.setattr(host, "run", run)
        config = self.config(certificates, certificate, key)
        if problem is None:
            host.deploy("b", config=config)
            assert host.serves == "b"
            return
        with pytest.raises(ReleaseError) as raised:
            host.deploy("b", config=config)
        assert problem.format(certificates, certificates) in str(raised.value)
        assert "release a keeps serving as before" in str(raised.value)
        assert not any("start" in call or "restart" in call for call in host.calls)


class TestListening:
    @pytest.mark.parametrize(
        ("config", "found"),
        [
            ('bind = ["127.0.0.1:8000"]', ("127.0.0.1", 8000)),
            ('x = 1\nbind = "[2001:db8::1]:80"\ny = f()', ("2001:db8::1", 80)),
            ('bind = ["0.0.0.0:8000"]', ("0.0.0.0", 8000)),  # noqa: S104
        ],
    )
    def test_is_read_from_the_configuration(self, config, found) -> None:
        assert listener(config) == found

    def test_must_be_there(self) -> None:
        with pytest.raises(ReleaseError, match="does not set bind"):
            listener("workers = 1")

    @pytest.mark.parametrize("bind", ["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http", "unix:/run/x", "8000", ":80"])
    def test_must_be_an_address_and_a_port(self, bind) -> None:
        """Catches a traceback in place of a sentence."""
        with pytest.raises(ReleaseError, match=r"binds to .*; set appserver_bind"):
            listener(f"bind = [{bind!r}]")

    def test_a_foreign_address_is_refused(self) -> None:
        with pytest.raises(ReleaseError, match=r"cannot listen on 192\.0\.2\.1 port 8000"):
            check_listener(("192.0.2.1", 8000), None)

    def test_a_port_of_somebody_else_is_refused_and_its_own_is_not(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = taken.getsockname()
            with pytest.raises(ReleaseError, match="Address already in use"):
                check_listener(address, None)
            check_listener(address, address)
            check_listener(("0.0.0.0", address[1]), address)  # noqa: S104
