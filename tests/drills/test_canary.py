"""Secrets that nobody could guess go through runs, good and failing, and through requests, and must be seen nowhere."""

import json
import subprocess
import threading

import pytest

SECRETS = ("application", "clone", "migration", "replication")
# Letters only, so that no quoting and no URL writes it in another way.
CANARY = "CanaryThatMustNotSing"


@pytest.fixture
def canaries(inventory_copy):
    """A copy of the inventory in which every secret is a canary."""
    secrets = {f"mysql_{name}": CANARY + name for name in SECRETS} | {"monitoring_page": CANARY + "page"}
    inventory_copy.write("group_vars/all/zz_canary.yml", {"webstack_secrets": secrets})
    return inventory_copy


@pytest.fixture
def command_lines():
    """Command lines with a canary, of any process, sampled until the test ends. A lab's hosts are containers here."""
    seen: list[str] = []
    end = threading.Event()

    def sample() -> None:
        while not end.wait(0.1):
            listing = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
            seen.extend(line for line in listing.splitlines() if CANARY in line)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    yield seen
    end.set()
    thread.join()


# What fails is each tier's task that holds secrets: what it says then is the usual leak.
MISTAKES = [{"mysql_replication_variables": {"no_such_variable": 1}}, {"appserver_wsgi": "guestbook.wsgi:no_such_name"}]


def test_no_secret_is_seen_anywhere(canaries, play, inventory, on, command_lines):
    """Not in the output of -vvv --diff, good or failing; in no command line, journal, or file that others may read."""
    runs = [canaries.play("site.yml", "-vvv", "--diff")]
    runs += [canaries.play("site.yml", "-vvv", "--diff", "-e", json.dumps(mistake)) for mistake in MISTAKES]
    assert [run.succeeded for run in runs] == [True, False, False], [run.output[-2000:] for run in runs]
    for run in runs:
        assert [line for line in run.output.splitlines() if CANARY in line] == []
    assert command_lines == []
    for name in inventory.hostvars:
        readable = on(name).run(f"find / -xdev -type f -perm -o=r -print0 | xargs -0 grep -l {CANARY}").stdout
        assert readable == "", f"{name}: {readable}"
        logged = on(name).run(f"journalctl --no-pager | grep {CANARY}").stdout
        assert logged == "", f"{name}: {logged}"
    assert on(inventory.groups["appservers"][0]).run(f"grep -rl {CANARY} /etc").stdout, "the canaries were never there"

    # Back to the inventory's own secrets, and no canary opens anything any more.
    for rotate in (canaries.play, play):
        run = rotate("rotate_secrets.yml")
        assert run.succeeded, run.output


def test_nothing_that_a_visitor_sends_is_logged(site, inventory, on, wait_until):
    """Not the query, cookies, headers or bodies, of requests that are answered, refused, and fail."""
    secret = f"{CANARY}visitor"
    private = {"Cookie": f"a={secret}", "Authorization": secret, "User-Agent": secret, "Referer": f"/?{secret}"}
    form = {"name": secret, "message": secret, "key": secret}
    answers = [
        site.get(f"/?{secret}", headers=private),
        site.get(f"/api/entries?before={secret}", headers=private),
        site.get(f"/nowhere?{secret}", headers=private),
        site.request("POST", f"/?{secret}", form, private),
        # The same key for something else, and too much.
        site.request("POST", f"/?{secret}", form | {"message": "another"}, private),
        site.request("POST", f"/?{secret}", form | {"message": secret * 100000}, private),
        site.request("BREW", f"/?{secret}", form, private),
    ]
    assert [answer.status for answer in answers] == [200, 400, 404, 303, 422, 413, 405]

    logged = f"journalctl --merge --since=-10min --output=cat --grep={answers[-1].headers['X-Request-ID']}"
    collecting = [on(name) for name in inventory.groups.get("monitoring", [])]
    wait_until(lambda: all(host.run(logged).stdout for host in collecting), "the last request where it is collected")
    for name in inventory.hostvars:
        host = on(name)
        assert host.run(f"journalctl --merge --no-pager | grep {secret}").stdout == "", name
        files = f"grep --recursive --files-with-matches --exclude-dir=journal {secret} /var/log"
        assert host.run(files).stdout == "", name
