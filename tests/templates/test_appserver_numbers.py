"""What gunicorn tells, all the way: from the role's configuration of it to what Prometheus would read.

Debian's gunicorn and node_exporter run as the roles start them, with webstack-statsd between them.
"""

import base64
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.zipapp import build

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = """
def app(environ, start_response):
    start_response("503 No" if environ["PATH_INFO"] == "/no" else "200 OK", [])
    return [b"x"]
"""
PROGRAM = r"""
import subprocess, sys, time, urllib.error, urllib.request

def get(url):
    end = time.monotonic() + 30
    while True:
        try:
            return urllib.request.urlopen(url, timeout=10).read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)

receiver = subprocess.Popen(["python3", "/program", "--listen=127.0.0.1:9125", "--directory=/run/webstack-statsd"])
exporter = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
gunicorn = subprocess.Popen(["gunicorn", "--chdir=/srv/app", "--config=/srv/gunicorn.conf.py"])
for path in ("", "", "no"):
    get("http://127.0.0.1:8000/" + path)
end = time.monotonic() + 30
while "app_gunicorn_request_duration_seconds_count 3" not in (shown := get("http://127.0.0.1:9100/metrics")):
    if time.monotonic() > end:
        sys.exit(shown)
    time.sleep(0.2)
print(shown)
receiver.terminate()
receiver.wait()
for _ in range(3):
    print("still", get("http://127.0.0.1:8000/"))
gunicorn.terminate()
gunicorn.wait()
"""


@pytest.fixture
def run(parser: Any, render_template: Any, role_variable: Any) -> Callable[[Mapping[str, Any]], Any]:
    def started(variables: Mapping[str, Any]) -> Any:
        own = {"exporters_statsd": True, "exporters_node_enabled_collectors": []}
        [item] = [item for item in role_variable("exporters", "__exporters_files", own) if item.get("name") == "node"]
        config = {"appserver_wsgi": "hello:app", "appserver_workers": 2, "appserver_statsd_host": "127.0.0.1:9125"}
        program = base64.b64encode(build(ROOT / "roles/exporters/files/webstack_statsd")).decode()
        script = (
            "mkdir /run/webstack-statsd && base64 -d /encoded > /program"
            f" && exec python3 /run.py prometheus-node-exporter {shlex.join(item['arguments'])}"
        )
        files = {
            "/encoded": program,
            "/run.py": PROGRAM,
            "/srv/app/hello.py": APPLICATION,
            "/srv/gunicorn.conf.py": render_template("appserver", "gunicorn.conf.py.j2", config | variables),
        }
        return parser(["/bin/sh", "-c", script], files)

    return started


@pytest.mark.parametrize(
    ("variables", "capacity"),
    [
        ({}, 2),
        ({"appserver_worker_class": "gthread", "appserver_threads": 3}, 6),
        ({"appserver_gunicorn_settings": {"workers": 1}}, 1),
    ],
    ids=["sync", "gthread", "another number of workers"],
)
def test_what_gunicorn_tells_arrives(run: Any, variables: Mapping[str, Any], capacity: int) -> None:
    """Red for a name that another gunicorn has changed, and where it fills the journal because nobody listens."""
    result = run(variables)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"app_gunicorn_capacity {capacity}\n" in result.stdout
    # New counters begin with 0.
    for code in ("2xx", "5xx"):
        assert re.search(rf'^app_gunicorn_responses_total{{code="{code}"}} [012]$', result.stdout, re.MULTILINE)
    assert 'app_gunicorn_request_duration_seconds_bucket{le="0.005"}' in result.stdout
    assert re.findall(r"^node_textfile_scrape_error .*", result.stdout, re.MULTILINE) == [
        "node_textfile_scrape_error 0"
    ]
    assert result.stdout.count("still x") == 3
    assert "statsd" not in result.stderr


def test_nobody_is_told_unless_asked(render_template: Any) -> None:
    assert "statsd_host" not in render_template("appserver", "gunicorn.conf.py.j2", {"appserver_wsgi": "hello:app"})


def test_whoever_has_a_statsd_server_keeps_it(render_template: Any) -> None:
    own = {"appserver_statsd_host": "127.0.0.1:9125", "appserver_gunicorn_settings": {"statsd_host": "198.18.0.9:8125"}}
    found: dict[str, Any] = {}
    exec(render_template("appserver", "gunicorn.conf.py.j2", {"appserver_wsgi": "hello:app", **own}), found)  # noqa: S102
    assert found["statsd_host"] == "198.18.0.9:8125"
