"""Which variables of a running server differ from the wanted values, and the statements that change them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

Value = Union[bool, int, float, str]  # noqa: UP007  (Python 3.9 has no other)

STARTUP_ONLY = frozenset(
    {
        # SET GLOBAL refuses them.
        "bind_address",
        "disabled_storage_engines",
        "innodb_buffer_pool_instances",
        "log_bin",
        "log_error",
        "port",
        "relay_log",
        "relay_log_recovery",
        "report_host",
        "report_port",
        "skip_name_resolve",
        # SET GLOBAL accepts them, but connected replicas do not notice, or the change needs several coordinated steps.
        "enforce_gtid_consistency",
        "gtid_mode",
        "server_id",
        # Refused while the server is in its group.
        "group_replication_communication_stack",
        "group_replication_enforce_update_everywhere_checks",
        "group_replication_group_name",
        "group_replication_local_address",
        "group_replication_paxos_single_leader",
        "group_replication_single_primary_mode",
        "group_replication_ssl_mode",
    }
)

TLS_STATUS = {
    "ssl_ca": "current_tls_ca",
    "ssl_capath": "current_tls_capath",
    "ssl_cert": "current_tls_cert",
    "ssl_cipher": "current_tls_cipher",
    "ssl_crl": "current_tls_crl",
    "ssl_crlpath": "current_tls_crlpath",
    "ssl_key": "current_tls_key",
    "tls_ciphersuites": "current_tls_ciphersuites",
    "tls_version": "current_tls_version",
}
"""Variables that take effect only with ALTER INSTANCE RELOAD TLS, and the status variables that show what is."""

VARIABLE_OF = {"default_time_zone": "time_zone"}
"""Options that set a variable of another name."""

LOOSE = "loose_"
"""Before an option that the server may not know."""

PLUGIN_PREFIXES = ("rpl_semi_sync_", "group_replication_")
"""What the variables begin with that are there only with their plugins. Their options are written as loose ones."""

_OPTION = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(.*?)\s*")

_SUFFIXES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SWITCHES = {"ON": "ON", "TRUE": "ON", "1": "ON", "OFF": "OFF", "FALSE": "OFF", "0": "OFF"}
_SIZE = re.compile(r"([0-9]+)([KMGT])", re.IGNORECASE)


@dataclass(frozen=True)
class Difference:
    name: str
    running: str | None
    """None where the server has no such variable: it is an option alone, or its plugin is not loaded."""
    wanted: str

    @property
    def needs_restart(self) -> bool:
        return self.running is None or self.name in STARTUP_ONLY

    @property
    def is_option(self) -> bool:
        """Whether it is no variable. A server that does not know the option does not start, so it has its value."""
        return self.running is None and not self.name.startswith(PLUGIN_PREFIXES)


def differences(wanted: Mapping[str, Value], running: Mapping[str, str]) -> list[Difference]:
    """The variables to change, in the order of `wanted`."""
    found = []
    for key, value in wanted.items():
        name = plain(key)
        name = VARIABLE_OF.get(name, name)
        text = literal(value)
        actual = running.get(name)
        if actual is None or not _same(name, text, actual, running):
            found.append(Difference(name, actual, text))
    return found


def waits_for_restart(difference: Difference, *, group_stopped: bool) -> bool:
    """Whether a variable gets its value only with a restart. `group_stopped`: or with the next start of the group."""
    settable = difference.running is not None and difference.name.startswith("group_replication_")
    return difference.needs_restart and not (group_stopped and settable)


def options(text: str) -> dict[str, str]:
    """What a configuration file says, by option."""
    found = (_OPTION.fullmatch(line) for line in text.splitlines())
    return {plain(match[1]): match[2] for match in found if match}


def plain(name: str) -> str:
    """The server's own name of a variable, however it is written."""
    plain = name.lower().replace("-", "_")
    return plain[len(LOOSE) :] if plain.startswith(LOOSE) else plain


def tls_differences(wanted: Mapping[str, Value], status: Mapping[str, str]) -> list[Difference]:
    """TLS settings that are wanted and not in effect, whatever the variables say."""
    return [
        Difference(name, status[current], literal(wanted[name]))
        for name, current in TLS_STATUS.items()
        if name in wanted and current in status and status[current] != literal(wanted[name])
    ]


def literal(value: Value) -> str:
    """The value as the server itself writes it: ON and OFF, sizes in bytes."""
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    size = _SIZE.fullmatch(str(value))
    return str(int(size[1]) * _SUFFIXES[size[2].upper()]) if size else str(value)


def assignment(difference: Difference) -> tuple[str, int | str]:
    """Statement and value that change a variable at runtime."""
    value: int | str = int(difference.wanted) if difference.wanted.isdecimal() else difference.wanted
    return f"SET GLOBAL `{difference.name}` = %s", value


def _same(name: str, wanted: str, actual: str, running: Mapping[str, str]) -> bool:
    if wanted.casefold() == actual.casefold():
        return True
    if actual in ("ON", "OFF"):
        return _SWITCHES.get(wanted.upper()) == actual
    try:
        number, actual_number = float(wanted), float(actual)
    except ValueError:
        return False
    if name == "innodb_buffer_pool_size":
        # The server rounds it up to a multiple of chunk size times instances.
        unit = int(running["innodb_buffer_pool_chunk_size"]) * int(running["innodb_buffer_pool_instances"])
        number = -(-int(number) // unit) * unit
    return number == actual_number
