"""Every application server, whatever it runs: it answers, and it is confined."""

import json
import re

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://appservers"]

EXPOSURE = 1.5

# What an application's own configuration says, asked of the host: nothing here knows the inventory.
FIND = """
import ast, json, pathlib, re
found = {}
for config in pathlib.Path('/etc/appserver').glob('*/gunicorn.conf.py'):
    unit = pathlib.Path(f'/etc/systemd/system/{config.parent.name}.service').read_text()
    health = re.search('^Health=(.*)$', unit, re.MULTILINE)[1]
    for node in ast.parse(config.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == 'bind':
            address, _, port = ast.literal_eval(node.value)[0].rpartition(':')
            address = {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(address, address)
            found[config.parent.name] = f'http://{address}:{port}{health}'
print(json.dumps(found))
"""

GET = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture
def applications(host: Host) -> dict[str, str]:
    """Name and health address of every application on the host."""
    found = json.loads(host.check_output("python3 -c %s", FIND))
    assert found, "this host is an application server, and no application is on it"
    return found


def test_every_application_answers(host: Host, applications: dict[str, str]) -> None:
    """On the address that web servers use."""
    answers = {name: host.check_output("python3 -c %s %s", GET, url) for name, url in applications.items()}
    assert answers == dict.fromkeys(applications, "200")


def test_every_application_starts_at_boot(host: Host, applications: dict[str, str]) -> None:
    assert {
        name: (host.service(name).is_running, host.service(name).is_enabled) for name in applications
    } == dict.fromkeys(applications, (True, True))


def test_no_process_is_root(host: Host, applications: dict[str, str]) -> None:
    """Nor may any become it."""
    for name in applications:
        users = host.check_output(
            "ps -o user:32= -p $(systemctl show -P MainPID %s) --ppid $(systemctl show -P MainPID %s)", name, name
        )
        assert set(users.split()) == {name}
        assert host.check_output("systemctl show -P NoNewPrivileges %s", name) == "yes"


def test_every_application_is_confined(host: Host, applications: dict[str, str]) -> None:
    """As systemd itself judges it, from 0 (safe) to 10."""
    for name in applications:
        verdict = host.check_output("systemd-analyze security --no-pager %s", name)
        assert float(re.search(r"Overall exposure level.*: ([\d.]+)", verdict)[1]) <= EXPOSURE, verdict


def test_only_root_reads_secrets(host: Host, applications: dict[str, str]) -> None:
    for name in applications:
        file = host.file(f"/etc/appserver/{name}/environment")
        assert (file.user, file.group, file.mode) == ("root", "root", 0o600)


def test_an_application_cannot_change_itself(host: Host, applications: dict[str, str]) -> None:
    """Neither its files nor its settings belong to its user; only its shared directory does."""
    for name in applications:
        owned = host.check_output(
            "find -H /srv/www/%s /etc/appserver/%s -user %s -not -path '*/shared*'", name, name, name
        )
        assert owned == ""
        shared = host.file(f"/srv/www/{name}/shared")
        assert (shared.user, shared.mode) == (name, 0o750)


def test_the_web_server_reads_its_files(host: Host, applications: dict[str, str]) -> None:
    """nginx on the same host serves the static ones."""
    for name in applications:
        assert (
            host.run("su nobody -s /bin/sh -c 'test -z \"$(find -L /srv/www/%s/current ! -readable)\"'", name).rc == 0
        )


def test_nothing_is_left_of_a_trial(host: Host, applications: dict[str, str]) -> None:
    for name in applications:
        assert host.run("systemctl cat %s-candidate", name).rc != 0
        assert not host.file(f"/srv/www/{name}/.switching").exists
