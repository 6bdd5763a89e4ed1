"""Worker classes, with the newest packages of PyPI: each serves, and shows an exchanged certificate at once."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host
from tiny_application import CA, SCENARIO

testinfra_hosts = ["ansible://appservers"]
pytestmark = pytest.mark.usefixtures("as_converged")

FILES = {name: (SCENARIO / f"files/hello/{name}").read_text() for name in ("hello.py", "live.py")}
ASGI = ["gunicorn", "uvicorn", "uvicorn-worker", "websockets"]


@pytest.fixture(scope="module")
def packages(host: Host, tmp_path_factory) -> Callable[..., dict[str, bytes]]:
    """The newest wheels for the host's Python, as files of a release: the host needs no index."""

    def download(*names: str) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("wheels")
        python = host.check_output("python3 -c %s", "import sys; print('{}.{}'.format(*sys.version_info))")
        machine = host.check_output("uname -m")
        built_for = [f"--platform=manylinux{libc}_{machine}" for libc in ("2014", "_2_17", "_2_28")]
        wanted = ["--only-binary=:all:", f"--python-version={python}", *built_for, f"--dest={folder}", *names]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *wanted], check=True)
        return {f"vendor/{wheel.name}": wheel.read_bytes() for wheel in folder.iterdir()}

    return download


@pytest.mark.parametrize(
    ("worker_class", "requirements", "application"),
    [
        ("sync", ["gunicorn"], "hello:app"),
        ("gevent", ["gunicorn[gevent]"], "hello:app"),
        ("uvicorn", ASGI, "live:app"),
    ],
)
def test_each_class_serves_and_shows_the_certificate_of_the_moment(
    host: Host, deploy, about, shown, stream, packages, worker_class, requirements, application
) -> None:
    """Catches workers that make a context once for all, and what the unit does not let a newer gunicorn do."""
    release: dict[str, Any] = {
        "files": {**FILES, "requirements.txt": "\n".join(requirements), **packages(*requirements)},
        "requirements": "requirements.txt",
        "pip_arguments": ["--no-index", "--find-links", "vendor"],
        "worker_class": worker_class,
        "start_timeout": 30,
        "wsgi": application,
    }
    deploy(**release).succeeded()
    assert deploy(**release).succeeded().changed == 0
    before, process = shown(), about()["parent"]
    if worker_class == "uvicorn":
        # Open before, in use after.
        host.check_output(
            "systemd-run --quiet --unit=live -p StandardOutput=file:/run/live.out python3 -c %s %s", LIVE, CA
        )
    host.check_output("issue && sleep 0.5")
    after = shown()
    report = stream()
    assert set(report["ends"]) == {"200"}
    assert after != before
    assert {before, after} >= set(report["handshakes"])
    assert about()["parent"] == process
    if worker_class == "uvicorn":
        host.check_output("while systemctl is-active --quiet live; do sleep 0.1; done")
        assert host.file("/run/live.out").content_string == "wss one wss two"
    assert host.run("journalctl --unit=hello --since=-60s | grep -i 'traceback\\|control socket'").stdout == ""


# Says one, waits for another certificate, and says two.
LIVE = """
import base64, os, socket, ssl, sys, time

def tls():
    context = ssl.create_default_context(cafile=sys.argv[1])
    return context.wrap_socket(socket.create_connection(('127.0.0.1', 8001), timeout=30), server_hostname='127.0.0.1')

def say(live, text):
    mask = os.urandom(4)
    live.sendall(bytes([0x81, 0x80 | len(text)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text)))
    head = live.recv(2)
    return live.recv(head[1]).decode()

live = tls()
key = base64.b64encode(os.urandom(16)).decode()
live.sendall(('GET /live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n'
              'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: ' + key + '\\r\\n\\r\\n').encode())
answer = b''
while not answer.endswith(b'\\r\\n\\r\\n'):
    answer += live.recv(1)
assert answer.startswith(b'HTTP/1.1 101 '), answer
print(say(live, b'one'), end=' ', flush=True)
before = live.getpeercert(True)
while tls().getpeercert(True) == before:
    time.sleep(0.1)
print(say(live, b'two'), end='', flush=True)
"""
