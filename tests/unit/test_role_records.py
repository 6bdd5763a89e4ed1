"""The records that Python reads a role's data into, and the role's argument specification, agree."""

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy import model as haproxy

ROLES = Path(__file__).resolve().parents[2] / "roles"
RECORDS: list[tuple[str, type[Any]]] = [
    ("haproxy_frontends", haproxy.Proxy),
    ("haproxy_backends", haproxy.Proxy),
    ("haproxy_listens", haproxy.Proxy),
    ("haproxy_stats", haproxy.Stats),
]
# The role takes the default only with another option, and has to know whether it was given without that.
WITHOUT_DEFAULT = {"tls.verify", "bind.tls.verify"}


def options_of(variable: str) -> dict[str, Any]:
    role = variable.partition("_")[0]
    specification = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())
    return specification["argument_specs"]["main"]["options"][variable]["options"]


def compared(kind: type[Any], options: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Of each option its path, its default by the specification, and by the record."""
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    for name, option in options.items():
        default = known[name].default if name in known else "no such field"
        yield (
            f"{path}{name}",
            "required" if option.get("required") else option.get("default"),
            "required" if default is MISSING else list(default) if isinstance(default, tuple) else default,
        )
        inner = [kind for kind in (hints.get(name), *get_args(hints.get(name))) if is_dataclass(kind)]
        if inner and "options" in option:
            yield from compared(inner[0], option["options"], f"{path}{name}.")


@pytest.mark.parametrize(("variable", "kind"), RECORDS)
def test_records_have_the_options_and_defaults_of_the_specification(variable: str, kind: type[Any]) -> None:
    """Catches an option that the templates would never see, and a default that the manual states and nobody applies."""
    wrong = {
        path: (stated, real)
        for path, stated, real in compared(kind, options_of(variable))
        if stated != real and path not in WITHOUT_DEFAULT and not (path == "bind" and stated == "required")
    }
    assert wrong == {}
