"""The records that Python reads a role's data into, and the role's argument specification, agree."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.plugin_utils.certificates import Certificate
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy import model as haproxy
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx import model as nginx
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import as_data, read

ROLES = Path(__file__).resolve().parents[2] / "roles"
RECORDS: list[tuple[str, type[Any]]] = [
    ("certificates_list", Certificate),
    ("haproxy_frontends", haproxy.Proxy),
    ("haproxy_backends", haproxy.Proxy),
    ("haproxy_listens", haproxy.Proxy),
    ("haproxy_stats", haproxy.Stats),
    ("nginx_sites", nginx.Site),
    ("nginx_upstreams", nginx.Upstream),
]
# What the role has to know the absence of: an option that needs another one, and one that is written only when given.
WITHOUT_DEFAULT = {
    "haproxy_frontends.bind.tls.verify",
    "haproxy_listens.bind.tls.verify",
    "haproxy_stats.tls.verify",
    "nginx_upstreams.servers.weight",
}


def options_of(variable: str) -> dict[str, Any]:
    role = variable.partition("_")[0]
    specification = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())
    return specification["argument_specs"]["main"]["options"][variable]["options"]


def default_of(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    if isinstance(field.default, tuple):
        return [as_data(item) if is_dataclass(item) else item for item in field.default]
    return "required" if field.default is MISSING else field.default


def compared(kind: type[Any], options: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Of each option its path, its default by the specification, and by the record."""
    hints = get_type_hints(kind)
    defaults = {field.name: default_of(field) for field in fields(kind)}
    for name, option in options.items():
        inner = [kind for kind in (hints.get(name), *get_args(hints.get(name))) if is_dataclass(kind)]
        stated = "required" if option.get("required") else option.get("default")
        if inner and isinstance(stated, list):
            stated = [as_data(read(inner[0], entry)) for entry in stated]
        yield f"{path}{name}", stated, defaults.get(name, "no such field")
        if inner and "options" in option:
            yield from compared(inner[0], option["options"], f"{path}{name}.")


@pytest.mark.parametrize(("variable", "kind"), RECORDS)
def test_records_have_the_options_and_defaults_of_the_specification(variable: str, kind: type[Any]) -> None:
    """Catches an option that the templates would never see, and a default that the manual states and nobody applies."""
    wrong = {
        path: (stated, real)
        for path, stated, real in compared(kind, options_of(variable), f"{variable}.")
        if stated != real and path not in WITHOUT_DEFAULT and not (path.endswith("s.bind") and stated == "required")
    }
    assert wrong == {}
