"""What is written on one host is read on the other one: also after a pause, by nobody else, and within bounds."""

import re
from uuid import uuid4

import pytest
from patience import until
from testinfra.host import Host

MON = "198.18.63.11"
UPLOAD = "webstack-journal-upload-journal-mon"
# What journal-upload begins with; an upload of nothing is taken, too.
REQUEST = (
    "POST /upload HTTP/1.1\\r\\nHost: mon\\r\\nContent-Type: application/vnd.fdo.journal\\r\\n"
    "Content-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"
)


def write(host: Host, text: str) -> None:
    host.run_expect([0], f"logger --tag drill {text}")


def known(host: Host, text: str) -> bool:
    """Whether it has come to the host that collects, as an entry of the one that sends."""
    found = host.run(f"journalctl --merge --quiet --output=cat --grep={text} _HOSTNAME=journal-web")
    return text in found.stdout


def acknowledged(host: Host, text: str) -> bool:
    """Whether the sender's position, which it writes down once the other side has taken what it sent, is behind it."""
    position = host.check_output("sed --quiet s/^LAST_CURSOR=//p %s", f"/var/lib/{UPLOAD}/state")
    left = host.run("journalctl --quiet --output=cat --after-cursor=%s --grep=%s", position, text)
    return bool(position) and text not in left.stdout


def answer(host: Host, certificate: str) -> str:
    """What the host that collects answers to somebody with this certificate, or with none."""
    folder = f"/etc/webstack/tls/{certificate}"
    shown = f"-cert {folder}/certificate.pem -key {folder}/key.pem" if certificate else ""
    ask = f"timeout 10 openssl s_client -quiet -connect {MON}:19532 -CAfile /etc/webstack/tls/ca.pem {shown}"
    return host.run(f"printf '{REQUEST}' | {ask} 2>/dev/null").stdout


def test_an_entry_arrives(mon: Host, web: Host) -> None:
    text = uuid4().hex
    write(web, text)
    until(lambda: known(mon, text), "the entry to arrive")


def test_what_is_written_meanwhile_arrives_when_the_receiver_is_back(mon: Host, web: Host) -> None:
    """Red where the position is not kept, or the unit gives up."""
    mon.run_expect([0], "systemctl stop webstack-journal-tls systemd-journal-remote.service")
    try:
        texts = [uuid4().hex for _ in range(20)]
        for text in texts:
            write(web, text)
        # It has noticed: the connection is gone, and another one does not come about.
        since = web.check_output(f"systemctl show --value --property=NRestarts {UPLOAD}")
        restarts = f"systemctl show --value --property=NRestarts {UPLOAD}"
        until(lambda: int(web.check_output(restarts)) > int(since), "it to be tried again")
        assert not known(mon, texts[0])
    finally:
        mon.run_expect([0], "systemctl start webstack-journal-tls")
    until(lambda: all(known(mon, text) for text in texts), "all of them to arrive")


def test_it_goes_on_where_it_was(mon: Host, web: Host) -> None:
    """What was taken is not sent again. Red where each start begins at the beginning."""
    first, second = uuid4().hex, uuid4().hex
    write(web, first)
    until(lambda: known(mon, first) and acknowledged(web, first), "the entry to be taken")
    web.run_expect([0], f"systemctl restart {UPLOAD}")
    write(web, second)
    until(lambda: known(mon, second), "the next one to arrive")
    count = f"journalctl --merge --quiet --output=cat --grep={first} SYSLOG_IDENTIFIER=drill | wc --lines"
    assert mon.check_output(count) == "1"


@pytest.mark.parametrize("certificate", ["", "stranger", "server"])
def test_nobody_else_is_let_in(web: Host, certificate: str) -> None:
    """Without a certificate, with one of the same CA for another name, and with one that shows no client."""
    assert answer(web, certificate) == ""


def test_the_host_itself_is_let_in(web: Host) -> None:
    """The test above is able to fail."""
    assert re.match(r"HTTP/1.1 2\d\d ", answer(web, "journal"))


def test_nothing_else_takes_entries(mon: Host) -> None:
    """Red with the package's own socket: anybody's entries, in the clear, at every address."""
    listening = mon.check_output("ss --listening --numeric --tcp --no-header")
    assert re.findall(r"\S+:19532(?= )", listening) == [f"{MON}:19532"]
    assert mon.file("/run/webstack-journal/remote").mode == 0o660
    assert mon.file("/run/webstack-journal/remote").group == "webstack-journal"


def test_a_renewed_certificate_is_used(mon: Host, web: Host, play, afterwards_restored) -> None:
    """What is served, after the reload that the role certificates makes."""
    serial = f"openssl s_client -connect {MON}:19532 </dev/null 2>/dev/null | openssl x509 -noout -serial"
    before = web.check_output(serial)
    done = play(certificates_rotate=["journal"])
    assert done.returncode == 0, done.stdout
    assert web.check_output(serial) != before
    text = uuid4().hex
    write(web, text)
    until(lambda: known(mon, text), "an entry to arrive with the new certificates")


def test_what_is_collected_has_a_bound(mon: Host, web: Host, play, afterwards_restored) -> None:
    """The oldest make room. Red where a sender could fill the disk of the host that collects."""
    done = play(journal_remote_max_use="16M")
    assert done.returncode == 0, done.stdout
    last = uuid4().hex
    noise = "print('\\n'.join('%0900x' % random.getrandbits(3600) for _ in range(60000)))"
    lines = f"import random; {noise}; print('{last}')"
    web.run_expect([0], f'python3 -c "{lines}" | systemd-cat --identifier=drill')
    until(lambda: known(mon, last), "all of it to arrive")
    used = int(mon.check_output("du --summarize --block-size=1M /var/log/journal/remote | cut --fields=1"))
    assert used <= 16 + 4, "more than the bound and a file"


def test_a_receiver_that_is_no_more_gets_nothing(mon: Host, web: Host, play, afterwards_restored) -> None:
    done = play(receivers=[])
    assert done.returncode == 0, done.stdout
    assert not web.file(f"/etc/systemd/system/{UPLOAD}.service").exists
    assert not web.service(UPLOAD).is_running
