"""Prometheus on a monitoring host, asked there as it asks itself: over TLS or not, with the password that it has."""

import json
from typing import Any

import yaml
from testinfra.host import Host

FOLDER = "/etc/prometheus/webstack"
PROGRAM = """
import base64, json, ssl, sys, urllib.error, urllib.request
url, user, ca = sys.argv[1:4]
request = urllib.request.Request(url)
if user:
    request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
try:
    answer = urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca) if ca else None)
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps([answer.status, answer.read().decode()]))
"""


def answer(host: Host, path: str, user: str | None = None) -> tuple[int, str]:
    """Status and text. `user` is a name and a password with a colon between, in place of Prometheus' own."""
    jobs = yaml.safe_load(host.file(f"{FOLDER}/prometheus.yml").content_string)["scrape_configs"]
    [job] = [job for job in jobs if job["job_name"] == "prometheus"]
    if user is None:
        known = job.get("basic_auth", {})
        user = f"{known['username']}:{host.file(known['password_file']).content_string}" if known else ""
    [target] = job["static_configs"][0]["targets"]
    url = f"{job.get('scheme', 'http')}://{target}{path}"
    said = host.check_output("python3 -c %s %s %s %s", PROGRAM, url, user, job.get("tls_config", {}).get("ca_file", ""))
    status, text = json.loads(said)
    return status, text


def asked(host: Host, path: str) -> Any:
    """What its API answers."""
    status, text = answer(host, f"/api/v1/{path}")
    assert status == 200, text
    return json.loads(text)["data"]
