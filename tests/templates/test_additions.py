"""What an inventory adds, read by the programs themselves: through the wiring, the roles' templates and the parsers."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from added import BUNDLE, SECRETS
from stack_variables import rendered
from throwaway_ca import Authority

LAB = Path(__file__).resolve().parents[2] / "inventories/lab"
HAPROXY = ("haproxy_frontends", "haproxy_listens", "haproxy_backends", "haproxy_maps")
NGINX = ("nginx_sites", "nginx_upstreams", "nginx_trusted_proxies")
Render = Callable[[str, str, Mapping[str, Any]], str]


@pytest.fixture(scope="module")
def hosts() -> dict[str, Any]:
    """The variables of both roles on the lab's hosts."""
    names = HAPROXY + NGINX
    template = "{{ dict(" + str(list(names)) + " | zip([" + ", ".join(names) + "])) | to_json }}"
    said = rendered(template, LAB, **SECRETS, **BUNDLE)
    return {host: json.loads(one) if isinstance(one, str) else one for host, one in said.items()}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return Authority(tmp_path_factory.mktemp("authority") / "ca").issue("www.foobar.com", ["DNS:www.foobar.com"])


def test_haproxy_takes_it(hosts: Any, render_template: Render, parser: Any, pem: tuple[str, str]) -> None:
    variables = {name: hosts["lb1"][name] for name in HAPROXY}
    files = {"/haproxy.cfg": render_template("haproxy", "haproxy.cfg.j2", variables)}
    for item in variables["haproxy_maps"]:
        files[f"/etc/haproxy/{item['name']}.map"] = render_template("haproxy", "map.j2", {"item": item})
    files |= {"/etc/webstack/tls/www/combined.pem": "".join(pem), "/etc/webstack/tls/ca.pem": pem[0]}
    result = parser(["haproxy", "-c", "-dW", "-f", "/haproxy.cfg"], files)
    assert result.returncode == 0, result.stdout + result.stderr


def test_nginx_takes_it(hosts: Any, render_template: Render, parser: Any, pem: tuple[str, str]) -> None:
    variables = {name: hosts["web1"][name] for name in NGINX}
    files = {"/etc/nginx/nginx.conf": render_template("nginx", "nginx.conf.j2", variables)}
    files |= {"/etc/webstack/tls/nginx/certificate.pem": pem[0], "/etc/webstack/tls/nginx/key.pem": pem[1]}
    result = parser(["nginx", "-t"], files | {"/etc/webstack/tls/ca.pem": pem[0]})
    assert result.returncode == 0, result.stderr
