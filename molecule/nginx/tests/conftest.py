"""A client that speaks to nginx from inside the host, and the scenario's play run again with other data."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CLIENT = """
import http.client, json, socket, ssl, sys
def send(source="127.0.0.1", host="www.foobar.com", port=80, method="GET", path="/", headers={}, body=None, repeat=1,
         tls=None, certificate=None):
    context = ssl.create_default_context(cafile="/etc/webstack/tls/ca.pem")
    context.check_hostname = tls != "unknown.example"
    if certificate:
        context.load_cert_chain(f"/etc/webstack/tls/{certificate}/certificate.pem",
                                f"/etc/webstack/tls/{certificate}/key.pem")
    for _ in range(repeat):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
        try:
            if tls:
                connection.connect()
                connection.sock = context.wrap_socket(connection.sock, server_hostname=tls)
            connection.request(method, path, body, {"Host": host} | headers)
            answer = connection.getresponse()
            body_received = answer.read().decode("latin-1")
            yield answer.status, answer.getheaders(), body_received
        except (OSError, http.client.HTTPException) as error:
            yield 0, [], repr(error)
        finally:
            connection.close()
print(json.dumps(list(send(**json.loads(sys.argv[1])))))
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        return ", ".join(self.all(name)) or None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def requests(host) -> Callable[..., list[Answer]]:
    """Send ``repeat`` requests one by one, each on its own connection; status 0 is a connection without an answer.

    ``tls`` is the server name to ask for, and that the certificate must have.
    """

    def send(**request: Any) -> list[Answer]:
        result = host.run("python3 -c %s %s", CLIENT, json.dumps(request))
        assert result.rc == 0, result.stderr
        return [
            Answer(status, [tuple(pair) for pair in headers], body)
            for status, headers, body in json.loads(result.stdout)
        ]

    return send


@pytest.fixture
def request_(requests) -> Callable[..., Answer]:
    return lambda **request: requests(**request)[0]


@pytest.fixture
def play() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run converge.yml again, with other values of some variables."""
    scenario = Path(__file__).resolve().parents[1]

    def run(**variables: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "ansible-playbook",
                f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}",
                f"--extra-vars={json.dumps(variables)}",
                str(scenario / "converge.yml"),
            ],
            capture_output=True,
            env=os.environ | {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
            text=True,
            cwd=scenario.parents[1],
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def afterwards_restored(play) -> Iterator[None]:
    """After a test that gave the host other data, give it the scenario's own again."""
    yield
    result = play()
    assert result.returncode == 0, result.stdout
