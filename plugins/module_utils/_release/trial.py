"""Starting what is wanted beside what serves, on a Unix socket. Nothing of what serves is touched."""

from __future__ import annotations

import re
import shutil
import time

from ansible_collections.foobar.webstack.plugins.module_utils._release import files, gunicorn
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import environment_text
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.units import command_line


def try_candidate(deployment: Deployment) -> None:
    """Migrate, start and ask what is wanted. Raises ReleaseError, with the last lines of its journal, if it fails."""
    at, wanted, systemd = deployment.at, deployment.wanted, deployment.systemd
    stop_candidate(deployment)
    gunicorn.check_listener(gunicorn.listener(wanted.config), gunicorn.listener_or_none(files.read(at.config)))
    _check_certificate(deployment)
    _write_candidate(deployment)
    since = time.time()
    try:
        systemd.call("daemon-reload")
        if systemd.succeeds("start", at.candidate_service):
            problem = deployment.wait(deployment.connect_candidate, at.candidate_service, wanted.start_timeout)
        else:
            problem = _start_problem(deployment)
        journal = systemd.journal(at.candidate_service, since) if problem else ""
    finally:
        stop_candidate(deployment)
    if problem:
        last = f"The last lines of its journal:\n{journal or '(none)'}"
        raise ReleaseError(f"{deployment.not_live(problem)}. {last}")


def stop_candidate(deployment: Deployment) -> None:
    """End a trial, this one or one that was interrupted."""
    at, systemd = deployment.at, deployment.systemd
    if not at.candidate_unit.exists():
        return
    systemd.succeeds("stop", at.candidate_service)
    systemd.succeeds("reset-failed", at.candidate_service)
    shutil.rmtree(at.candidate_etc, ignore_errors=True)
    at.candidate_unit.unlink()
    systemd.call("daemon-reload")


def candidate_unit(deployment: Deployment) -> str:
    """The unit that is to serve, line by line, but with the candidate's files; what is added ends it sooner."""
    at, wanted = deployment.at, deployment.wanted
    current = re.escape(str(at.current)) + r"(?![\w.-])"
    text = re.sub(current, str(at.release(wanted.release)), wanted.unit).replace(f"{at.etc}/", f"{at.candidate_etc}/")
    seconds = wanted.start_timeout + (wanted.migrate_timeout if wanted.migrate else 0)
    lines = [
        "",
        "[Unit]",
        f"Description={at.name}, release {wanted.release} on trial",
        "StartLimitIntervalSec=0",
        "[Service]",
        f"RuntimeDirectory={at.candidate_socket.parent.name}",
        "RuntimeDirectoryMode=0700",
        "Restart=no",
        f"TimeoutStartSec={seconds}",
    ]
    if wanted.migrate:
        lines.append(f"ExecStartPre={command_line(wanted.migrate)}")
    return text + "\n".join(lines) + "\n"


def _write_candidate(deployment: Deployment) -> None:
    at, wanted = deployment.at, deployment.wanted
    values = {**wanted.environment, **wanted.candidate_environment}
    arguments = values.get("GUNICORN_CMD_ARGS", "")
    values["GUNICORN_CMD_ARGS"] = f"{arguments} --bind=unix:{at.candidate_socket}".lstrip()
    at.candidate_etc.mkdir(parents=True, exist_ok=True)
    at.candidate_unit.parent.mkdir(parents=True, exist_ok=True)
    files.write(at.candidate_etc / at.environment.name, environment_text(values).encode(), 0o600)
    files.write(at.candidate_etc / at.config.name, wanted.config.encode(), 0o644)
    files.write(at.candidate_unit, candidate_unit(deployment).encode(), 0o644)


def _check_certificate(deployment: Deployment) -> None:
    """Find out before anything is started whether the application can use its certificate, as itself."""
    paths = [gunicorn.setting(deployment.wanted.config, name) for name in ("certfile", "keyfile")]
    if not all(paths):
        return
    command = [deployment.wanted.requirements.python, "-c", gunicorn.LOAD_CERTIFICATE, *paths]
    status, output, errors = deployment.run(deployment.as_user(command))
    if status:
        raise ReleaseError(deployment.not_live((errors or output).strip().splitlines()[-1]))


def _start_problem(deployment: Deployment) -> str:
    """Why the candidate did not start: its migration, or itself."""
    wanted = deployment.wanted
    state = deployment.systemd.state(deployment.at.candidate_service)
    # What stands there of the last command before the start: code=exited ; status=1. From 200 on, systemd could
    # not start it at all, as it could not start the application.
    ended = re.search(r"code=(\w+) ; status=(\d+)", state.get("ExecStartPre", ""))
    if wanted.migrate and state.get("ExecMainStatus") == "0" and ended and 0 < int(ended[2]) < 200:
        command = " ".join(wanted.migrate)
        how = "ended with status" if ended[1] == "exited" else "was ended by signal"
        late = f" after exceeding the {wanted.migrate_timeout} s timeout" if state["Result"] == "timeout" else ""
        return f"its migration failed: the command {command!r} {how} {ended[2]}{late}"
    return f"it did not start ({state.get('Result')}, status {state.get('ExecMainStatus')})"
