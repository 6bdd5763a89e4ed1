"""What holds on every web server, whichever sites it serves."""

import json
import re
import uuid

import pytest
from connection import send_from

testinfra_hosts = ["ansible://webservers"]


@pytest.fixture
def configuration(host):
    return host.file("/etc/nginx/nginx.conf").content_string


@pytest.fixture
def get(host):
    """GET from the host itself: status, headers and body."""

    def get(port, path, name="localhost", headers=None, tls=False):
        # Who it is is for the load balancers' checks; these ask the host itself.
        shown = {"name": name} if tls else None
        (answer,) = send_from(host, port=port, path=path, host=name, headers=headers, tls=shown)
        assert answer.status, answer.error
        return (
            answer.status,
            {name.lower(): answer.header(name) for name in answer.headers},
            answer.body.decode("latin-1"),
        )

    return get


@pytest.fixture
def sites(configuration):
    """(port, name, block, whether TLS) of every site that listens on all IPv4 addresses and lets everybody in."""
    blocks = re.findall(r"^ {4}server \{\n(.*?)^ {4}\}", configuration, re.MULTILINE | re.DOTALL)
    found = [
        (int(port), names.split()[0].replace("*.", "any."), block, bool(tls))
        for block in blocks
        if "ssl_verify_client on;" not in block
        for port, tls in re.findall(r"listen \*:(\d+)(?: default_server)?( ssl)?;", block)
        for names in re.findall(r'server_name ([^";]+);', block)
    ]
    assert found, "no site found in nginx.conf"
    return found


@pytest.fixture
def status(configuration):
    """Address and port of the status server."""
    return re.search(r"listen (\S+):(\d+);\n\s+access_log off;", configuration).groups()


def test_who_listens_on_ipv4_does_so_on_ipv6(host, configuration, sites):
    """nginx's own `*` is IPv4 alone. Asked of the kernel, because the host may have no IPv6 address yet."""
    if not host.file("/proc/net/if_inet6").exists:
        assert "[::]" not in configuration
        return
    listening = host.check_output("ss --listening --numeric --tcp --ipv6 --no-header")
    assert {str(port) for port, *_ in sites} <= set(re.findall(r" \[::\]:(\d+) ", listening))


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
    for port, name, _, tls in sites:
        answer, headers, _ = get(port, "/", name, tls=tls)
        assert answer < 500, name
        assert headers["server"] == "nginx", "tells its version"


def test_static_files_are_cached_and_revalidated(host, get, sites):
    for port, name, block, tls in sites:
        for location, folder in re.findall(r'location \^~ (\S+/) \{\n\s+alias "(.*)";\n\s+expires [1-9]', block):
            file = host.check_output("find %s -follow -type f -printf '%%P\\n' -quit", folder)
            answer, headers, _ = get(port, location + file, name, tls=tls)
            assert answer == 200
            assert "max-age=" in headers["cache-control"]
            for known in ({"If-None-Match": headers["etag"]}, {"If-Modified-Since": headers["last-modified"]}):
                assert get(port, location + file, name, known, tls)[0] == 304


def test_forged_client_address_is_not_believed(host, get, sites, configuration):
    """This host is no load balancer, so nginx logs its address and not what it claims."""
    if (
        "    access_log off;\n" in configuration.partition("real_ip")[0]
        or "set_real_ip_from 127.0.0.1;" in configuration
    ):
        pytest.skip("nothing is logged, or this host is a load balancer too")
    probe = f"/probe-{uuid.uuid4()}"
    port, name, _, tls = sites[0]
    get(port, probe, name, {"X-Forwarded-For": "203.0.113.7"}, tls)
    logged = host.check_output("journalctl --unit=nginx --since=-1min --output=cat --grep=%s | tail -n 1", probe)
    assert json.loads(logged)["client"] == "127.0.0.1"


def test_certificate_on_disk_is_the_one_that_is_served(host, sites):
    """Catches a certificate that was replaced and not activated: it would expire with the good one beside it."""
    for port, name, block, tls in sites:
        if tls:
            file = re.search(r'ssl_certificate "(.*)";', block).group(1)
            served = f"openssl s_client -connect 127.0.0.1:{port} -servername {name} </dev/null 2>/dev/null"
            fingerprint = "openssl x509 -noout -fingerprint -sha256"
            assert host.check_output(f"{served} | {fingerprint}") == host.check_output(f"{fingerprint} -in %s", file)


def test_key_is_read_by_root_alone(host, configuration):
    for file in set(re.findall(r'ssl_certificate_key "(.*)";', configuration)):
        assert host.file(file).user == "root"
        assert host.file(file).mode & 0o007 == 0, file


def test_old_protocols_are_refused(host, sites):
    for port, name, _, tls in sites:
        if tls:
            offer = f"openssl s_client -connect 127.0.0.1:{port} -servername {name} </dev/null"
            assert host.run(f"{offer} -tls1_1 -cipher DEFAULT@SECLEVEL=0").rc != 0
            assert host.run(f"{offer} -tls1_3").rc == 0


def test_unknown_name_is_answered_by_no_site(get, sites, configuration):
    """Whatever the listener: over TLS too there is an answer, and not a handshake that is broken off."""
    expected = [int(status) for status in re.findall(r"return (404|421|444);\n    \}", configuration)[:1]]
    for port, _, block, tls in sites:
        if not re.search(rf"listen \*:{port} default_server", block) and expected not in ([], [444]):
            assert get(port, "/", "unknown.example", tls=tls)[0] == expected[0]


def test_sandbox_is_tight_and_holds(host):
    """The unit's exposure, and that the running master has it: a unit holds from the next start on."""
    verdict = host.run("systemd-analyze security --no-pager --threshold=30 nginx")
    assert verdict.rc == 0, verdict.stdout.splitlines()[-1]
    master = host.check_output("systemctl show --value --property=MainPID nginx")
    state = host.file(f"/proc/{master}/status").content_string
    assert re.search(r"NoNewPrivs:\s+1", state)
    assert re.search(r"Seccomp:\s+2", state)


def test_status_is_for_this_host_alone(host, status):
    address, port = status
    assert address in ("127.0.0.1", "[::1]")
    assert host.socket(f"tcp://{address.strip('[]')}:{port}").is_listening
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening
