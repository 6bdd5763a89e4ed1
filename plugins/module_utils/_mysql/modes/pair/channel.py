"""The connection of a replica to its source. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import HIDDEN, Secret, Statement

OPTIONS = {
    "host": "SOURCE_HOST",
    "port": "SOURCE_PORT",
    "user": "SOURCE_USER",
    "password": "SOURCE_PASSWORD",
    "tls": "SOURCE_SSL",
    "ca": "SOURCE_SSL_CA",
    "verify": "SOURCE_SSL_VERIFY_SERVER_CERT",
    "connect_retry": "SOURCE_CONNECT_RETRY",
    "retry_count": "SOURCE_RETRY_COUNT",
    "heartbeat_period": "SOURCE_HEARTBEAT_PERIOD",
    "auto_position": "SOURCE_AUTO_POSITION",
}
"""Fields of an endpoint, and what CHANGE REPLICATION SOURCE calls them."""


@dataclass(frozen=True)
class Endpoint:
    """Where a replica fetches, as whom, and how patient it is."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: bool = True
    ca: str = ""
    """File with the certificate of the CA that the source's certificate is verified with."""
    verify: bool = False
    """Whether the source's certificate has to be made out to its address."""
    connect_retry: int = 5
    retry_count: int = 0
    heartbeat_period: float = 5.0
    auto_position: bool = True

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def of(cls, params: Mapping[str, Any], *, source: str, tls: str) -> Endpoint:
        """As a module's options describe it; `source` and `tls` begin the names of its options for them.

        The account is the replication's in every module: source_user and source_password.
        """
        encrypted = bool(params[f"{tls}tls"])
        ca = (params[f"{tls}ca"] or "") if encrypted else ""
        return cls(
            host=params[f"{source}host"],
            port=params[f"{source}port"],
            user=params["source_user"],
            password=params["source_password"],
            tls=encrypted,
            ca=ca,
            verify=bool(ca),
            **{name: params[name] for name in CHANNEL_OPTIONS},
        )

    @property
    def options(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: getattr(self, name) for name in OPTIONS}


CHANNEL_OPTIONS = {
    "connect_retry": {"type": "int", "default": Endpoint.connect_retry},
    "retry_count": {"type": "int", "default": Endpoint.retry_count},
    "heartbeat_period": {"type": "float", "default": Endpoint.heartbeat_period},
}
"""What every module that makes a channel takes: how patient the replica is."""


@dataclass(frozen=True)
class Channel:
    """The connection as the replica tells it."""

    endpoint: Endpoint
    receiver: str = "Yes"
    """Replica_IO_Running: Yes, No or Connecting."""
    applier: str = "Yes"
    """Replica_SQL_Running: Yes or No."""
    receiver_error: tuple[int, str] = (0, "")
    applier_error: tuple[int, str] = (0, "")

    @property
    def running(self) -> bool:
        return self.receiver == "Yes" and self.applier == "Yes"


def change_source(options: Mapping[str, Any]) -> Statement:
    """CHANGE REPLICATION SOURCE with these options, and no others."""
    return Statement(
        f"CHANGE REPLICATION SOURCE TO {', '.join(f'{OPTIONS[name]} = %s' for name in options)}",
        tuple(
            Secret(value) if name == "password" else int(value) if isinstance(value, bool) else value
            for name, value in options.items()
        ),
    )


def shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they may be shown."""
    return {name: HIDDEN if name == "password" else value for name, value in options.items()}
