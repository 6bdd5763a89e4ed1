"""status.yml: the screen of a healthy stack, what is said of each fault, why one host is out, and the JSON document."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.status_report import status_report

NOW = 1_790_000_000.0
GROUPS = {
    "databases": ["db1", "db2"],
    "appservers": ["web1", "web2"],
    "webservers": ["web1", "web2"],
    "loadbalancers": ["lb1", "lb2"],
}
STACK = {
    "groups": GROUPS,
    "web_backends": ["www"],
    "alternatives": ["mysql-write", "mysql-read"],
    "addresses": ["198.18.2.10"],
    "limits": {"lag_seconds": 30, "backup_hours": 26, "verify_days": 8},
}
ALONE = {
    "groups": {name: ["one"] for name in GROUPS},
    "web_backends": ["www"],
    "alternatives": ["mysql-write", "mysql-read"],
}
Results = dict[str, Any]


def server(backend: str, name: str, *, up: bool = True, **more: Any) -> dict[str, Any]:
    reason = "" if up else "it answered the check with status 503"
    state = "UP" if up else "DOWN"
    found = {"backend": backend, "server": name, "address": "198.18.2.21:443", "up": up, "state": state}
    return {**found, "seconds": 7200 if up else 40, "reason": reason, "follows": "", **more}


def host(*units: str, **facts: Any) -> dict[str, Any]:
    certificate = {"name": "nginx", "path": "/etc/webstack/tls/nginx/certificate.pem", "error": ""}
    found = {
        "time": NOW,
        "units": {name: {"there": True, "runs": True, "active": "active", "sub": "running"} for name in units},
        "failed_units": [],
        "packages": {"nginx": "1.26.3-3", "haproxy": "3.0.11-1", "mysql-server": "9.7.4-2"},
        "certificates": [{**certificate, "days": 300.2, "life_days": 397.0}],
        "release": "",
        "addresses": [],
        "backup": {},
        "mysql": {},
        "haproxy": {},
        "updates": {"known": True, "error": "", "age_days": 0.4, "packages": [], "security": []},
        "reboot": False,
        "changed": False,
        "failed": False,
    }
    return {**found, **facts}


def database(*, writable: bool, **state: Any) -> dict[str, Any]:
    found = {
        "writable": writable,
        "source_host": None if writable else "198.18.2.31",
        "receiver": None if writable else True,
        "applier": None if writable else True,
        "lag_seconds": None if writable else 0.3,
        "semi_sync_source": writable,
        "semi_sync_replicas": int(writable),
        "lock": None,
        "reopen": None,
    }
    return {**found, **state}


def part(hours: float, **more: Any) -> dict[str, Any]:
    return {"ok": True, "error": "", "last_success_epoch": int(NOW - hours * 3600), **more}


def databases_of(primary: str = "db1", replica: str = "db2") -> list[dict[str, Any]]:
    """As the HAProxy of an application host has them, with stand-ins."""
    return [
        server("mysql-write", primary),
        server("mysql-write", replica, up=False),
        server("mysql-read", primary, up=False),
        server("mysql-read", replica),
        server("mysql-read", f"{primary}-primary", follows=f"mysql-write/{primary}"),
        server("mysql-read", f"{replica}-primary", up=False, follows=f"mysql-write/{replica}"),
        server("mysql-any", primary),
        server("mysql-any", replica),
    ]


@pytest.fixture
def results() -> Results:
    """Of a healthy stack."""
    backup = {"backup": part(2), "archive": part(0.01), "verify": part(70), "turn": {"ok": True}}
    web = {"release": "3f2a9c41b07d"}
    found = {
        "db1": host("mysql.service", mysql=database(writable=True), backup={"archive": part(0.01)}),
        "db2": host("mysql.service", mysql=database(writable=False), backup=backup),
        "web1": host("nginx.service", "haproxy.service", haproxy={"servers": databases_of()}, **web),
        "web2": host("nginx.service", "haproxy.service", haproxy={"servers": databases_of()}, **web),
        "lb1": host("haproxy.service", addresses=["198.18.2.10"]),
        "lb2": host("haproxy.service"),
    }
    for name in ("lb1", "lb2"):
        found[name]["haproxy"] = {"servers": [server("www", "web1"), server("www", "web2"), server("acme", "lego")]}
    return copy.deepcopy(found)


def said(results: Results, stack: dict[str, Any] = STACK, **options: Any) -> dict[str, str]:
    return status_report(results, stack, {"playbook_dir": "/", "ansible_inventory_sources": ["/inv"]}, **options)


def test_a_healthy_stack_on_one_screen(results: Results) -> None:
    found = said(results)
    assert found["failure"] == ""
    assert found["text"].splitlines() == [
        "HOST  services    next certificate to end  updates  reboot",
        "db1   1 of 1 run  nginx in 300 d           none     no",
        "db2   1 of 1 run  nginx in 300 d           none     no",
        "web1  2 of 2 run  nginx in 300 d           none     no",
        "web2  2 of 2 run  nginx in 300 d           none     no",
        "lb1   1 of 1 run  nginx in 300 d           none     no",
        "lb2   1 of 1 run  nginx in 300 d           none     no",
        "",
        "DATABASES  mysql-server  server   lag    backup   restore tried",
        "db1        9.7.4-2       primary  -      -        -",
        "db2        9.7.4-2       replica  0.3 s  2 h ago  3 d ago",
        "",
        "APPSERVERS  release       writes to  reads from",
        "web1        3f2a9c41b07d  db1        db2",
        "web2        3f2a9c41b07d  db1        db2",
        "",
        "WEBSERVERS  nginx     gets requests from",
        "web1        1.26.3-3  lb1, lb2",
        "web2        1.26.3-3  lb1, lb2",
        "",
        "LOADBALANCERS  haproxy   holds        servers up",
        "lb1            3.0.11-1  198.18.2.10  2 of 2",
        "lb2            3.0.11-1  -            2 of 2",
        "",
        "Nothing is wrong.",
        "",
        "Whether the hosts are as the inventory says is told by: ansible-playbook foobar.webstack.site -i /inv "
        "--check --diff",
    ]


def changed(where: str, value: Any) -> Callable[[Results], None]:
    """A fault: another value at a place such as db2.mysql.applier."""

    def change(results: Results) -> None:
        *path, last = where.split(".")
        place = results
        for name in path:
            place = place[name]
        place[last] = value

    return change


def unit(name: str, **state: Any) -> dict[str, Any]:
    return {name: {"there": True, "runs": False, "active": "failed", "sub": "failed", **state}}


def ends(days: float, life: float = 397.0, name: str = "nginx") -> list[dict[str, Any]]:
    path = f"/etc/webstack/tls/{name}/certificate.pem"
    return [{"name": name, "path": path, "days": days, "life_days": life, "error": ""}]


READ_ONLY = database(writable=False, source_host=None, receiver=None, applier=None)
WAITING = {"known": True, "error": "", "age_days": 12.0, "packages": ["a", "b", "c"], "security": ["b"]}

FAULTS = [
    (
        "web1",
        {"unreachable": True, "msg": "Failed to connect to the host via ssh: No route to host."},
        "web1 cannot be reached (No route to host). Look",
    ),
    ("web1", {"failed": False, "msg": "Missing sudo password"}, "web1 could not be asked: Missing sudo password."),
    ("web1.units", unit("nginx.service"), "web1: nginx.service does not run (failed, failed). journalctl --unit=nginx"),
    ("web1.units", unit("nginx.service", there=False), "web1 has no nginx.service; ansible-playbook foobar.webst"),
    ("web1.failed_units", ["x.service"], "web1: x.service has failed. journalctl --unit=x.service there says why."),
    (
        "web1.certificates",
        ends(12.5),
        "web1: the certificate nginx (/etc/webstack/tls/nginx/certificate.pem) ends in 12.5 days",
    ),
    ("web1.certificates", ends(-2), "certificate.pem) ended 2 days ago. ansible-playbook"),
    ("web1.certificates", ends(1.1, life=6), "ends in 1.1 days"),
    ("web1.certificates", ends(9, name="ca"), "-e webstack_rotate_ca=true"),
    (
        "web1.certificates",
        [{"name": "x", "path": "/x", "days": None, "life_days": None, "error": "no"}],
        "/x cannot be read (no)",
    ),
    ("web1.release", "", "web1: no release of the application serves; ansible-playbook foobar.webstack.application"),
    ("web1.release", "other", "The application hosts serve different releases (web1: other, web2: 3f2a9c41b07d)"),
    (
        "db2.mysql",
        {"error": "mysql-endpoint does not answer at port 3308 (refused)"},
        "db2: mysql-endpoint does not answer at port 3308 (refused). systemctl",
    ),
    (
        "db1.mysql",
        READ_ONLY,
        "No database host that answers takes writes (db1: read-only, db2: replica). ansible-playbook ",
    ),
    (
        "db1.mysql",
        {**READ_ONLY, "reopen": {"why": "db2 cannot be asked", "code": "x"}},
        "db1 takes no writes and replicates from no server: db2 cannot be asked.",
    ),
    ("db2.mysql", database(writable=True), "db1 and db2 take writes at the same time. Stop MySQL at once"),
    ("db2.mysql", READ_ONLY, "db2 is no replica: it is read-only and replicates from no server"),
    ("db2.mysql.receiver", False, "db2 is no replica: it receives nothing from 198.18.2.31"),
    ("db2.mysql.applier", False, "db2 is no replica: it does not apply what it receives"),
    ("db2.mysql.lag_seconds", 95.0, "db2 is 2 min behind its source, more than 30 s."),
    ("db1.mysql.semi_sync_replicas", 0, "Writes on db1 do not wait for a replica"),
    ("db2.backup.backup", part(2, ok=False, error="disk full"), "db2: the latest backup failed (disk full)."),
    (
        "db2.backup.backup",
        part(50),
        "The latest backup is 2 d old; ansible-playbook foobar.webstack.backup -i /inv makes one",
    ),
    ("db2.backup", {}, "There is no backup; ansible-playbook foobar.webstack.backup"),
    ("db2.backup", {"error": "/var/lib/mysql-backup/status.json: no"}, "db2: the report of the backups cannot be read"),
    (
        "db2.backup.verify",
        part(240),
        "The latest restore that was tried is 10 d old. systemctl start mysql-backup-verify on db2",
    ),
    ("lb1.haproxy", {"error": "refused"}, "lb1: HAProxy runs and cannot be asked (refused)"),
    ("lb1.addresses", [], "No load balancer that answers has the address 198.18.2.10."),
    ("lb2.addresses", ["198.18.2.10"], "lb1 and lb2 have the address 198.18.2.10 at the same time"),
]


@pytest.mark.parametrize(("where", "value", "sentence"), FAULTS, ids=[f"{each[0]}: {each[2][:40]}" for each in FAULTS])
def test_a_fault_is_said_and_fails_the_run(results: Results, where: str, value: Any, sentence: str) -> None:
    changed(where, value)(results)
    found = said(results)
    assert sentence in found["text"]
    assert "WRONG (" in found["text"]
    assert found["failure"]


@pytest.mark.parametrize(
    ("where", "value", "sentence"),
    [
        ("web1.updates", WAITING, "Security updates wait on web1; docs/operations.md"),
        (
            "web1.updates",
            {"known": False, "error": "apt has no package lists", "age_days": None},
            "What updates wait on web1 is not known",
        ),
        ("web1.reboot", True, "A reboot of web1 is due"),
        (
            "db1.mysql.lock",
            {"verb": "switchover.yml", "who": "ada@desk", "expired": False},
            "switchover.yml of ada@desk is under way",
        ),
        ("db2.backup.verify", None, "No restore has been tried yet"),
        (
            "lb1.haproxy.servers.0",
            server("www", "web1", up=False, state="MAINT", reason="somebody has put it into maintenance"),
            "www/web1 gets nothing new from HAProxy on lb1: somebody",
        ),
    ],
)
def test_what_is_to_be_done_some_time_is_not_wrong(results: Results, where: str, value: Any, sentence: str) -> None:
    if where.endswith("servers.0"):
        results["lb1"]["haproxy"]["servers"][0] = value
    else:
        changed(where, value)(results)
    found = said(results)
    assert sentence in found["text"]
    assert found["failure"] == ""
    assert "Nothing is wrong." in found["text"]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        # Of 90 days, ACME has renewed it by then; of 6, too.
        ("web1.certificates", ends(21, life=90)),
        ("web1.certificates", ends(1.6, life=6)),
        # A lock that nobody has any more.
        ("db1.mysql.lock", {"verb": "switchover.yml", "who": "ada@desk", "expired": True}),
        # A member of a replication group has no channel, and commits that do not wait for a replica.
        ("db2.mysql", {**READ_ONLY, "group": {"members": 3}}),
        ("db1.mysql", database(writable=True, semi_sync_source=False, group={"members": 3})),
    ],
)
def test_what_is_as_it_should_be(results: Results, where: str, value: Any) -> None:
    changed(where, value)(results)
    found = said(results)
    assert "Nothing is wrong." in found["text"]
    assert "TO DO" not in found["text"]


def test_a_server_that_is_down_is_said_once(results: Results) -> None:
    """By both load balancers. Red where the replica that takes no writes is down, too."""
    for name in ("lb1", "lb2"):
        results[name]["haproxy"]["servers"][1] = server("www", "web2", up=False, reason="the connection is refused")
    found = said(results)
    sentence = "- www/web2 (198.18.2.21:443) is down for 40 s, says HAProxy on lb1 and lb2: the connection is refused."
    assert found["text"].count(sentence) == 1
    assert found["failure"] == "1 thing is wrong, see above."
    assert "web2        1.26.3-3  not lb1 (down), not lb2 (down)" in found["text"]


def test_a_stand_in_is_a_server_left(results: Results) -> None:
    """The replica is lost, and its reads go to the primary. Red where mysql-read is said to have nobody."""
    for name in ("web1", "web2"):
        results[name]["haproxy"]["servers"][3]["up"] = False
    found = said(results)
    assert "web1        3f2a9c41b07d  db1        db1" in found["text"]
    assert "has no server left" not in found["text"]
    for each in results["web1"]["haproxy"]["servers"]:
        each["up"] = False
    assert "HAProxy on web1 has no server left in mysql-write." in said(results)["text"]


def test_a_host_that_is_lost_stands_in_the_table_and_does_not_hide_the_rest(results: Results) -> None:
    results["db2"] = {"unreachable": True, "msg": "no route"}
    results["lb1"] = {}
    found = said(results)
    assert "db2   does not answer     -" in found["text"]
    assert "lb1   could not be asked  -" in found["text"]
    assert "db1        9.7.4-2       primary" in found["text"]
    # It may have made one.
    assert "backup is" not in found["text"]
    assert "There is no backup" not in found["text"]


def test_hosts_that_are_left_out_are_not_judged(results: Results) -> None:
    """--limit web1. Red where there is no primary because nobody was asked."""
    found = said({"web1": results["web1"]})
    assert found["failure"] == ""
    assert "Not asked, because of --limit: db1, db2, web2, lb1, lb2." in found["text"]


def test_one_host_with_everything(results: Results) -> None:
    """No replica, no monitoring, no virtual address."""
    one = host(
        "mysql.service",
        mysql=database(writable=True, semi_sync_source=False, semi_sync_replicas=0),
        backup={"backup": part(1), "verify": part(3)},
        release="3f2a9c41b07d",
        haproxy={
            "servers": [
                server("www", "one"),
                server("mysql-write", "one"),
                server("mysql-read", "one", up=False),
                server("mysql-read", "one-primary", follows="mysql-write/one"),
            ]
        },
    )
    found = said({"one": one}, ALONE)
    assert found["failure"] == "", found["text"]
    assert "one         3f2a9c41b07d  one        one" in found["text"]


# Why is web1 out?


def test_why_a_web_server_is_out(results: Results) -> None:
    """From who sends requests to what is behind: red where only the status of the check is said."""
    for name in ("lb1", "lb2"):
        results[name]["haproxy"]["servers"][0] = server("www", "web1", up=False)
    results["db1"]["mysql"] = READ_ONLY
    text = said(results, explain="web1")["text"]
    assert text.splitlines()[:4] == [
        "web1:",
        "- HAProxy on lb1 does not use it: www/web1 is DOWN for 40 s: it answered the check with status 503.",
        "- HAProxy on lb2 does not use it: www/web1 is DOWN for 40 s: it answered the check with status 503.",
        "- web1 itself runs, and answers with an error: what it passes requests to is not well.",
    ]
    assert "- No database host that answers takes writes" in text
    assert said(results, explain="www/web1")["text"].startswith("www/web1:\n- HAProxy on lb1 does not")


def test_why_a_web_server_is_out_by_itself(results: Results) -> None:
    results["lb1"]["haproxy"]["servers"][0] = server("www", "web1", up=False, reason="the connection is refused")
    changed("web1.units", unit("nginx.service"))(results)
    text = said(results, explain="web1")["text"]
    assert "- web1: nginx.service does not run" in text
    assert "behind" not in text
    assert "- HAProxy on lb2 uses it: www/web1 is up for 2 h." in text


def test_why_a_replica_gets_no_writes(results: Results) -> None:
    """That is as it should be."""
    found = said(results, explain="db2")
    assert found["failure"] == ""
    assert (
        "- HAProxy on web1 does not use mysql-write/db2 for 40 s (it answered the check with status 503). One server "
        "is enough there, and it is db1."
    ) in found["text"]
    assert found["text"].endswith("- Nothing is wrong with db2.")


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        (
            "web9",
            "- web9 is no host of the stack and no server of HAProxy; name one of db1, db2, web1, web2, lb1, lb2",
        ),
        ("db1", "- db1 was not asked; leave out --limit."),
    ],
)
def test_what_cannot_be_explained(results: Results, subject: str, sentence: str) -> None:
    results.pop("db1")
    for name in ("web1", "web2"):
        results[name]["haproxy"] = {}
    found = said(results, explain=subject)
    assert sentence in found["text"]
    assert found["failure"]


def test_a_host_that_does_not_answer_is_explained(results: Results) -> None:
    results["web1"] = {"unreachable": True, "msg": "no route"}
    assert "- web1 cannot be reached (no route)." in said(results, explain="web1")["text"]


# For programs.


def test_the_document(results: Results) -> None:
    results["web1"] = {"unreachable": True, "msg": "no route"}
    found = said(results, format="json")
    assert found["failure"]
    # So that a program finds it among what Ansible prints: sed -n '/^{/,/^}/p'.
    lines = found["text"].splitlines()
    assert [line for line in lines if line[0] in "{}"] == [lines[0], lines[-1]] == ["{", "}"]
    document = json.loads(found["text"])
    assert document["wrong"] is True
    assert document["databases"] == {"db1": "primary", "db2": "replica"}
    assert document["address_owners"] == {"198.18.2.10": ["lb1"]}
    assert (document["backup_age_seconds"], document["restore_tried_age_seconds"]) == (7200, 252000)
    assert document["hosts"]["web1"] == {
        "answers": False,
        "error": "no route",
        "groups": ["appservers", "webservers"],
    }
    assert document["hosts"]["db1"]["packages"]["mysql-server"] == "9.7.4-2"
    assert not document["hosts"]["db1"].keys() & {"changed", "failed"}
    [finding] = document["findings"]
    assert (finding["code"], finding["wrong"], finding["hosts"]) == ("status.unreachable", True, ["web1"])
    assert document["drift"]["looked_at"] is False
    assert document["drift"]["command"].endswith("foobar.webstack.site -i /inv --check --diff")


def test_an_unknown_format_is_refused(results: Results) -> None:
    assert said(results, format="xml") == {"text": "", "failure": 'format is "xml"; write text or json.'}
