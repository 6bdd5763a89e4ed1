"""Every application server, whatever it runs: it answers, and it is confined."""

import json
import re
from typing import Any

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://appservers"]

EXPOSURE = 1.5

# What an application's own configuration says, asked of the host: nothing here knows the inventory.
FIND = """
import ast, json, pathlib, re
found = {}
for config in pathlib.Path('/etc/appserver').glob('*/gunicorn.conf.py'):
    name = config.parent.name
    unit = pathlib.Path(f'/etc/systemd/system/{name}.service').read_text()
    told = dict(re.findall('^(Health|HealthHost|TrustedBy|ServerName)=(.*)$', unit, re.MULTILINE))
    assigned = [node for node in ast.parse(config.read_text()).body if isinstance(node, ast.Assign)]
    literal = {node.targets[0].id: node.value for node in assigned}
    address, _, port = ast.literal_eval(literal['bind'])[0].rpartition(':')
    address = {'0.0.0.0': '127.0.0.1', '[::]': '::1'}.get(address, address).strip('[]')
    files = [ast.literal_eval(literal[file]) for file in ('certfile', 'keyfile') if file in literal]
    found[name] = {'address': address, 'port': int(port), 'health': told['Health'], 'host': told['HealthHost'],
                   'files': files, 'trusted': told.get('TrustedBy'), 'name': told.get('ServerName')}
print(json.dumps(found))
"""

# As the web servers ask: with TLS, of a certificate that is verified. The second argument asks in another way.
GET = """
import http.client, json, socket, ssl, sys
told = json.loads(sys.argv[1])
sock = socket.create_connection((told['address'], told['port']), timeout=15)
if told['trusted'] and sys.argv[2] != 'clear':
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    tls.load_verify_locations(told['trusted'])
    tls.check_hostname = bool(told['name'])
    if sys.argv[2] == 'old':
        tls.minimum_version, tls.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        tls.set_ciphers('ALL:@SECLEVEL=0')
    sock = tls.wrap_socket(sock, server_hostname=told['name'] or None)
connection = http.client.HTTPConnection(told['host'])
connection.sock = sock
connection.request('GET', told['health'])
print(connection.getresponse().status)
"""


@pytest.fixture
def applications(host: Host) -> dict[str, dict[str, Any]]:
    """Every application on the host, by name: where it listens, what it is asked, and whom to trust about it."""
    found = json.loads(host.check_output("python3 -c %s", FIND))
    assert found, "this host is an application server, and no application is on it"
    return found


def test_every_application_answers(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    """On the address that web servers use, with the certificate that they expect."""
    answers = {
        name: host.check_output("python3 -c %s %s usual", GET, json.dumps(told)) for name, told in applications.items()
    }
    assert answers == dict.fromkeys(applications, "200")


@pytest.mark.parametrize(
    ("how", "refusal"),
    [("clear", "RemoteDisconnected|ConnectionResetError|BadStatusLine"), ("old", "SSLError|ConnectionResetError")],
)
def test_nobody_is_answered_in_the_clear(
    host: Host, applications: dict[str, dict[str, Any]], how: str, refusal: str
) -> None:
    """Where there is a certificate. Nor with TLS 1.1, which comes near to it."""
    for told in applications.values():
        if told["trusted"]:
            done = host.run("python3 -c %s %s %s", GET, json.dumps(told), how)
            assert done.rc != 0, done.stdout
            assert re.search(refusal, done.stderr), done.stderr


def test_only_the_application_reads_its_key(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    for name, told in applications.items():
        for _certificate, key in [told["files"]] if told["files"] else []:
            file = host.file(host.check_output("readlink -f %s", key))
            assert (file.user, file.group, file.mode) == ("root", name, 0o640)
            assert host.check_output("id -gn %s", name) == name


def test_every_application_starts_at_boot(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    assert {
        name: (host.service(name).is_running, host.service(name).is_enabled) for name in applications
    } == dict.fromkeys(applications, (True, True))


def test_no_process_is_root(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    """Nor may any become it."""
    for name in applications:
        users = host.check_output(
            "ps -o user:32= -p $(systemctl show -P MainPID %s) --ppid $(systemctl show -P MainPID %s)", name, name
        )
        assert set(users.split()) == {name}
        assert host.check_output("systemctl show -P NoNewPrivileges %s", name) == "yes"


def test_every_application_is_confined(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    """As systemd itself judges it, from 0 (safe) to 10."""
    for name in applications:
        verdict = host.check_output("systemd-analyze security --no-pager %s", name)
        assert float(re.search(r"Overall exposure level.*: ([\d.]+)", verdict)[1]) <= EXPOSURE, verdict


def test_only_root_reads_secrets(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    for name in applications:
        file = host.file(f"/etc/appserver/{name}/environment")
        assert (file.user, file.group, file.mode) == ("root", "root", 0o600)


def test_an_application_cannot_change_itself(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    """Neither its files nor its settings belong to its user; only its shared directory does."""
    for name in applications:
        owned = host.check_output(
            "find -H /srv/www/%s /etc/appserver/%s -user %s -not -path '*/shared*'", name, name, name
        )
        assert owned == ""
        shared = host.file(f"/srv/www/{name}/shared")
        # The web server passes through to uploads, where there are any.
        assert (shared.user, shared.group, shared.mode) in [(name, name, 0o750), (name, "www-data", 0o710)]


def test_the_web_server_reads_its_files(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    """nginx on the same host serves the static ones."""
    for name in applications:
        assert (
            host.run("su nobody -s /bin/sh -c 'test -z \"$(find -L /srv/www/%s/current ! -readable)\"'", name).rc == 0
        )


def test_nothing_is_left_of_a_trial(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    for name in applications:
        assert host.run("systemctl cat %s-candidate", name).rc != 0
        assert not host.file(f"/srv/www/{name}/.switching").exists


def test_what_runs_beside_it_is_up_and_confined(host: Host, applications: dict[str, dict[str, Any]]) -> None:
    """Processes and timers, and the services of jobs: each of the release that serves, as the application's user."""
    for name in applications:
        release = host.check_output("readlink -f /srv/www/%s/current", name)
        found = host.run("grep -l '^Application=%s$' /etc/systemd/system/%s-*", name, name).stdout.split()
        units = {path.rpartition("/")[2]: host.file(path).content_string for path in found}
        enabled = {unit for unit, text in units.items() if "\n[Install]\n" in text}
        assert {
            unit for unit in enabled if not (host.service(unit).is_running and host.service(unit).is_enabled)
        } == set()
        for unit, text in units.items():
            if unit.endswith(".service"):
                assert f"WorkingDirectory={release}\n" in text
                assert f"\nUser={name}\n" in text
                verdict = host.check_output("systemd-analyze security --no-pager %s", unit)
                assert float(re.search(r"Overall exposure level.*: ([\d.]+)", verdict)[1]) <= EXPOSURE, verdict
