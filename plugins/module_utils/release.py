"""Releases of an application on its host: unpacked beside each other, tried, and then made the one that serves.

    /srv/www/<name>/releases/<id>/    the files, and .venv where the application brings its requirements
    /srv/www/<name>/shared/           what outlives a release, the only place that the application may write to
    /srv/www/<name>/current           symlink to the release that serves
    /etc/appserver/<name>/            gunicorn.conf.py and environment

What is to serve (files, unit, gunicorn's configuration, environment) is first started beside what serves, as the unit
<name>-candidate on a Unix socket, and asked. Only then does it take the place of what serves, by renames.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import fcntl
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# systemd drops a variable whose value holds any other control character, with no more than a line in the journal.
UNUSABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
MARKER = ".release.json"
ANY = "0.0.0.0"  # noqa: S104
JOURNAL_LINES = 60
PAUSE = 0.1
# Prints why the certificate and the key that it is given cannot be used.
LOAD_CERTIFICATE = """
import ssl, sys
certificate, key = sys.argv[1:]
for path in sys.argv[1:]:
    try:
        open(path).close()
    except OSError as error:
        sys.exit(f"the file {path} of its certificate cannot be read: {error.strerror}")
try:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: b"")
except ssl.SSLError as error:
    if error.reason == "KEY_VALUES_MISMATCH":
        sys.exit(f"the certificate {certificate} does not belong to the key {key}")
    sys.exit(f"the certificate {certificate} and the key {key} cannot be used: {error}")
"""


class ReleaseError(Exception):
    """What could not be done, why, and what serves now."""


def environment_value(name: str, value: Any) -> str:
    """The text of a value as a process will see it."""
    if not VARIABLE.fullmatch(name):
        raise ReleaseError(f"the environment variable {name!r} must be made of letters, digits and _, no digit first")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if value is None:
        raise ReleaseError(f'the environment variable {name} has no value; write "" for an empty one')
    # The value may be a secret: it is not repeated.
    if not isinstance(value, str):
        raise ReleaseError(f"the environment variable {name} must be text or a number, not a {type(value).__name__}")
    if UNUSABLE.search(value):
        raise ReleaseError(f"the environment variable {name} holds a control character, which systemd does not pass on")
    return str(value)


def environment_text(values: Mapping[str, Any]) -> str:
    """An EnvironmentFile of systemd.

    Inside double quotes systemd takes everything as it is, line breaks too, but for a backslash before one of four
    characters. It expands neither $ nor % there.
    """
    lines = ["# Ansible managed"]
    for name in sorted(values):
        quoted = re.sub(r'(["\\`$])', r"\\\1", environment_value(name, values[name]))
        lines.append(f'{name}="{quoted}"')
    return "\n".join(lines) + "\n"


def command_argument(argument: str) -> str:
    """An argument on a command line of a systemd unit, taken literally."""
    quoted = argument.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + quoted.replace("%", "%%").replace("$", "$$") + '"'


def passwords(secrets: Mapping[str, Any]) -> set[str]:
    """The passwords in the URLs among secrets: a program may print one of them without the rest of its URL."""
    found = set()
    for word in " ".join(value for value in secrets.values() if isinstance(value, str)).split():
        with contextlib.suppress(ValueError):
            if password := urlsplit(word).password:
                found |= {password, unquote(password)}
    return found


def setting(config: str, name: str) -> Any:
    """What a gunicorn configuration sets literally; None when it does not."""
    for statement in ast.parse(config).body:
        if isinstance(statement, ast.Assign) and [getattr(target, "id", "") for target in statement.targets] == [name]:
            return ast.literal_eval(statement.value)
    return None


def listener(config: str) -> tuple[str, int]:
    """The address and the port that a gunicorn configuration binds to."""
    bind = setting(config, "bind")
    if not bind:
        raise ReleaseError("gunicorn's configuration does not say bind")
    address, _colon, port = (bind[0] if isinstance(bind, list) else bind).rpartition(":")
    return address.strip("[]"), int(port)


def _listener_or_none(config: bytes | None) -> tuple[str, int] | None:
    try:
        return listener((config or b"").decode())
    except (ReleaseError, SyntaxError, ValueError):
        return None


def check_listener(wanted: tuple[str, int], present: tuple[str, int] | None) -> None:
    """Find out before anything is stopped whether somebody can listen there."""
    if wanted == present:
        return
    address, port = wanted
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(wanted)
            trial.listen()
        except OSError as error:
            # The port may be the one that this service has now, at another address.
            if error.errno != errno.EADDRINUSE or present is None or present[1] != port:
                raise ReleaseError(f"nobody can listen at {address}, port {port}: {error.strerror}") from error


@dataclass(frozen=True)
class Layout:
    """Where everything of an application is."""

    name: str
    base: Path = Path("/")

    def _at(self, *parts: str) -> Path:
        return self.base.joinpath(*parts)

    @property
    def root(self) -> Path:
        return self._at("srv/www", self.name)

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def pending(self) -> Path:
        """Stands from before the first rename until the new release has answered: what an interrupted run leaves."""
        return self.root / ".switching"

    @property
    def etc(self) -> Path:
        return self._at("etc/appserver", self.name)

    @property
    def config(self) -> Path:
        return self.etc / "gunicorn.conf.py"

    @property
    def environment(self) -> Path:
        return self.etc / "environment"

    @property
    def service(self) -> str:
        return f"{self.name}.service"

    @property
    def unit(self) -> Path:
        return self._at("etc/systemd/system", self.service)

    @property
    def package_unit(self) -> Path:
        return self._at("usr/lib/systemd/system", self.service)

    @property
    def lock(self) -> Path:
        return self._at("run/lock", f"appserver-{self.name}")

    @property
    def candidate_service(self) -> str:
        return f"{self.name}-candidate.service"

    @property
    def candidate_unit(self) -> Path:
        return self._at("run/systemd/system", self.candidate_service)

    @property
    def candidate_etc(self) -> Path:
        return self._at("run/appserver", self.name)

    @property
    def candidate_socket(self) -> Path:
        """In the RuntimeDirectory of the candidate, which only it and root enter."""
        return self._at("run", f"{self.name}-candidate", "http")

    def release(self, release: str) -> Path:
        return self.releases / release

    def serving(self) -> str | None:
        """The release that current points to."""
        try:
            return Path(os.readlink(self.current)).name
        except OSError:
            return None


@dataclass(frozen=True)
class Requirements:
    """How to make the virtual environment of a release; none when ``file`` is empty."""

    file: str = ""
    pip_arguments: Sequence[str] = ()
    system_site_packages: bool = False
    python: str = "/usr/bin/python3"

    def as_dict(self) -> dict[str, Any]:
        if not self.file:
            return {}
        return {
            "file": self.file,
            "pip_arguments": list(self.pip_arguments),
            "system_site_packages": self.system_site_packages,
        }


@dataclass(frozen=True)
class Wanted:
    """What is to serve."""

    release: str
    unit: str
    config: str
    environment: Mapping[str, Any]
    user: str
    uid: int
    gid: int
    candidate_environment: Mapping[str, Any] = field(default_factory=dict)
    migrate: Sequence[str] = ()
    migrate_timeout: int = 300
    start_timeout: int = 30
    tls_ca: str = ""
    tls_name: str = ""
    health_uri: str = "/healthz"
    health_host: str = "localhost"
    requirements: Requirements = Requirements()
    keep: int = 5


Run = Callable[..., "tuple[int, str, str]"]


class Systemd:
    """The service manager. ``run`` takes an argument list and gives status, output and errors."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def call(self, *arguments: str) -> None:
        status, output, errors = self._run(["systemctl", *arguments])
        if status:
            raise ReleaseError(f"systemctl {' '.join(arguments)}: {(errors or output).strip().rstrip('.')}")

    def succeeds(self, *arguments: str) -> bool:
        return self._run(["systemctl", *arguments])[0] == 0

    def state(self, unit: str) -> dict[str, str]:
        wanted = "ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NeedDaemonReload,LoadState,ExecStartPre"
        _status, output, _errors = self._run(["systemctl", "show", f"--property={wanted}", unit])
        return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)

    def journal(self, unit: str, since: float) -> str:
        self._run(["journalctl", "--sync"])
        _status, output, _errors = self._run(
            [
                "journalctl",
                f"--unit={unit}",
                f"--since=@{since:.6f}",
                f"--lines={JOURNAL_LINES}",
                "--output=cat",
                "--no-pager",
                "--quiet",
            ]
        )
        return output.strip()


@dataclass(frozen=True)
class Tls:
    """How to find out whether a server is the right one.

    ``trusted`` is a bundle of authorities, or the certificate itself: then it is that one which must be shown.
    ``name`` stands in the certificate; none is looked for when it is empty.
    """

    trusted: str
    name: str = ""

    def wrap(self, plain: socket.socket) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = bool(self.name)
        try:
            context.load_verify_locations(self.trusted)
        except (OSError, ssl.SSLError) as error:
            raise OSError(f"{self.trusted} cannot be read as certificates ({error})") from error
        return context.wrap_socket(plain, server_hostname=self.name or None)


class Connection(http.client.HTTPConnection):
    """To an address and a port, or to the path of a Unix socket; with TLS or without."""

    def __init__(self, address: tuple[str, int] | str, timeout: float, tls: Tls | None = None) -> None:
        host, port = ("localhost", None) if isinstance(address, str) else address
        super().__init__(host, port, timeout=timeout)
        self.address = address
        self.tls = tls

    def connect(self) -> None:
        if isinstance(self.address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.address)
        else:
            super().connect()
        if self.tls:
            self.sock = self.tls.wrap(self.sock)


Connect = Callable[[float], http.client.HTTPConnection]


def ask(connect: Connect, uri: str, host: str, timeout: float) -> str | None:
    """None when it answers 2xx; otherwise what it does instead."""
    connection = connect(timeout)
    try:
        connection.request("GET", uri, headers={"Host": host, "User-Agent": "foobar.webstack", "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(400).decode(errors="replace").strip()
    except TimeoutError:
        return f"GET {uri} got no answer within {timeout:.0f} s"
    except ssl.SSLCertVerificationError as error:
        return f"GET {uri} failed: its certificate is not accepted, {error.verify_message}"
    except (OSError, http.client.HTTPException) as error:
        return f"GET {uri} failed: {error or type(error).__name__}"
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return None
    return f"GET {uri} answered {answer.status} {answer.reason}: {body}".rstrip(": ")


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file as a whole: whoever reads it finds the old content or the new one, after a power cut too."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def link(path: Path, target: str) -> None:
    """Point a symlink somewhere else in one step."""
    partial = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    partial.symlink_to(target)
    partial.replace(path)


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Two runs at once would try and switch across each other."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReleaseError(
                "another run is deploying this application on this host; wait until it has finished"
            ) from None
        yield


@dataclass
class Difference:
    """Something that is not as wanted; ``activates`` if it takes a trial and a restart to put it right."""

    what: str
    before: str = ""
    after: str = ""
    activates: bool = True


class Deployment:
    """From what is on the host to what is wanted."""

    def __init__(self, layout: Layout, wanted: Wanted, run: Run) -> None:
        self.at = layout
        self.wanted = wanted
        self.run = run
        self.systemd = Systemd(run)
        self.environment = environment_text(wanted.environment)
        self.files = (
            (layout.environment, self.environment.encode(), 0o600),
            (layout.config, wanted.config.encode(), 0o644),
            (layout.unit, wanted.unit.encode(), 0o644),
        )
        listener(wanted.config)

    # What is there

    def release_state(self, release: str) -> dict[str, Any] | None:
        """What is known of a release that is whole; None for one that is absent or was left half-made."""
        try:
            state: dict[str, Any] = json.loads((self.at.release(release) / MARKER).read_text())
            return state
        except (OSError, ValueError):
            return None

    def has_release(self) -> bool:
        state = self.release_state(self.wanted.release)
        if state is None:
            return False
        if state.get("requirements", {}) != self.wanted.requirements.as_dict():
            raise ReleaseError(
                f"release {self.wanted.release} is on the host with another virtual environment than is wanted now; "
                "give the new one another id, or leave the id to the role"
            )
        return True

    def interrupted_from(self) -> str | None:
        """The release that served when a run was interrupted while it switched; None when none was."""
        try:
            return json.loads(self.at.pending.read_text()).get("previous") or ""
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return ""

    def differences(self) -> list[Difference]:
        found = []
        serving = self.at.serving()
        if serving != self.wanted.release or not self.has_release():
            found.append(Difference("release", f"{serving or 'none'}\n", f"{self.wanted.release}\n"))
        for path, content, mode in self.files:
            found.extend(self._file_differences(path, content, mode))
        state = self.systemd.state(self.at.service)
        if state.get("ActiveState") not in {"active", "reloading"}:
            found.append(Difference("service", f"{state.get('ActiveState', 'unknown')}\n", "active\n"))
        elif self.interrupted_from() is not None:
            found.append(Difference("service", "interrupted while it switched\n", "switched\n"))
        elif not found and (problem := self._wait(self._serving(self.wanted.config), self.at.service, 5)):
            found.append(Difference("service", f"{problem}\n", "answers\n"))
        if state.get("UnitFileState") != "enabled":
            found.append(
                Difference("start at boot", f"{state.get('UnitFileState') or 'none'}\n", "enabled\n", activates=False)
            )
        shared = self.at.shared
        if not (shared.is_dir() and (shared.stat().st_uid, shared.stat().st_mode & 0o7777) == (self.wanted.uid, 0o750)):
            found.append(
                Difference(
                    str(shared), "absent or of another owner or mode\n", f"{self.wanted.user} 0750\n", activates=False
                )
            )
        if self.at.candidate_unit.exists():
            found.append(Difference(str(self.at.candidate_unit), "left behind\n", "absent\n", activates=False))
        if superfluous := self.superfluous():
            found.append(Difference("old releases", "".join(f"{name}\n" for name in superfluous), "", activates=False))
        return found

    def _file_differences(self, path: Path, content: bytes, mode: int) -> Iterator[Difference]:
        before = read(path)
        if before != content:
            if path == self.at.environment:
                # Names only: the values may be secrets.
                yield Difference(str(path), _names(before, content), _names(content, before))
            else:
                yield Difference(str(path), (before or b"").decode(errors="replace"), content.decode())
        elif path.stat().st_mode & 0o7777 != mode or path.stat().st_uid != os.geteuid():
            yield Difference(str(path), f"{path.stat().st_mode & 0o7777:04o}\n", f"{mode:04o}\n", activates=False)

    def superfluous(self) -> list[str]:
        """Releases beyond the number to keep, the one that served longest ago first; none that never served."""
        if not self.at.releases.is_dir():
            return []
        names = [path.name for path in self.at.releases.iterdir()]
        protected = {self.wanted.release, self.at.serving(), self.interrupted_from()}
        served = {
            name: (state or {}).get("served", 0) for name, state in ((name, self.release_state(name)) for name in names)
        }
        others = sorted((name for name in names if name not in protected), key=lambda name: (-served[name], name))
        room = max(self.wanted.keep - len(protected & set(names)), 0)
        kept = [name for name in others if served[name]][:room]
        return [name for name in reversed(others) if name not in kept]

    # The files of a release

    def unpack(self, archive: Path) -> None:
        """Put the release where it belongs. It is a release only once the marker is written, last."""
        target = self.at.release(self.wanted.release)
        self.at.releases.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        with tarfile.open(archive) as tar:
            # Debian 12's Python has no filters yet. What is in the archive was checked when it was packed.
            options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(target, **options)  # noqa: S202
        for folder, _folders, _files in os.walk(target):
            os.chmod(folder, 0o755)  # noqa: S103
        if self.wanted.requirements.file:
            try:
                self._make_environment(target)
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise
        # The service may not write here, so what is compiled now is all that will be. Whether everything can be
        # compiled is not asked: a release may bring files that are not for this Python.
        self.run([self.wanted.requirements.python, "-m", "compileall", "-q", "-x", r"/\.venv/", str(target)])
        self._mark(self.wanted.release, served=0, requirements=self.wanted.requirements.as_dict())

    def _mark(self, release: str, **changed: Any) -> None:
        state = {**(self.release_state(release) or {}), **changed}
        write(self.at.release(release) / MARKER, json.dumps(state, sort_keys=True).encode(), 0o644)

    def _make_environment(self, target: Path) -> None:
        """The virtual environment, made by the application's user, because packages run code of theirs; then root's."""
        wanted = self.wanted.requirements
        if not (target / wanted.file).is_file():
            raise ReleaseError(
                f"release {self.wanted.release} holds no {wanted.file}, which appserver_requirements names"
            )
        environment = target / ".venv"
        environment.mkdir()
        os.chown(environment, self.wanted.uid, self.wanted.gid)
        python = f"{environment}/bin/python3"
        create = [
            wanted.python,
            "-m",
            "venv",
            *(["--system-site-packages"] if wanted.system_site_packages else []),
            str(environment),
        ]
        pip = [python, "-m", "pip", "--no-input", "--disable-pip-version-check", "install", "--no-cache-dir", "--quiet"]
        for command in (
            create,
            [*pip, *wanted.pip_arguments, "--requirement", wanted.file],
            [python, "-c", "import gunicorn"],
        ):
            as_user = command if os.geteuid() else ["runuser", "-u", self.wanted.user, "--", *command]
            status, output, errors = self.run(as_user, cwd=str(target), environ_update={"HOME": str(target)})
            if status and command[-1] == "import gunicorn":
                raise ReleaseError(
                    f"{wanted.file} of release {self.wanted.release} does not bring gunicorn; add it there"
                )
            if status:
                lines = "\n".join((errors or output).strip().splitlines()[-JOURNAL_LINES:])
                raise ReleaseError(
                    f"the virtual environment of release {self.wanted.release} could not be made:\n{lines}"
                )
        for folder, folders, files in os.walk(environment):
            for name in (folder, *(os.path.join(folder, item) for item in [*folders, *files])):
                os.chown(name, os.geteuid(), os.getegid(), follow_symlinks=False)

    # Trying

    def _tls(self, config: str) -> Tls | None:
        certificate = setting(config, "certfile")
        return Tls(self.wanted.tls_ca or certificate, self.wanted.tls_name) if certificate else None

    def _candidate(self, timeout: float) -> http.client.HTTPConnection:
        return Connection(str(self.at.candidate_socket), timeout, self._tls(self.wanted.config))

    def _serving(self, config: str) -> Connect:
        address, port = listener(config)
        address = {ANY: "127.0.0.1", "::": "::1"}.get(address, address)
        return lambda timeout: Connection((address, port), timeout, self._tls(config))

    def check_certificate(self) -> None:
        """Find out before anything is started whether the application can use its certificate, as itself."""
        files = [setting(self.wanted.config, name) for name in ("certfile", "keyfile")]
        if not all(files):
            return
        command = [self.wanted.requirements.python, "-c", LOAD_CERTIFICATE, *files]
        as_user = command if os.geteuid() else ["runuser", "-u", self.wanted.user, "--", *command]
        status, output, errors = self.run(as_user)
        if status:
            raise ReleaseError(self._not_live((errors or output).strip().splitlines()[-1]))

    def _not_live(self, reason: str) -> str:
        serving = self.at.serving()
        still = (
            f"release {serving} keeps serving as before"
            if serving
            else "nothing was serving before, and nothing does now"
        )
        return (
            f"release {self.wanted.release} of {self.at.name} does not work, so it did not go live; {still}. "
            f"{reason[0].upper()}{reason[1:]}"
        )

    def _start_problem(self) -> str:
        """Why the candidate did not start: its migration, or itself."""
        state = self.systemd.state(self.at.candidate_service)
        # What stands there of the last command before the start: code=exited ; status=1. From 200 on, systemd could
        # not start it at all, as it could not start the application.
        ended = re.search(r"code=(\w+) ; status=(\d+)", state.get("ExecStartPre", ""))
        if self.wanted.migrate and state.get("ExecMainStatus") == "0" and ended and 0 < int(ended[2]) < 200:
            command = " ".join(self.wanted.migrate)
            how = "ended with status" if ended[1] == "exited" else "was ended by signal"
            late = (
                f", being longer than {self.wanted.migrate_timeout} s about it" if state["Result"] == "timeout" else ""
            )
            return f"its migration failed: the command {command!r} {how} {ended[2]}{late}"
        return f"it did not start ({state.get('Result')}, status {state.get('ExecMainStatus')})"

    def _wait(self, connect: Connect, unit: str, seconds: float) -> str | None:
        """Ask until it answers; None then. Give up when the time is over or the unit is."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            problem = ask(connect, self.wanted.health_uri, self.wanted.health_host, max(left, 1))
            if problem is None:
                return None
            if time.monotonic() >= end:
                return problem
            if self.systemd.state(unit).get("ActiveState") in {"failed", "inactive"}:
                return f"{unit} ended"
            time.sleep(PAUSE)

    def candidate_unit(self) -> str:
        """The unit that is to serve, line by line, but with the candidate's files; what is added ends it sooner."""
        text = re.sub(
            re.escape(str(self.at.current)) + r"(?![\w.-])", str(self.at.release(self.wanted.release)), self.wanted.unit
        ).replace(f"{self.at.etc}/", f"{self.at.candidate_etc}/")
        lines = [
            "",
            "[Unit]",
            f"Description={self.at.name}, release {self.wanted.release} on trial",
            "StartLimitIntervalSec=0",
            "[Service]",
            f"RuntimeDirectory={self.at.candidate_socket.parent.name}",
            "RuntimeDirectoryMode=0700",
            "Restart=no",
            f"TimeoutStartSec={self.wanted.start_timeout}",
        ]
        if self.wanted.migrate:
            lines[-1] = f"TimeoutStartSec={self.wanted.start_timeout + self.wanted.migrate_timeout}"
            # env finds a command of the release's virtual environment through PATH, which systemd itself would not.
            lines.append("ExecStartPre=/usr/bin/env -- " + " ".join(map(command_argument, self.wanted.migrate)))
        return text + "\n".join(lines) + "\n"

    def stop_candidate(self) -> None:
        if not self.at.candidate_unit.exists():
            return
        self.systemd.succeeds("stop", self.at.candidate_service)
        self.systemd.succeeds("reset-failed", self.at.candidate_service)
        shutil.rmtree(self.at.candidate_etc, ignore_errors=True)
        self.at.candidate_unit.unlink()
        self.systemd.call("daemon-reload")

    def try_candidate(self) -> None:
        """Start what is wanted beside what serves, and ask it. Nothing of what serves is touched."""
        self.stop_candidate()
        check_listener(listener(self.wanted.config), _listener_or_none(read(self.at.config)))
        self.check_certificate()
        values = {**self.wanted.environment, **self.wanted.candidate_environment}
        arguments = values.get("GUNICORN_CMD_ARGS", "")
        values["GUNICORN_CMD_ARGS"] = f"{arguments} --bind=unix:{self.at.candidate_socket}".lstrip()
        self.at.candidate_etc.mkdir(parents=True, exist_ok=True)
        self.at.candidate_unit.parent.mkdir(parents=True, exist_ok=True)
        write(self.at.candidate_etc / self.at.environment.name, environment_text(values).encode(), 0o600)
        write(self.at.candidate_etc / self.at.config.name, self.wanted.config.encode(), 0o644)
        write(self.at.candidate_unit, self.candidate_unit().encode(), 0o644)
        since = time.time()
        try:
            self.systemd.call("daemon-reload")
            if self.systemd.succeeds("start", self.at.candidate_service):
                problem = self._wait(self._candidate, self.at.candidate_service, self.wanted.start_timeout)
            else:
                problem = self._start_problem()
            journal = self.systemd.journal(self.at.candidate_service, since) if problem else ""
        finally:
            self.stop_candidate()
        if problem:
            last = f"The last lines of its journal:\n{journal or '(none)'}"
            raise ReleaseError(f"{self._not_live(problem)}. {last}")

    # Switching

    def switch(self) -> None:
        """Let what was tried serve; put back what served when it does not answer after all."""
        previous = self.interrupted_from() or self.at.serving()
        before = {path: read(path) for path, _content, _mode in self.files}
        self.at.etc.mkdir(parents=True, exist_ok=True)
        self.at.etc.chmod(0o755)
        write(self.at.pending, json.dumps({"previous": previous, "release": self.wanted.release}).encode(), 0o644)
        since = time.time()
        problem = self._serve({path: content for path, content, _mode in self.files}, self.wanted.release)
        if problem is None:
            self.systemd.call("enable", "--quiet", self.at.service)
            self._mark(self.wanted.release, served=time.time())
            self.at.pending.unlink()
            return
        journal = self.systemd.journal(self.at.service, since)
        after = self._put_back(previous, before)
        raise ReleaseError(
            f"release {self.wanted.release} of {self.at.name} answered on trial but not in place; {after}. "
            f"{problem[0].upper()}{problem[1:]}. The last lines of the journal:\n{journal or '(none)'}"
        )

    def _serve(self, contents: Mapping[Path, bytes], release: str) -> str | None:
        """Put files and release in place and restart; what is wrong, or None."""
        listening = read(self.at.config)
        for path, _content, mode in self.files:
            write(path, contents[path], mode)
        link(self.at.current, f"releases/{release}")
        config = contents[self.at.config].decode()
        self.systemd.call("daemon-reload")
        self.systemd.succeeds("reset-failed", self.at.service)
        try:
            # systemd keeps the listening socket through a restart, so that nobody is refused, but not through a stop.
            if listening is not None and _listener_or_none(listening) != listener(config):
                self.systemd.call("stop", self.at.service)
            self.systemd.call("restart", self.at.service)
        except ReleaseError as error:
            return str(error)
        return self._wait(self._serving(config), self.at.service, self.wanted.start_timeout)

    def _put_back(self, previous: str | None, before: Mapping[Path, bytes | None]) -> str:
        contents = {path: content for path, content in before.items() if content is not None}
        if not previous or len(contents) < len(before) or self.release_state(previous) is None:
            self.systemd.succeeds("stop", self.at.service)
            return "there is nothing to go back to, so it was stopped"
        problem = self._serve(contents, previous)
        if problem:
            return f"release {previous} was put back and does not answer either ({problem})"
        self.at.pending.unlink()
        return f"release {previous} was put back and serves"

    # Everything

    def put_right(self) -> None:
        """What takes no restart."""
        self.stop_candidate()
        self.at.shared.mkdir(parents=True, exist_ok=True)
        os.chown(self.at.shared, self.wanted.uid, self.wanted.gid)
        self.at.shared.chmod(0o750)
        for path, content, mode in self.files:
            if read(path) == content:
                path.chmod(mode)
                os.chown(path, os.geteuid(), os.getegid())

    def prune(self) -> None:
        for name in self.superfluous():
            path = self.at.release(name)
            if not path.is_dir() or path.is_symlink():
                path.unlink()
                continue
            # Without its marker it is no release, should this be interrupted.
            with contextlib.suppress(FileNotFoundError):
                (path / MARKER).unlink()
            shutil.rmtree(path)


def _names(content: bytes | None, other: bytes | None) -> str:
    """The variables of an environment file, without values, and whether they differ from the other's."""
    parsed, known = (dict(_pairs(text)) for text in (content, other))
    return "".join(f"{name}{'' if known.get(name) == value else ' (differs)'}\n" for name, value in parsed.items())


def _pairs(content: bytes | None) -> Iterator[tuple[str, str]]:
    for found in re.finditer(
        r'^(\w+)="((?:[^"\\]|\\.)*)"$', (content or b"").decode(errors="replace"), re.MULTILINE | re.DOTALL
    ):
        yield found[1], found[2]
