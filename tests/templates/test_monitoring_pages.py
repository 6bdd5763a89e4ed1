"""The pages of the monitoring, made by Debian's Prometheus of given series and read as a browser gets them."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pages
import pytest
import yaml
from throwaway_ca import Authority
from webstack_statsd.lines import parse
from webstack_statsd.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/monitoring"
OVERVIEW = "/consoles/index.html"
PATHS = {tier: f"{OVERVIEW}?tier={tier}" for tier in (*pages.TIERS, "hosts", "alerts", "nonsense")} | {"": OVERVIEW}
STATES: dict[str, Callable[[], pages.Series]] = {
    "well": pages.stack,
    "web server killed": pages.with_a_web_server_killed,
    "nothing known": lambda: {"nothing": 1},
}


class Reader(HTMLParser):
    """What somebody reads, element by element, and what would be run or fetched from elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.cards: list[tuple[str, list[str]]] = []
        self.foreign: list[str] = []
        self.symbols: set[str] = set()
        self.used: set[str] = set()
        self._silent = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._silent += tag == "style"
        if tag == "article":
            self.cards.append((given.get("class") or "", []))
        if tag == "symbol":
            self.symbols.add(f"#{given['id']}")
        if tag == "use":
            self.used.add(given.get("href") or "")
        if tag in ("script", "img", "iframe", "object") or any(name.startswith("on") for name in given):
            self.foreign.append(self.get_starttag_text() or tag)
        if tag == "link" and not (given.get("href") or "").startswith("data:"):
            self.foreign.append(self.get_starttag_text() or tag)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.words.append(" ".join(data.split()))
            if self.cards:
                self.cards[-1][1].append(self.words[-1])

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(scope="module")
def shown() -> Callable[..., dict[str, str]]:
    """All pages of a stack, by tier, each once."""

    @lru_cache
    def of(state: str, run: Callable[..., Any]) -> dict[str, str]:
        result = run(["python3", "/ask.py"], pages.files(STATES[state](), list(PATHS.values())))
        assert result.returncode == 0, result.stderr
        [got] = pages.answers(result.stdout)
        for path, (status, kind, text) in zip(PATHS.values(), got, strict=True):
            assert (status, kind) == (200, "text/html; charset=utf-8"), f"{path}: {text}"
        return dict(zip(PATHS, (text for _status, _kind, text in got), strict=True))

    return of


@pytest.fixture
def page(shown: Any, parser: Any) -> Callable[[str, str], Reader]:
    return lambda state, tier="": Reader(shown(state, parser)[tier])


def card(page: Reader, host: str, *words: str) -> tuple[str, str]:
    """The class and the text of the first card of a host that has these words."""
    for kind, said in page.cards:
        if said[0] == host and set(words) <= set(said):
            return kind, " ".join(said)
    raise AssertionError(f"no card of {host} with {words}: {page.cards}")


@pytest.mark.parametrize("state", STATES)
def test_every_page_is_there_whatever_is_known(page: Any, state: str) -> None:
    """Red for a question that Prometheus refuses, which would be a page of one line when it is needed most."""
    for tier in PATHS:
        read = page(state, tier)
        assert read.foreign == [], "it needs neither a program nor anybody else's server"
        assert read.used <= read.symbols
        assert "<no value>" not in read.text
        assert "%!" not in read.text


def test_the_overview_names_every_host_and_its_services(page: Any) -> None:
    read = page("well")
    for host, (address, tiers) in pages.HOSTS.items():
        assert {host, address} <= set(read.words)
        for units in tiers.values():
            assert set(units) <= set(read.words)
    assert {kind for kind, _said in read.cards} == {"host ok"}
    assert "All is well" in read.words


def test_what_an_operator_asks_first_is_on_the_overview(page: Any) -> None:
    text = page("well").text
    for said in (
        "Takes writes db1",
        "Virtual address 198.18.0.10 lb1",
        "holds 198.18.0.10",
        "1 of 1 replicate",
        "Latest backup 9.5 h",
        "Certificates 90 days valid own of lb1 ends first",
        "The site at 198.18.0.10 answers certificate: 61 days left",
        "34 connections open",
        "within the objective",
        "Waiting for a web server 0 nobody waits",
    ):
        assert said in text
    assert re.search(r"Requests [1-9][0-9.]* /s", text)
    assert re.search(r"Time for a page [0-9]+ ms median; 95 % within [0-9]+ ms , 99 % within [0-9]+ ms", text)


@pytest.mark.parametrize("state", STATES)
def test_a_colour_is_never_the_only_sign(shown: Any, parser: Any, state: str) -> None:
    """Before each word that says how something is stands a symbol, and behind each such symbol a word."""
    found = 0
    for text in shown(state, parser).values():
        for content in re.findall(r'<span class="state \w+">(.*?)</span>', text):
            assert re.fullmatch(r'<svg class="mark" .*</svg>[\w %]+', content)
            found += 1
    assert found


def test_a_killed_web_server_is_seen_in_words(page: Any) -> None:
    """Red where the overview, or one of the cards of the host, goes on as if nothing were."""
    read = page("web server killed")
    for word in ("lb1 has it", "guestbook"):
        kind, text = card(read, "web2", word)
        assert kind == "host bad"
        assert text.startswith("web2 down")
    assert "lb1 has it out" in card(read, "web2", "lb1 has it")[1]
    assert "lb2 has it in" in card(read, "web1", "lb1 has it")[1]
    assert card(read, "web1", "lb1 has it")[0] == "host ok"
    assert "1 of 2 up" in read.text
    assert "1 critical" in read.words


def test_the_title_says_it_as_well(shown: Any, parser: Any) -> None:
    """For a browser's tab, and for who hears the page."""
    assert "<title>✖ 1 critical · www.foobar.com</title>" in shown("web server killed", parser)[""]
    assert "<title>✔ All is well · www.foobar.com</title>" in shown("well", parser)[""]
    assert "<title>? Not known · the stack</title>" in shown("nothing known", parser)[""]


@pytest.mark.parametrize("tier", ["", "alerts"])
def test_an_open_alert_says_how_bad_where_since_when_and_what_to_do(
    shown: Any, page: Any, tier: str, parser: Any
) -> None:
    text = page("web server killed", tier).text
    assert re.search(r"HostDown on web2 critical for 3m [0-9]+s · what to do", text)
    assert re.search(r"WebServerDown on lb1 warning proxy www · server web2 ·", text)
    assert text.index("HostDown on") < text.index("WebServerDown on") < text.index("RebootNeeded on")
    assert "Watchdog" not in text
    assert 'href="https://example.com/operations.md#hostdown"' in shown("web server killed", parser)[tier]


def test_the_page_of_a_tier_has_its_alerts_alone(page: Any) -> None:
    assert "RebootNeeded on db2" in page("web server killed", "databases").text
    assert "HostDown" not in page("web server killed", "databases").text
    assert "HostDown on web2" in page("web server killed", "webservers").text


def test_the_page_of_the_application_servers_has_what_gunicorn_and_the_application_say(page: Any) -> None:
    """Red where a quantile is one of sums, or where a metric that nobody here knows is not shown."""
    text = page("well", "appservers").text
    assert "Requests 19.5 /s Answers 5xx 0.5 /s Half of them within 10 ms 95 % within 100 ms 99 % within 250 ms" in text
    assert "Workers busy 25 %" in text
    assert re.search(r"guestbook_database_query \d+ 10 ms 100 ms 250 ms guestbook_entries_written \d+ ", text)


def test_what_is_not_known_is_not_called_well(page: Any) -> None:
    read = page("nothing known")
    assert "Not known" in read.words
    assert "All is well" not in read.text
    assert "within the objective" not in read.text


def test_it_is_renewed_often_enough(shown: Any, parser: Any) -> None:
    """Every 5 seconds, and what says that a web server is gone is asked every 5 seconds."""
    assert '<meta http-equiv="refresh" content="5">' in shown("well", parser)[""]
    wiring = yaml.safe_load((ROOT / "playbooks/group_vars/all/monitoring.yml").read_text())
    assert {"nginx", "haproxy"} <= set(wiring["__webstack_quick_jobs"])


def test_a_name_is_never_taken_for_html(parser: Any) -> None:
    """What a client, an application or a rule of the user's named somehow; and what stands in the address."""
    evil = '"><script>alert(1)</script>'
    series = pages.stack() | pages.alert(evil, "warning", instance=evil, server="<b>x</b>")
    series |= {pages.named("webstack:host:info", instance=evil, address=evil, tier=evil): 99}
    series |= {pages.named("webstack:alert:info", alertname=evil, runbook="javascript:alert(1)"): 1}
    series |= {pages.named("webstack_backup_ok", instance=evil, part=evil): 1}
    paths = [
        OVERVIEW,
        *PATHS.values(),
        f"{OVERVIEW}?tier=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&hold=%22%3E%3Cscript%3E",
    ]
    result = parser(["python3", "/ask.py"], pages.files(series, paths))
    assert result.returncode == 0, result.stderr
    [got] = pages.answers(result.stdout)
    for status, _kind, text in got:
        assert status == 200, text
        assert Reader(text).foreign == []
        assert "<b>x" not in text
        assert "javascript:" not in text
    assert evil in Reader(got[0][2]).text


def test_only_who_has_the_password_is_let_in(
    render_template: Any, role_variable: Any, parser: Any, tmp_path: Path
) -> None:
    """As the role starts Prometheus, with the hash that its task makes, and over TLS."""
    password, authority = "correct horse battery", Authority(tmp_path / "authority")
    certificate, key = authority.issue("mon1", ["DNS:mon1", "IP:127.0.0.1"])
    tasks = yaml.safe_load((ROLE / "tasks/configure.yml").read_text())
    [argv] = [task["ansible.builtin.command"]["argv"] for task in tasks if "ansible.builtin.command" in task]
    argv[-1] = role_variable("monitoring", "__monitoring_salt", {"item": "webstack"})
    hashed = parser(["sh", "-c", f"echo {shlex.quote(password)} | {shlex.join(argv)}"], {})
    assert hashed.stdout.startswith("$2b$08$")
    variables: Mapping[str, Any] = {
        "monitoring_prometheus_web_listen_address": ":9090",
        "monitoring_prometheus_basic_auth_users": {"webstack": password},
        "monitoring_prometheus_tls_server_config": {"cert_file": "/tls/certificate.pem", "key_file": "/tls/key.pem"},
        "__monitoring_hashed": {"results": [{"item": "webstack", "stdout": hashed.stdout}]},
    }
    web = render_template("monitoring", "configuration.yml.j2", {**variables, "item": {"name": "web"}})
    assert password not in web
    placed = {
        "/etc/prometheus/webstack/web.yml": web,
        "/etc/prometheus/webstack/prometheus.yml": "{}\n",
        "/tls/certificate.pem": certificate,
        "/tls/key.pem": key,
        "/ca.pem": authority.certificate.read_text(),
    }
    [unit] = [
        unit for unit in role_variable("monitoring", "__monitoring_units", variables) if unit["name"] == "prometheus"
    ]
    users = [f"webstack:{password}", "webstack:wrong", ""]
    asked = pages.files(
        pages.stack(),
        [OVERVIEW, "/api/v1/query?query=up", "/graph"],
        url="https://127.0.0.1:9090",
        users=users,
        arguments=unit["arguments"],
    )
    result = parser(["python3", "/ask.py"], asked | placed)
    assert result.returncode == 0, result.stderr
    right, *others = pages.answers(result.stdout)
    assert "www.foobar.com" in right[0][2]
    assert [status for status, *_rest in right[:2]] == [200, 200]
    for answer in others:
        assert {status for status, *_rest in answer} == {401}
    checked = parser(["promtool", "check", "web-config", "/etc/prometheus/webstack/web.yml"], placed)
    assert checked.returncode == 0, checked.stdout + checked.stderr


# What pages and dashboards ask for

PROGRAMS = r"""
import subprocess, sys, time, urllib.request
haproxy = "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
haproxy += "frontend www\n bind 127.0.0.1:8080\n default_backend www\n"
haproxy += "frontend metrics\n bind 127.0.0.1:8405\n http-request use-service prometheus-exporter\n"
haproxy += "backend www\n server web1 127.0.0.1:8081 check\n"
nginx = "events {}\nhttp { server { listen 127.0.0.1:8081; location / { stub_status; } } }\n"
open("/tmp/haproxy.cfg", "w").write(haproxy)
open("/tmp/nginx.conf", "w").write(nginx)
started = (
    ("nginx", "-c", "/tmp/nginx.conf"),
    ("haproxy", "-f", "/tmp/haproxy.cfg", "-D"),
    ("prometheus-node-exporter", "--web.listen-address=127.0.0.1:9100", "--collector.netdev.address-info"),
    ("prometheus-nginx-exporter", "--web.listen-address=127.0.0.1:9113", "--nginx.scrape-uri=http://127.0.0.1:8081/"),
    ("prometheus-blackbox-exporter", "--web.listen-address=127.0.0.1:9115",
     "--config.file=/etc/prometheus/blackbox.yml"),
    ("prometheus-alertmanager", "--web.listen-address=127.0.0.1:9093", "--config.file=/etc/prometheus/alertmanager.yml",
     "--cluster.listen-address=", "--storage.path=/tmp/alertmanager"),
    ("prometheus", "--web.listen-address=127.0.0.1:9090", "--config.file=/rules.yml", "--storage.tsdb.path=/tmp/data"),
)
for argv in started:
    subprocess.Popen(argv, stderr=subprocess.DEVNULL)
asked = ["%d/metrics" % port for port in (8405, 9100, 9113, 9093, 9090)]
for path in asked + ["9115/probe?module=http_2xx&target=http://127.0.0.1:8081/"]:
    end = time.monotonic() + 30
    while True:
        try:
            print(urllib.request.urlopen("http://127.0.0.1:" + path, timeout=10).read().decode())
            break
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"{path}: {error}")
            time.sleep(0.1)
"""
ELSEWHERE = {
    "systemd": {"node_systemd_unit_state", "node_systemd_service_restart_total"},
    "apt_info.py": {"apt_upgrades_pending", "apt_package_cache_timestamp_seconds", "node_reboot_required"},
    "a probe over TLS": {"probe_ssl_earliest_cert_expiry"},
    "Prometheus itself": {"up", "ALERTS", "ALERTS_FOR_STATE"},
    # The names are those of SHOW GLOBAL STATUS and SHOW GLOBAL VARIABLES.
    "MySQL's exporter": {"mysql_up"}
    | {f"mysql_global_status_{name}" for name in ("queries", "slow_queries", "uptime", "innodb_buffer_pool_reads")}
    | {f"mysql_global_status_{name}" for name in ("threads_connected", "threads_running")}
    | {f"mysql_global_variables_{name}" for name in ("max_connections", "innodb_buffer_pool_size")},
}
"""What no program says that is only started: who makes it."""
METRIC = re.compile(
    r"\b(?:(?:app|haproxy|nginx|node|apt|probe|prometheus|alertmanager|process|mysql|webstack)_\w+|webstack(?::\w+)+|ALERTS\w*)"
)


def of_gunicorn() -> str:
    """What becomes of what a gunicorn sends; tests/templates/test_appserver_numbers.py asks a real one."""
    found = Metrics()
    for line in ("request.duration:3|ms", "request.status.200:1|c", "log.critical:1|c", "capacity:5|g"):
        found.add(parse(f"gunicorn.{line}"), 0)
    return found.text(60)


def questions() -> list[str]:
    """Those of the dashboards, of all hosts."""
    found = []
    for file in sorted((ROOT / "docs/grafana").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            found += [target["expr"].replace("$instance", ".*") for target in panel["targets"]]
    return found


def test_what_is_asked_for_is_there(parser: Any) -> None:
    """The programs of the image are started and asked. Red for a metric that is misspelt, and would stay empty."""
    rules = "rule_files: [/one.yml]\n"
    one = "groups: [{name: one, rules: [{record: one, expr: vector(1)}]}]\n"
    result = parser(["python3", "/programs.py"], {"/programs.py": PROGRAMS, "/rules.yml": rules, "/one.yml": one})
    assert result.returncode == 0, result.stderr
    known = set(re.findall(r"^(\w+)[ {]", result.stdout, re.MULTILINE))
    own = (ROOT / "roles/exporters/files/webstack_metrics/metrics.py").read_text()
    known |= set(re.findall(r"^(\w+)[ {]", of_gunicorn(), re.MULTILINE))
    known |= set(re.findall(r'"(webstack_\w+)":', own)) | {name for names in ELSEWHERE.values() for name in names}
    rules = "\n".join(file.read_text() for file in (ROLE / "files/rules").glob("*.yml"))
    rules += (ROLE / "templates/parameters.yml.j2").read_text()
    known |= set(re.findall(r'record: "?([\w:]+)', rules))
    asked = questions() + [file.read_text() for file in (ROLE / "files/pages").rglob("*.*")]
    wanted = {name for text in asked for name in METRIC.findall(text)}
    assert len(wanted) > 50
    assert wanted - known == set()


def test_prometheus_takes_each_question_of_the_dashboards(parser: Any) -> None:
    found = questions()
    assert len(found) > 30
    paths = [f"/api/v1/query?query={quote(question)}" for question in found]
    result = parser(["python3", "/ask.py"], pages.files(pages.stack(), paths))
    assert result.returncode == 0, result.stderr
    [got] = pages.answers(result.stdout)
    assert [(question, text) for question, (status, _kind, text) in zip(found, got, strict=True) if status != 200] == []


def test_the_dashboards_are_those_of_the_script() -> None:
    command = [sys.executable, str(ROOT / "scripts/dashboards.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
