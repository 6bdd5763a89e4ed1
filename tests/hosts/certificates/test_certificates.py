"""A host with certificates: what holds wherever the role was, read with openssl, not with its program."""

import json

import pytest
from testinfra.host import Host

testinfra_hosts = [f"ansible://{group}" for group in ("databases", "appservers", "webservers", "loadbalancers")]

TLS = "/etc/webstack/tls"


@pytest.fixture
def settings(host: Host) -> dict:
    return json.loads(host.file(f"{TLS}/.store/settings.json").content_string)


@pytest.fixture
def certificates(settings: dict) -> list[dict]:
    return settings["certificates"]


def source(host: Host, name: str) -> str:
    return host.file(f"{TLS}/{name}/.source").content_string


def test_trust_is_there_for_everybody(host: Host) -> None:
    trust = host.file(f"{TLS}/ca.pem")
    assert (trust.user, trust.mode) == ("root", 0o644)
    constraints = host.check_output("openssl x509 -in %s -noout -ext basicConstraints", trust.path)
    assert "critical" in constraints
    assert "CA:TRUE, pathlen:0" in constraints


def test_certificates_of_the_own_ca_verify_against_the_trust(host: Host, certificates: list[dict]) -> None:
    """As a server's, by each name that was asked for. Catches another CA, wrong use, wrong names."""
    for certificate in certificates:
        if source(host, certificate["name"]) != "ca":
            continue
        path = f"{TLS}/{certificate['name']}/certificate.pem"
        for name in certificate["subject_alt_names"]:
            kind, value = name.split(":", 1)
            option = "-verify_ip" if kind == "IP" else "-verify_hostname"
            command = f"openssl verify -purpose sslserver -x509_strict -CAfile {TLS}/ca.pem {option} %s %s"
            assert host.check_output(command, value, path) == f"{path}: OK"


def test_every_certificate_is_for_its_names_and_not_about_to_end(
    host: Host, certificates: list[dict], settings: dict
) -> None:
    for certificate in certificates:
        path = f"{TLS}/{certificate['name']}/certificate.pem"
        days = settings["renewal_days"] if source(host, certificate["name"]) == "ca" else 1
        host.check_output("openssl x509 -in %s -noout -checkend %s", path, str(days * 86400))
        for name in certificate["subject_alt_names"]:
            kind, value = name.split(":", 1)
            option = "-checkip" if kind == "IP" else "-checkhost"
            said = host.check_output(f"openssl x509 -in %s -noout {option} %s", path, value)
            assert said.endswith("does match certificate")


def test_keys_belong_to_their_certificates(host: Host, certificates: list[dict]) -> None:
    for certificate in certificates:
        folder = f"{TLS}/{certificate['name']}"
        public = host.check_output("openssl x509 -in %s -noout -pubkey", f"{folder}/certificate.pem")
        assert host.check_output("openssl pkey -in %s -pubout", f"{folder}/key.pem") == public
        if certificate["combined"]:
            parts = host.file(f"{folder}/certificate.pem").content + host.file(f"{folder}/key.pem").content
            assert host.file(f"{folder}/combined.pem").content == parts


def test_keys_are_read_by_root_and_their_group_only(host: Host, certificates: list[dict]) -> None:
    for certificate in certificates:
        owner = ("root", certificate["group"] or "root", 0o640 if certificate["group"] else 0o600)
        for name in ["key.pem"] + ["combined.pem"] * certificate["combined"]:
            file = host.file(f"{TLS}/{certificate['name']}/{name}")
            assert (file.user, file.group, file.mode) == owner
        chain = host.file(f"{TLS}/{certificate['name']}/certificate.pem")
        assert (chain.user, chain.mode) == ("root", 0o644)


def test_no_key_lies_about(host: Host) -> None:
    """No file with a private key is open to others, and none is left of a version before."""
    assert host.run(f"find {TLS} -type f -perm /o+r -exec grep -l 'PRIVATE KEY' {{}} +").stdout == ""
    links = host.check_output(f"find {TLS} -maxdepth 1 -type l -exec readlink -f {{}} ';'").split()
    folders = host.check_output(f"find {TLS}/.store -name key.pem -printf '%h\\n'").split()
    assert sorted(folders) == sorted(links)


def test_programs_that_run_have_read_their_certificates(host: Host, certificates: list[dict]) -> None:
    """Catches a certificate that was put in place while its program goes on with the one before."""
    for certificate in certificates:
        if not certificate["activate"] or not host.service(certificate["unit"]).is_running:
            continue
        path = f"{TLS}/{certificate['name']}/certificate.pem"
        activated = host.file(f"{TLS}/.store/{certificate['name']}/activated").content_string.split()[0]
        said = host.check_output("openssl x509 -in %s -noout -fingerprint -sha256", path)
        assert said.partition("=")[2].replace(":", "").lower() == activated
