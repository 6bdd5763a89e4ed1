"""A folder as a host, with a JSON file as its service manager: what the modules of releases are tried on."""

import json
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release.apply import apply
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment, Wanted
from ansible_collections.foobar.webstack.plugins.module_utils._release.gunicorn import listener
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout

UNIT = """[Service]
WorkingDirectory={base}/srv/www/shop/current
EnvironmentFile={base}/etc/appserver/shop/environment
ReadWritePaths={base}/srv/www/shop/shared {base}/srv/www/shop/currently
ExecStart={base}/srv/www/shop/current/.venv/bin/python3 -m gunicorn --config {base}/etc/appserver/shop/gunicorn.conf.py
"""
CONFIG = 'import os\nbind = ["127.0.0.1:8000"]\n'


class Host:
    """A folder as the root of a host, and what a service manager would do to it. Its state survives the process."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.at = Layout("shop", base)
        self.calls: list[list[str]] = []
        self.tick: Callable[[], None] = lambda: None
        self.ran: list[str] = []
        # Whether a process beside the application ends at once.
        self.ends: Callable[[str, str], bool] = lambda _unit, _text: False
        self.restarted: list[str] = []
        # What a command that runs once does: it may write to the file of its output, and gives what systemd then shows.
        self.once: Callable[[str, Path], str] = lambda _command, _output: ""
        for folder in ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "archives"):
            (base / folder).mkdir(parents=True)
        self._save({"units": {}, "loaded": {}, "enabled": []})

    # The service manager

    def _state(self) -> dict[str, Any]:
        return json.loads((self.base / "state").read_text())

    def _save(self, state: dict[str, Any]) -> None:
        (self.base / "state").write_text(json.dumps(state))

    def run(self, arguments: list[str], **_options: Any) -> tuple[int, str, str]:
        self.tick()
        self.calls.append(arguments)
        if arguments[0] == "journalctl":
            return 0, "Traceback: the reason\n", ""
        if arguments[:2] == ["systemd-analyze", "calendar"]:
            return (1, "", "Failed to parse") if arguments[-1] == "never" else (0, "", "")
        if arguments[0] != "systemctl":
            return 0, "", ""
        words = [word for word in arguments[1:] if not word.startswith("--")]
        state = self._state()
        status, output = getattr(self, "_" + words[0].replace("-", "_"))(state, *words[1:])
        self._save(state)
        return status, output, "" if status == 0 else "it failed"

    def _daemon_reload(self, state: dict[str, Any]) -> tuple[int, str]:
        folders = (self.base / "etc/systemd/system", self.base / "run/systemd/system")
        paths = [path for folder in folders for kind in ("service", "timer") for path in folder.glob(f"*.{kind}")]
        state["loaded"] = {path.name: path.read_text() for path in paths}
        return 0, ""

    def _show(self, state: dict[str, Any], unit: str) -> tuple[int, str]:
        if shown := state["units"].get(unit, {}).get("shown"):
            return 0, f"ActiveState=failed\n{shown}"
        active = state["units"].get(unit, {}).get("active", "inactive")
        enabled = "enabled" if unit in state["enabled"] else ""
        migration = state["units"].get(unit, {}).get("migration")
        ended = f"ExecStartPre={{ path=/usr/bin/env ; {migration} }}\n" if migration else ""
        status = 0 if migration else 1
        result = "timeout" if migration and "killed" in migration else "exit-code"
        return 0, f"ActiveState={active}\nUnitFileState={enabled}\nResult={result}\nExecMainStatus={status}\n{ended}"

    def _enable(self, state: dict[str, Any], *units: str) -> tuple[int, str]:
        state["enabled"] = sorted({*state["enabled"], *units})
        return 0, ""

    def _disable(self, state: dict[str, Any], *units: str) -> tuple[int, str]:
        """With --now."""
        state["enabled"] = sorted({*state["enabled"]} - {*units})
        for unit in units:
            state["units"].pop(unit, None)
        return 0, ""

    def _reset_failed(self, _state: dict[str, Any], _unit: str) -> tuple[int, str]:
        return 0, ""

    def _stop(self, state: dict[str, Any], unit: str) -> tuple[int, str]:
        state["units"].pop(unit, None)
        return 0, ""

    def _start(self, state: dict[str, Any], unit: str) -> tuple[int, str]:
        text = state["loaded"][unit]
        if "Type=oneshot" in text:
            return self._once(state, unit, text)
        if "Type=exec" in text or unit.endswith(".timer"):
            ends = self.ends(unit, text)
            state["units"][unit] = {"active": "failed" if ends else "active", "text": text}
            return 0, ""

        def named(key: str) -> Path:
            return Path(re.search(rf"^{key}=(\S+)$", text, re.MULTILINE)[1])

        folder = named("WorkingDirectory").resolve()
        config = Path(re.search(r"--config (\S+)", text)[1]).read_text()
        # Who starts anew after a stop binds anew; who is restarted keeps the socket that it had.
        kept = state["units"].get(unit, {}).get("listens")
        behaviour = (folder / "behaviour").read_text()
        migration = behaviour if behaviour.startswith("code=") else None
        failed = behaviour == "does not start" or migration
        state["units"][unit] = {
            "active": "failed" if failed else "active",
            "release": folder.name,
            "environment": named("EnvironmentFile").read_text(),
            "listens": kept or list(listener(config)),
            "behaviour": behaviour,
            "migration": migration,
        }
        return (1, "") if failed else (0, "")

    def _restart(self, state: dict[str, Any], *units: str) -> tuple[int, str]:
        self.restarted += units
        results = [self._start(state, unit) for unit in units]
        return max(results)

    def _once(self, state: dict[str, Any], unit: str, text: str) -> tuple[int, str]:
        """A command that runs to its end: here the test says how that is."""
        output = Path(re.search(r"^StandardOutput=append:(.+)$", text, re.MULTILINE)[1])
        self.ran.append(text)
        ended = self.once(re.search("^ExecStart=(.+)$", text, re.MULTILINE)[1], output)
        if not ended:
            return 0, ""
        state["units"][unit] = {"active": "failed", "shown": ended}
        return 1, ""

    # What somebody who asks finds

    def ask(self, connect: Callable[[float], Any], uri: str, host: str, timeout: float) -> str | None:
        assert (uri, host) == ("/healthz", "localhost")
        connection = connect(timeout)
        trial = isinstance(connection.address, str)
        unit = self._state()["units"].get(self.at.candidate_service if trial else self.at.service, {})
        if unit.get("active") != "active" or (not trial and unit["listens"] != [connection.host, connection.port]):
            return "GET /healthz failed: Connection refused"
        works = unit["behaviour"] == "answers" or (trial and unit["behaviour"] == "answers on trial")
        return None if works else f"GET /healthz answered 500: {unit['behaviour']}"

    @property
    def serves(self) -> str | None:
        unit = self._state()["units"].get(self.at.service, {})
        return unit.get("release") if unit.get("active") == "active" else None

    @property
    def beside(self) -> dict[str, str]:
        """What runs beside the application: of each unit the release that it is of."""
        units = {name: unit for name, unit in self._state()["units"].items() if "text" in unit}
        found = {name: re.search(r"releases/([\w-]+)$", unit["text"], re.MULTILINE) for name, unit in units.items()}
        return {name: match[1] if match else "" for name, match in found.items() if units[name]["active"] == "active"}

    @property
    def environment(self) -> str:
        return self._state()["units"][self.at.service]["environment"]

    def files(self) -> dict[str, str]:
        """Everything but the state of the service manager and the lock."""
        return {
            str(path): os.readlink(path) if path.is_symlink() else path.read_text(errors="replace")
            for path in sorted(self.base.rglob("*"))
            if path.is_symlink() or (path.is_file() and path.name != "state" and "run/lock" not in str(path))
        }

    # What a run of the module does

    def wanted(self, name: str, **changes: Any) -> Wanted:
        options: dict[str, Any] = {
            "release": name,
            "unit": UNIT.format(base=self.base),
            "config": CONFIG,
            "environment": {"SECRET": "s"},
            "user": "shop",
            "uid": os.geteuid(),
            "gid": os.getegid(),
            "start_timeout": 0,
            "keep": 3,
            "settle_seconds": 0,
        }
        return Wanted(**options | changes)

    def archive(self, name: str, behaviour: str) -> Path:
        folder = self.base / "archives" / name
        folder.mkdir(exist_ok=True)
        (folder / "behaviour").write_text(behaviour)
        (folder / "requirements.txt").write_text("")
        with tarfile.open(f"{folder}.tar", "w") as tar:
            tar.add(folder / "behaviour", "behaviour")
            tar.add(folder / "requirements.txt", "requirements.txt")
        return Path(f"{folder}.tar")

    def deploy(self, name: str, behaviour: str = "answers", **changes: Any) -> list[str]:
        """As the module does, with the action plugin's second call; what it changed."""
        deployment = Deployment.of(self.at, self.wanted(name, **changes), self.run)
        deployment.check()
        outcome = apply(deployment, None)
        if outcome.missing:
            outcome = apply(deployment, self.archive(name, behaviour))
        return [difference.what for difference in outcome.found]
