"""Rules for the variables of the whole stack that a type cannot express.

The argument specification (playbooks/meta/argument_specs.yml) holds types and choices; what a name, a port or a path
must look like stands here, with the sentence that says what to write instead. Pure: it imports nothing of Ansible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.limits import secret_errors
from ansible_collections.foobar.webstack.plugins.plugin_utils import additions, applications
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    ascii_name,
    is_address,
    is_dns_name,
    is_network,
    is_port,
    is_true,
    is_trustable,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.monitoring import is_password

APP_PORTS = range(1024, 2**16)
"""An application server does not run as root, and so opens no port below."""


HEADER_SIZES = range(16384, 49152 + 1)
"""HTTP/2 needs buffers of 16384 bytes for its frames. The parser h11 of uvicorn refuses headers above 65536 bytes, with
those that proxies add."""
RESPONSE_TIMEOUTS = range(1, 86400 + 1)


@dataclass(frozen=True)
class Rule:
    """A variable, whether a value is one that it may have, and what to set it to instead."""

    variable: str
    good: Callable[[Any], bool]
    fix: str


# fmt: off
TAKEN_NAMES = frozenset(
    (
        # Users of Debian, and users and services of the stack's programs.
        "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "backup",
        "list", "irc", "nobody", "ssh", "sshd", "cron", "dbus", "haproxy", "nginx", "mysql", "mysqld",
        "prometheus", "webstack",
        # Accounts and databases of MySQL.
        "replication", "clone", "verbs", "monitoring", "information_schema", "performance_schema",
    )
)
# fmt: on
"""Names that an application, its user, its database and its account cannot have."""


def _is_app_name(value: Any) -> bool:
    # MySQL takes 32 characters for an account, and that of the migrations is called <name>_migrate.
    return _matching(r"[a-z][a-z0-9_]{0,23}")(value) and value not in TAKEN_NAMES


def _matching(pattern: str) -> Callable[[Any], bool]:
    wanted = re.compile(pattern)
    return lambda value: isinstance(value, str) and wanted.fullmatch(value) is not None


def _in(numbers: range) -> Callable[[Any], bool]:
    def good(value: Any) -> bool:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,5}", value) else value
        return isinstance(number, int) and not isinstance(number, bool) and number in numbers

    return good


def _has_its_files(certificate: Mapping[str, Any]) -> bool:
    return certificate.get("provider") != "files" or {"certificate", "key"} <= certificate.keys()


def _is_site_name(value: Any) -> bool:
    return is_dns_name(value, wildcard=True) or is_address(value)


CHARSETS = (
    r"utf8mb[34]|latin[1257]|ascii|binary|cp(850|852|866|932|125[0167])|koi8[ru]|gb(k|2312|18030)|big5|sjis|ujis"
    r"|euc(jpms|kr)|greek|hebrew|tis620|armscii8|dec8|geostd8|hp8|keybcs2|mac(ce|roman)|swe7"
)
"""MySQL's, without those that a client's connection cannot have."""

RULES = (
    Rule(
        "webstack_domain",
        _matching(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"),
        "a host name such as www.foobar.com",
    ),
    Rule(
        "webstack_aliases",
        lambda value: isinstance(value, Sequence) and not isinstance(value, str) and all(map(_is_site_name, value)),
        "a list of host names such as [foobar.com]",
    ),
    Rule(
        "webstack_app_name",
        _is_app_name,
        "at most 24 lower-case letters, digits and underscores, the first a letter, and no name of the system, such as "
        "mysql or backup",
    ),
    Rule("webstack_app_port", _in(APP_PORTS), f"a port from {APP_PORTS[0]} to {APP_PORTS[-1]}"),
    Rule("webstack_health_uri", _matching(r"/[!-~]*"), "a path that begins with /"),
    Rule("webstack_database_charset", _matching(CHARSETS), "a character set of MySQL's such as utf8mb4"),
    Rule("webstack_max_body_size", _matching(r"[1-9][0-9]*[kKmMgG]?"), "a size such as 10m"),
    Rule(
        "webstack_max_header_size",
        _in(HEADER_SIZES),
        f"a number of bytes from {HEADER_SIZES[0]} to {HEADER_SIZES[-1]}",
    ),
    Rule(
        "webstack_response_timeout",
        _in(RESPONSE_TIMEOUTS),
        f"a number of seconds from {RESPONSE_TIMEOUTS[0]} to {RESPONSE_TIMEOUTS[-1]}",
    ),
    # HAProxy and nginx both read it.
    Rule("webstack_drain_timeout", _matching(r"[1-9][0-9]*[smhd]"), "a time such as 30s, 10m or 1h"),
    Rule(
        "webstack_trusted_proxies",
        lambda value: all(is_trustable(network) for network in value),
        "a list of addresses and networks such as [192.0.2.0/24]; a network of everybody (/0) is not accepted",
    ),
    Rule(
        "webstack_lb_health",
        lambda value: not value or (is_port(value["port"]) and all(map(is_network, value["sources"]))),
        "{port: 8090, sources: [192.0.2.0/24]}, a port and the addresses or networks from which it is asked",
    ),
    Rule("webstack_monitoring_port", is_port, "a port from 1 to 65535"),
    Rule(
        "webstack_monitoring_sources",
        lambda value: all(map(is_network, value)),
        "a list of addresses and networks such as [192.0.2.0/24]",
    ),
    Rule(
        "webstack_certificate",
        _has_its_files,
        "{provider: files, certificate: /path/chain.pem, key: /path/key.pem}, paths on this machine",
    ),
)


def stack_errors(
    given: Mapping[str, Any],
    endpoint_ports: Sequence[int],
    acme_email: str,
    taken: Mapping[str, Sequence[str]],
    application_hosts: Sequence[str],
) -> list[str]:
    """What is wrong with the given variables of the stack, a sentence each, in the order of RULES.

    Their types are right already. `endpoint_ports` are the different values of mysql_endpoint_port among the database
    hosts, `acme_email` is certificates_acme_email of the load balancers, empty where it is not set. `taken` holds by
    variable the names that what it adds must not have. `application_hosts` are those of the group appservers.
    """
    errors = [
        _error(rule.variable, given[rule.variable], _in_ascii(given[rule.variable]) or rule.fix)
        for rule in RULES
        if rule.variable in given and not rule.good(given[rule.variable])
    ]
    if len(endpoint_ports) > 1:
        fix = "the same port for every database host, or leave it out"
        errors.append(_error("mysql_endpoint_port", list(endpoint_ports), fix))
    errors += [f"webstack_secrets.{name}: {error}." for name, error in secret_errors(given.get("webstack_secrets", {}))]
    errors += _page(given) + _collation(given) + _proxy_protocol(given)
    if given.get("webstack_certificate", {}).get("provider") == "acme" and "@" not in acme_email:
        fix = "the mail address of the ACME account, which webstack_certificate asks for with provider=acme"
        errors.append(_error("certificates_acme_email", acme_email, fix))
    return errors + additions.errors(given, taken) + applications.errors(given, application_hosts)


def _page(given: Mapping[str, Any]) -> list[str]:
    password = given.get("webstack_secrets", {}).get("monitoring_page")
    if password is None or is_password(password):
        return []
    return ["webstack_secrets.monitoring_page is not valid; give 12 to 72 letters, digits and signs of ASCII."]


def _collation(given: Mapping[str, Any]) -> list[str]:
    variable, charset = "webstack_database_collation", given.get("webstack_database_charset", "utf8mb4")
    value = given.get(variable, "")
    if not value or value == charset or value.startswith(f"{charset}_"):
        return []
    return [_error(variable, value, f"a collation of {charset}, whose name begins with {charset}_, or leave it out")]


def _proxy_protocol(given: Mapping[str, Any]) -> list[str]:
    variable = "webstack_proxy_protocol"
    if not is_true(given.get(variable)):
        return []
    if not given.get("webstack_trusted_proxies"):
        return [_error(variable, True, "false, or list in webstack_trusted_proxies who sends the PROXY header")]
    if is_true(given.get("webstack_http3")):
        return [_error(variable, True, "false, or webstack_http3 to false: HTTP/3 carries no PROXY header")]
    return []


def _in_ascii(value: Any) -> str:
    """What to write for names with letters beyond ASCII, which DNS and certificates do not have; or nothing."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or all(str(name).isascii() for name in names):
        return ""
    written = [ascii_name(name) if isinstance(name, str) else name for name in names]
    if not all(map(_is_site_name, written)):
        return ""
    return f"the ASCII form {json.dumps(written[0] if isinstance(value, str) else written)}"


def _error(variable: str, value: Any, fix: str) -> str:
    shown = json.dumps(value, default=str, ensure_ascii=False)
    return f"{variable} is {shown}; in the inventory's group_vars/all, set it to {fix}."
