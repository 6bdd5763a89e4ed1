"""What the tests themselves stand on: the throw-away CA, the connection and the load, against a small server here."""

import http.server
import json
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from connection import Connection, send, send_from, tls_context
from patience import until
from throwaway_ca import Authority
from visitors import Inventory

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = Path(__file__).resolve().parents[1] / "support"


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it was asked; every tenth answer of /sometimes is an error."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        Handler.asked += 1
        bad = self.path == "/sometimes" and Handler.asked % 10 == 0
        body = json.dumps({"path": self.path, "host": self.headers["Host"], "version": "one"}).encode()
        self.send_response(500 if bad else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Twice", "a")
        self.send_header("X-Twice", "b")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def pair(authority):
    return authority.place(authority.path.parent / "web", "web", ["DNS:web.internal"])


@pytest.fixture(scope="module")
def port(pair):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def load(*arguments: str) -> dict:
    command = [sys.executable, SUPPORT / "load.py", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


def test_a_certificate_is_verified_by_name_and_authority(authority, port, tmp_path):
    tls = {"ca": str(authority.certificate), "name": "web.internal"}
    (answer,) = send(port=port, path="/x", host="www", tls=tls)
    assert (answer.status, answer.json()["path"], answer.json()["host"]) == (200, "/x", "www")
    assert (answer.all("x-twice"), answer.header("X-Twice")) == (["a", "b"], "a, b")
    for changes, reason in (
        ({"name": "other.internal"}, "Hostname mismatch"),
        ({"ca": _another(tmp_path)}, "unable to"),
    ):
        (answer,) = send(port=port, tls=tls | changes)
        assert answer.status == 0
        assert reason in answer.error
    (answer,) = send(port=port, tls={})
    assert answer.status == 200


class Here:
    """What testinfra's host does, on this machine."""

    def check_output(self, _command: str, program: str, request: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program, request], check=True, capture_output=True, text=True, timeout=60
        ).stdout


def test_a_host_sends_the_same_request(port):
    """With a Host header as well, which has the name of testinfra's host."""
    answers = send_from(Here(), port=port, path="/x", host="www", tls={}, repeat=2)
    assert [(one.status, one.json()["host"], one.all("x-twice")) for one in answers] == [(200, "www", ["a", "b"])] * 2


def _another(folder: Path) -> str:
    other = Authority(folder / "other")
    other.make()
    return str(other.certificate)


def test_it_speaks_without_tls_as_well(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert [one.status for one in send(port=server.server_address[1], repeat=3)] == [200] * 3
    finally:
        server.shutdown()
        server.server_close()
    (answer,) = send(port=server.server_address[1])
    assert (answer.status, "ConnectionRefusedError" in answer.error) == (0, True)


def test_the_load_outlasts_the_command_and_counts(authority, port, pair):
    report = load(
        f"--port={port}",
        "--name=web.internal",
        f"--ca={authority.certificate}",
        "--requests=40",
        "--header=X-Twice",
        "--json=version",
        *("sh", "-c", "sleep 0.5; echo done; exit 3"),
    )
    assert (report["status"], report["output"]) == (3, "done\n")
    assert report["made"] >= 40
    assert report["during"] > 0
    assert report["ends"] == {"200": report["made"]}
    assert report["failures"] == []
    assert report["values"] == ["one"]
    # Two clients keep their connection, the others make one for each request.
    assert 2 < sum(report["handshakes"].values()) < report["made"]
    assert report["served"] == list(report["handshakes"])


def test_the_load_says_what_failed(authority, port, tmp_path):
    report = load(f"--port={port}", "--path=/sometimes", "--requests=60", "--new", "true")
    assert report["failures"].count("500") >= 5
    (end,) = load(f"--port={port}", f"--ca={authority.certificate}", "--requests=4", "true")["ends"]
    assert "IP address mismatch" in end, "the name is verified"


def test_the_load_ends_when_the_file_appears(port, tmp_path):
    end = tmp_path / "end"
    before = Handler.asked

    def finish() -> None:
        until(lambda: Handler.asked > before + 3, "some requests")
        end.touch()

    threading.Thread(target=finish).start()
    assert load(f"--port={port}", f"--until={end}", "--clients=1")["made"] > 3


def test_it_waits_until_a_certificate_is_served(authority, port, pair, tmp_path):
    report = load(f"--port={port}", f"--until-served={pair[0]}", "--clients=1", "true")
    assert len(report["served"]) == 1


def test_a_client_shows_its_own_certificate(pair):
    context = tls_context(None, pair=str(pair[0].parent))
    connection = Connection("127.0.0.1", 1, context=context)
    assert connection.context is context


def test_the_authority_as_a_program(tmp_path):
    """As the scenarios run it: the key for a group, one file for both, an authority alone."""
    run = [sys.executable, SUPPORT / "throwaway_ca.py", tmp_path / "ca"]
    subprocess.run(run, check=True)
    made = (tmp_path / "ca.pem").read_text()
    subprocess.run([*run, "--combined", tmp_path / "x/both.pem", "web", "DNS:web,IP:127.0.0.1"], check=True)
    both = (tmp_path / "x/both.pem").read_text()
    assert both.index("BEGIN CERTIFICATE") < both.index("PRIVATE KEY")
    subprocess.run([*run, "--folder", tmp_path / "y", "--mode=0640", "web", "DNS:web", "IP:::1"], check=True)
    assert (tmp_path / "y/key.pem").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "ca.pem").read_text() == made
    for file in ("x/both.pem", "y/certificate.pem"):
        subprocess.run(["openssl", "verify", "-CAfile", tmp_path / "ca.pem", tmp_path / file], check=True)


@pytest.mark.parametrize(
    ("variables", "subnets", "addresses"),
    [
        ({}, ["198.18.0.0/24", "fd00:198:18::/64"], ["198.18.0.11", "fd00:198:18::11"]),
        (
            {"lab_subnet": "198.18.7.0/24", "ansible_host": "198.18.7.11"},
            ["198.18.7.0/24", "fd00:198:18:7::/64"],
            ["198.18.7.11", "fd00:198:18:7::11"],
        ),
        (
            {"lab_subnet6": "2001:db8:7::/64"},
            ["198.18.0.0/24", "2001:db8:7::/64"],
            ["198.18.0.11", "2001:db8:7::11"],
        ),
        ({"lab_subnet6": ""}, ["198.18.0.0/24"], ["198.18.0.11"]),
        ({"lab_subnet": "fd00:7::/64", "ansible_host": "fd00:7::11"}, ["fd00:7::/64"], ["fd00:7::11"]),
    ],
)
def test_a_lab_is_asked_at_the_addresses_that_it_has(variables, subnets, addresses):
    """What playbooks/lab/up.yml gives a network and a host, and where host checks ask them, on a machine with IPv6."""
    known = {"lab_name": "lab", "lab_subnet": "198.18.0.0/24", "ansible_host": "198.18.0.11"} | variables
    loader = DataLoader()
    plays = loader.load_from_file(str(ROOT / "playbooks/lab/up.yml"), trusted_as_template=True)
    for play in plays:
        known |= {name: value for name, value in play.get("vars", {}).items() if name.startswith("__lab")}
    known["__lab_ipv6"] = True
    templar = Templar(loader, known)
    assert templar.template(known["__lab_subnets"]) == subnets
    assert templar.template(known["__lab_address6"]) == ([at for at in addresses if ":" in at] or [""])[0]
    if Path("/proc/net/if_inet6").exists():
        assert Inventory("lab", {}, {"lb1": known}).addresses("lb1") == addresses
