"""What a scanner of TLS servers finds at the front door."""

import contextlib
import json

import docker
import pytest

# The lab's own CA is in no browser, and a lab has neither a public DNS nor the Internet.
OWN_CA = {
    "cert_trust",  # the name is in the certificate
    "cert_chain_of_trust",
    "cert_crlDistributionPoints",
    "cert_ocspURL",
    "cert_revocation",
    "cert_expirationStatus",
    "OCSP_stapling",
    "DNS_CAArecord",
    "certificate_transparency",
}
HARMLESS = {"OK", "INFO", "DEBUG"}


@pytest.fixture
def scan(lab, inventory, front_door):
    """Run testssl.sh (Debian's package, in the image of the parsers) from inside the lab's network."""

    def run() -> list[dict[str, str]]:
        command = ["testssl", "--quiet", "--color", "0", "--ip", front_door.address, "--jsonfile", "/tmp/findings.json"]  # noqa: S108
        with contextlib.closing(docker.from_env(timeout=3600)) as engine:
            scanner = engine.containers.run(
                "foobar-webstack/parsers:trixie",
                ["sh", "-c", f"{' '.join(command)} {front_door.host}:{front_door.port} >&2; cat /tmp/findings.json"],
                entrypoint=[],
                detach=True,
                network=lab,
                extra_hosts={front_door.host: front_door.address},
            )
            try:
                scanner.wait()
                said = scanner.logs(stdout=True, stderr=False).decode()
                assert said, scanner.logs().decode()
                return json.loads(said)
            finally:
                scanner.remove(force=True)

    return run


def test_a_scanner_finds_nothing(scan):
    """No finding of severity LOW or worse, but for what any CA of one's own brings with it."""
    findings = scan()
    assert len(findings) > 100, findings
    found = [finding for finding in findings if finding["severity"] not in HARMLESS]
    assert [finding for finding in found if finding["id"].split()[0] not in OWN_CA] == []
