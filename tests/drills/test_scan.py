"""What a scanner of TLS servers finds at the load balancer."""

import contextlib
import io
import json
import tarfile

import docker
import pytest

# What a CA of one's own and a lab without a public DNS bring with them, and what the scanner says of itself.
OWN = {"cert_revocation", "DNS_CAArecord", "engine_problem"}
HARMLESS = {"OK", "INFO", "DEBUG"}
SCAN = "testssl --quiet --color 0 --add-ca /tmp/ca.pem --ip {address} --jsonfile /tmp/findings.json {name}:{port} >&2"


@pytest.fixture
def scan(lab, site):
    """Run testssl.sh (Debian's package, in the image of the parsers) from inside the lab's network."""

    def run() -> list[dict[str, str]]:
        command = SCAN.format(address=site.address, name=site.host, port=site.port)
        with contextlib.closing(docker.from_env(timeout=3600)) as engine, io.BytesIO() as packed:
            scanner = engine.containers.create(
                "foobar-webstack/parsers:trixie",
                ["sh", "-c", f"{command}; cat /tmp/findings.json"],
                entrypoint=[],
                network=lab,
                extra_hosts={site.host: site.address},
            )
            try:
                with tarfile.open(fileobj=packed, mode="w") as archive:
                    archive.add(site.ca, "ca.pem")
                scanner.put_archive("/tmp", packed.getvalue())  # noqa: S108
                scanner.start()
                scanner.wait()
                said = scanner.logs(stdout=True, stderr=False).decode()
                assert said, scanner.logs().decode()
                return json.loads(said)
            finally:
                scanner.remove(force=True)

    return run


def test_a_scanner_finds_nothing(scan):
    """No finding of severity LOW or worse. Catches a suite, a version, a header or a name that should not be there."""
    findings = scan()
    assert len(findings) > 100, findings
    found = [finding for finding in findings if finding["severity"] not in HARMLESS]
    assert [finding for finding in found if finding["id"].split()[0] not in OWN] == []
    grade = next(finding["finding"] for finding in findings if finding["id"] == "overall_grade")
    assert grade == "A+", grade
