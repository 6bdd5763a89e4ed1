"""What holds on every web server, whichever sites it serves."""

import json
import re
import uuid

import pytest

testinfra_hosts = ["ansible://webservers"]

CLIENT = """
import http.client, json, sys
address, port, host, path, headers = json.loads(sys.argv[1])
connection = http.client.HTTPConnection(address, port, timeout=30)
connection.request("GET", path, headers={"Host": host} | headers)
answer = connection.getresponse()
headers = {name.lower(): answer.getheader(name) for name in answer.headers}
print(json.dumps([answer.status, headers, answer.read().decode("latin-1")]))
"""


@pytest.fixture
def configuration(host):
    return host.file("/etc/nginx/nginx.conf").content_string


@pytest.fixture
def get(host):
    """GET from the host itself: status, headers and body."""

    def get(port, path, name="localhost", headers=None):
        result = host.run("python3 -c %s %s", CLIENT, json.dumps(["127.0.0.1", port, name, path, headers or {}]))
        assert result.rc == 0, result.stderr
        return json.loads(result.stdout)

    return get


@pytest.fixture
def sites(configuration):
    """(port, name) of every site that listens on all IPv4 addresses."""
    blocks = re.findall(r"^ {4}server \{\n(.*?)^ {4}\}", configuration, re.MULTILINE | re.DOTALL)
    found = [
        (int(port), names.split()[0].replace("*.", "any."), block)
        for block in blocks
        for port in re.findall(r"listen \*:(\d+)", block)
        for names in re.findall(r'server_name ([^";]+);', block)
    ]
    assert found, "no site found in nginx.conf"
    return found


@pytest.fixture
def status(configuration):
    """Address and port of the status server."""
    return re.search(r"listen (\S+):(\d+);\n\s+access_log off;", configuration).groups()


def test_starts_at_boot_and_runs(host):
    assert host.service("nginx").is_enabled
    assert host.service("nginx").is_running


def test_runs_the_configuration_that_is_on_disk(get, configuration, status):
    """Catches a reload that was forgotten or refused."""
    on_disk = re.search(r"# generation (\w+)", configuration).group(1)
    assert get(int(status[1]), "/generation")[2].strip() == on_disk


def test_configuration_is_valid(host):
    """What is on disk is what the next boot gets."""
    assert host.run("nginx -t").rc == 0


def test_every_site_answers(get, sites):
    for port, name, _ in sites:
        answer, headers, _ = get(port, "/", name)
        assert answer < 500, name
        assert headers["server"] == "nginx", "tells its version"


def test_static_files_are_cached_and_revalidated(host, get, sites):
    for port, name, block in sites:
        for location, folder in re.findall(r'location \^~ (\S+/) \{\n\s+alias "(.*)";\n\s+expires [1-9]', block):
            file = host.check_output("find %s -follow -type f -printf '%%P\\n' -quit", folder)
            answer, headers, _ = get(port, location + file, name)
            assert answer == 200
            assert "max-age=" in headers["cache-control"]
            assert get(port, location + file, name, {"If-None-Match": headers["etag"]})[0] == 304
            assert get(port, location + file, name, {"If-Modified-Since": headers["last-modified"]})[0] == 304


def test_forged_client_address_is_not_believed(host, get, sites, configuration):
    """This host is no load balancer, so nginx logs its address and not what it claims."""
    if (
        "    access_log off;\n" in configuration.partition("real_ip")[0]
        or "set_real_ip_from 127.0.0.1;" in configuration
    ):
        pytest.skip("nothing is logged, or this host is a load balancer too")
    probe = f"/?probe={uuid.uuid4()}"
    get(*sites[0][:1], probe, sites[0][1], {"X-Forwarded-For": "203.0.113.7"})
    assert host.check_output("grep -F %s /var/log/nginx/access.log", probe).split()[0] == "127.0.0.1"


def test_status_is_for_this_host_alone(host, status):
    address, port = status
    assert address in ("127.0.0.1", "[::1]")
    assert host.socket(f"tcp://{address.strip('[]')}:{port}").is_listening
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening
