"""dns_status.yml: the DS of each zone is printed, and compared with what the parent zone knows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.dnssec import signing_key

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret of thirty-two characters"
ZONE, KNOWN, OTHER, SILENT = "foobar.com", "1.18.198.in-addr.arpa", "2.18.198.in-addr.arpa", "3.18.198.in-addr.arpa"


def ds(zone: str) -> str:
    return signing_key(SECRET, zone).ds


def header(status: str) -> str:
    return f";; ->>HEADER<<- opcode: QUERY; status: {status}; id: 1\n"


# As kdig writes it: the digest in capitals.
PARENT = {
    ZONE: header("NOERROR"),
    KNOWN: header("NOERROR") + f"{KNOWN}.\t86400\tIN\tDS\t{ds(KNOWN).upper()}\n",
    OTHER: header("NOERROR") + f"{OTHER}.\t86400\tIN\tDS\t12345 13 2 {'AB' * 32}\n",
    SILENT: ";; WARNING: response timeout for 192.0.2.53@53(UDP)\n",
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the playbook says, with a kdig that stands for the name servers and for the parent zones."""
    folder = tmp_path_factory.mktemp("status")
    kdig = folder / "kdig"
    kdig.write_text(
        f"#!{sys.executable}\nimport sys\nparent = {PARENT!r}\n"
        "if 'SOA' in sys.argv:\n"
        "    print('lb1.foobar.com. hostmaster.foobar.com. 1790000000 3600 600 1209600 300')\n"
        "else:\n"
        "    print(parent[sys.argv[1]], end='')\n"
    )
    kdig.chmod(0o755)
    variables = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "webstack_dns_reverse": [f"198.18.{third}.0/24" for third in (1, 2, 3)],
        "webstack_secrets": {"dns_signing": SECRET, "dns_transfer": SECRET, "dns_acme": SECRET},
    }
    done = subprocess.run(
        ["ansible-playbook", "playbooks/dns_status.yml", "-i", "inventories/ha", "-e", json.dumps(variables)],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # YAML writes an apostrophe twice.
    return " ".join(done.stdout.split()).replace("''", "'")


def test_the_serials_are_said(printed: str) -> None:
    assert printed.count(f"{ZONE}: '1790000000'") == 2


@pytest.mark.parametrize(
    "sentence",
    [
        f"{ZONE}: the parent zone knows no key, so that nobody checks the signatures. Give this to whoever registered "
        f"the zone, as its DS record: {ds(ZONE)}.",
        f"{KNOWN}: the parent zone knows the key (DS {ds(KNOWN)}).",
        f"{OTHER}: the parent zone knows another key (12345 13 2 {'ab' * 32}), so that resolvers that check",
        f"{SILENT}: the parent zone could not be asked, because this host's resolver did not answer. The zone's DS "
        f"record is {ds(SILENT)}.",
    ],
)
def test_the_key_is_compared_with_the_parent_s(printed: str, sentence: str) -> None:
    """Red where a DS of another key is taken for the zone's, or silence for its absence."""
    assert printed.count(sentence) == 1, printed


def test_the_primary_alone_asks_the_parent(printed: str) -> None:
    assert printed.count(f"{KNOWN}: the parent zone") == 1
