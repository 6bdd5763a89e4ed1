"""The configurations of the monitoring, read by promtool, amtool and the prober, and each alert, tried out."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/monitoring"
CASES = Path(__file__).parent / "alerts"
FOLDER = "/etc/prometheus/webstack"
Render = Callable[[str, str, Mapping[str, Any]], str]

RULES = ["site", "applications", "databases", "hosts", "monitoring"]
"""Files of alerts."""
SITE: dict[str, Any] = {
    "monitoring_databases": 2,
    "monitoring_dns_zone": "foobar.com",
    "monitoring_virtual_addresses": ["198.18.0.10", "fd00::10"],
    "monitoring_jobs": [
        {"name": "node", "targets": [{"address": "198.18.0.21:9100", "labels": {"instance": "web1"}}]},
        {
            "name": "site",
            "interval": "5s",
            "probe": {"module": "site_own_ca", "hostname": "www.foobar.com"},
            "targets": [{"address": "https://[fd00::10]/healthz", "labels": {"instance": "fd00::10"}}],
        },
    ],
}
TOLD: dict[str, Any] = {
    "monitoring_alertmanager_smtp": {"from": "a@foobar.com", "smarthost": "mail.foobar.com:587"},
    "monitoring_alertmanager_receivers": [
        {"name": "people", "email_configs": [{"to": "people@foobar.com"}]},
        {"name": "chat", "slack_configs": [{"api_url_file": f"{FOLDER}/secrets/chat", "channel": "#alerts"}]},
    ],
    "monitoring_alertmanager_route": {"routes": [{"matchers": ['severity="info"'], "receiver": "chat"}]},
    "monitoring_alertmanager_watchdog_url": "https://hc.example.com/ping",
    "monitoring_alertmanager_cluster": {"listen_address": "198.18.0.41:9094", "peers": ["198.18.0.42:9094"]},
}
OWN: dict[str, Any] = {
    "monitoring_prometheus_alert_rules": [{"alert": "Mine", "expr": "up == 0", "labels": {"severity": "info"}}],
    "monitoring_prometheus_scrape_configs": [
        {"job_name": "mine", "static_configs": [{"targets": ["198.18.0.99:1234"]}]}
    ],
    "monitoring_prometheus_external_labels": {"site": "berlin"},
    "monitoring_blackbox_modules": {"ssh": {"prober": "tcp", "tcp": {"query_response": [{"expect": "^SSH-2.0-"}]}}},
    "monitoring_objective": 99.95,
}
SCENARIOS: dict[str, dict[str, Any]] = {"defaults": {}, "a site": SITE, "everything": SITE | TOLD | OWN}

CHECKS = {
    "prometheus": ("prometheus.yml", ["promtool", "check", "config"]),
    "alertmanager": ("alertmanager.yml", ["amtool", "check-config"]),
    "blackbox": ("blackbox.yml", ["prometheus-blackbox-exporter", "--config.check", "--config.file"]),
}


@pytest.fixture
def files(render_template: Render, role_variable: Any) -> Callable[[Mapping[str, Any]], dict[str, str]]:
    """What the role renders for its programs: by path."""

    def rendered(variables: Mapping[str, Any]) -> dict[str, str]:
        def one(template: str, item: Any) -> str:
            return render_template("monitoring", template, {**variables, "item": item})

        rules = role_variable("monitoring", "__monitoring_rules", variables)
        found = {f"{FOLDER}/rules/{name}.yml": one("rules.yml.j2", name) for name in rules}
        return found | {
            f"{FOLDER}/{file}": one("configuration.yml.j2", {"name": name}) for name, (file, _check) in CHECKS.items()
        }

    return rendered


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_program_takes_its_configuration(files: Any, parser: Any, scenario: str, name: str) -> None:
    file, check = CHECKS[name]
    path = f"{FOLDER}/{file}"
    command = [*check[:-1], f"{check[-1]}={path}"] if check[-1].startswith("--") else [*check, path]
    placed = files(SCENARIOS[scenario]) | {"/etc/webstack/tls/ca.pem": ""}
    result = parser(command, placed)
    assert result.returncode == 0, result.stdout + result.stderr
    broken = placed | {path: placed[path] + "\nno_such_option: 1\n"}
    assert parser(command, broken).returncode != 0, "the program would take anything"


def test_a_rule_that_is_wrong_is_refused(files: Any, parser: Any) -> None:
    """As the role has promtool check it. Red if a mistake in a user's own rule ended all alerts."""
    wrong = {"monitoring_prometheus_alert_rules": [{"alert": "Mine", "expr": "up == "}]}
    result = parser(["promtool", "check", "rules", f"{FOLDER}/rules/own.yml"], files(wrong))
    assert result.returncode != 0


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_units(render_template: Render, role_variable: Any, parser: Any, scenario: str) -> None:
    """systemd takes them, and the programs take their arguments."""
    units = role_variable("monitoring", "__monitoring_units", SCENARIOS[scenario])
    placed = {
        f"/etc/systemd/system/{file.relative_to(ROLE / 'files/units')}": file.read_text()
        for file in (ROLE / "files/units").rglob("*.conf")
    }
    starts = []
    for item in units:
        text = render_template("monitoring", "arguments.conf.j2", SCENARIOS[scenario] | {"item": item})
        placed[f"/etc/systemd/system/{item['name']}.service.d/arguments.conf"] = text
        [start] = [line for line in text.splitlines() if line.startswith("ExecStart=/")]
        starts.append(shlex.join([*shlex.split(start.removeprefix("ExecStart=")), "--version"]))
    names = " ".join(f"{item['name']}.service" for item in units)
    script = " && ".join([f"systemd-analyze verify --man=no {names}", *(f"{start} >/dev/null" for start in starts)])
    result = parser(["/bin/sh", "-c", script], placed)
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_listens_for_others_unless_told(role_variable: Any) -> None:
    for item in role_variable("monitoring", "__monitoring_units", {}):
        [listen] = [word for word in item["arguments"] if word.startswith("--web.listen-address=")]
        assert listen.startswith("--web.listen-address=127.0.0.1:")
        assert [word for word in item["arguments"] if word.startswith("--cluster")] in (
            [],
            ["--cluster.listen-address="],
        )


# Alerts


def alerts(name: str) -> dict[str, dict[str, Any]]:
    """Of a file, by name."""
    data = yaml.safe_load((ROLE / f"files/rules/{name}.yml").read_text())
    return {rule["alert"]: rule for group in data["groups"] for rule in group["rules"] if "alert" in rule}


ALERTS = {alert: rule for name in RULES for alert, rule in alerts(name).items()}


def anchors(page: Path) -> set[str]:
    """What a link may name behind `#`: headings as GitHub and GitLab make anchors of them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_no_alert_has_another_s_name() -> None:
    assert sum(len(alerts(name)) for name in RULES) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_bad_what_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"].keys() == {"summary", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in anchors(ROOT / page), "nobody would know what to do"
    assert f"`{alert}`" in (ROOT / page).read_text()


ON_OR_OFF = re.compile(r"(== [01]\)?|^absent\(.*\)|^vector\(1\))$")
"""What is or is not has no number."""


@pytest.mark.parametrize("alert", ALERTS)
def test_a_summary_names_host_and_number(alert: str) -> None:
    """Of what is counted over all hosts, only the number."""
    summary, expression = ALERTS[alert]["annotations"]["summary"], ALERTS[alert]["expr"]
    if not ON_OR_OFF.search(expression.split(" and on()")[0]):
        assert "{{ $value" in summary
    per_host = "instance" in str(cases()[alert]["fires"].get("labels"))
    assert ("{{ $labels.instance }}" in summary) == per_host


def cases() -> dict[str, dict[str, Any]]:
    """Of every alert, by its name."""
    return {
        alert: case for name in RULES for alert, case in yaml.safe_load((CASES / f"{name}.yml").read_text()).items()
    }


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent() -> None:
    """But for the watchdog, which is never silent."""
    assert cases().keys() == ALERTS.keys()
    assert [alert for alert, case in cases().items() if not {"fires", "silent"} <= case.keys()] == ["Watchdog"]


def test_a_silent_case_is_about_what_the_alert_looks_at() -> None:
    """Red for one that is silent because its series are misspelt."""
    for alert, case in cases().items():
        for silent in [case[key] for key in ("silent",) if key in case] + case.get("silent_too", []):
            looked_at = {
                name for name in metrics(silent) if name in ALERTS[alert]["expr"] or alert.startswith("SiteErr")
            }
            assert looked_at, alert


def metrics(case: Mapping[str, Any]) -> set[str]:
    return {series.partition("{")[0] for series in case["series"]}


def for_promtool(name: str, url: str) -> Iterator[dict[str, Any]]:
    """The cases of a file of alerts as promtool takes them."""
    for alert, case in yaml.safe_load((CASES / f"{name}.yml").read_text()).items():
        rule = ALERTS[alert]
        runbook = rule["annotations"]["runbook_url"].replace("docs/operations.md", url)
        fires = case["fires"]
        expected = [
            {
                "exp_labels": one["labels"] | rule["labels"],
                "exp_annotations": {"summary": one["summary"], "runbook_url": runbook},
            }
            for one in fires.get("several", [fires])
        ]
        yield _test(f"{alert} fires", alert, fires, expected)
        for number, silent in enumerate([case[key] for key in ("silent",) if key in case] + case.get("silent_too", [])):
            yield _test(f"{alert} is silent {number}", alert, silent, [])


def _test(title: str, alert: str, case: Mapping[str, Any], expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": title,
        "interval": case.get("step", "1m"),
        "input_series": [{"series": series, "values": str(values)} for series, values in case["series"].items()],
        "alert_rule_test": [{"eval_time": case["at"], "alertname": alert, "exp_alerts": expected}],
    }


def tried(files: Any, parser: Any, names: list[str], change: Callable[[str], str] = lambda text: text) -> Any:
    """promtool's verdict of all alerts of these files; `change` is made to the rules before."""
    url = yaml.safe_load((ROLE / "defaults/main.yml").read_text())["monitoring_runbooks"]
    placed = {
        path: change(text) if not path.endswith("parameters.yml") else text
        for path, text in files(SITE).items()
        if "/rules/" in path
    }
    written = []
    for name in names:
        by_step: dict[str, list[dict[str, Any]]] = {}
        for test in for_promtool(name, url):
            by_step.setdefault(test["interval"], []).append(test)
        for step, found in by_step.items():
            rules = [f"{FOLDER}/rules/parameters.yml", f"{FOLDER}/rules/{name}.yml"]
            # Without it the order is another one each time, and the constants may come after what goes by them.
            groups = yaml.safe_load(placed[rules[1]])["groups"]
            order = ["webstack-parameters", *(group["name"] for group in groups)]
            tests = {"rule_files": rules, "evaluation_interval": step, "group_eval_order": order, "tests": found}
            written.append(f"/tests/{name}-{step}.yml")
            placed[written[-1]] = yaml.safe_dump(tests, sort_keys=False, width=1000)
    return parser(["promtool", "test", "rules", *written], placed)


def test_every_alert_fires_and_stays_silent(files: Any, parser: Any) -> None:
    result = tried(files, parser, RULES)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("databases", lambda text: text.replace("> 0.8", "> 0.9"), "MySQLConnections fires"),
        ("monitoring", lambda text: text.replace("for: 20s", "for: 0s"), "HostDown is silent"),
        ("monitoring", lambda text: text.replace("does not answer", "is gone"), "HostDown fires"),
    ],
)
def test_what_was_changed_is_seen(files: Any, parser: Any, name: str, change: Any, said: str) -> None:
    """The test of the test above: a limit, a time, a sentence."""
    result = tried(files, parser, [name], change)
    assert result.returncode != 0
    assert said in result.stdout + result.stderr
