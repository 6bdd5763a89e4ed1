"""What replication's errors mean and what to do about them. Pure."""

from __future__ import annotations

REPROVISION = (
    "set mysql_replication_reprovision=true (the module's option reprovision) for one run: CLONE then replaces it"
)

_DIFFERS = "so the data here differs from the source's"
_UNSERVED = (
    "the source's binary logs no longer hold what this replica lacks, or the replica has transactions of its own"
)
_TWINS = "source and replica have the same server_id or the same server_uuid"

_MEANINGS = {
    1032: f"a row that the source changed is missing here, {_DIFFERS}",
    1045: (
        "the source does not take the account or its password. The role sets it there to mysql_replication_user when it"
        " runs on the source; run it there too"
    ),
    1049: f"a database that the source changed is missing here, {_DIFFERS}",
    1062: f"a row that the source inserted is here already, {_DIFFERS}",
    1130: "the source has no account for this host's address. Run the role on the source, with this host as a replica",
    1142: "the account lacks the privilege REPLICATION SLAVE on the source",
    1146: f"a table that the source changed is missing here, {_DIFFERS}",
    1227: "the account lacks a privilege on the source: REPLICATION SLAVE, and BACKUP_ADMIN for CLONE",
    1236: _UNSERVED,
    1396: f"an account that the source created or changed is here already, or missing, {_DIFFERS}",
    1593: _TWINS,
    1789: _UNSERVED,
    2003: "nothing answers there. Does MySQL run and listen on that address (bind_address)? Does a firewall drop it?",
    2013: "the connection broke",
    2026: (
        "no TLS connection comes about. The certificate that the source shows has to be signed by the CA that this"
        " replica trusts (mysql_replication_tls.ca, the module's option source_ca), made out to the address that the"
        " replica connects to (a subjectAltName of it, IP: for an address) and not expired"
    ),
    2061: "the account's password is only sent over an encrypted connection; keep TLS on",
    3118: "the account is locked on the source",
    3159: "the source takes encrypted connections only; keep TLS on",
    13114: _UNSERVED,
    13117: _TWINS,
    13121: "the relay log here cannot be read",
}

REFUSED_FOR_GOOD = frozenset({1045, 1130, 1142, 1227, 1236, 1593, 1789, 2026, 2061, 3118, 3159, 13114, 13117})
"""Errors that no further attempt to connect heals."""

_REBUILT = frozenset({1032, 1049, 1062, 1146, 1236, 1396, 1789, 13114, 13121})


def explain(number: int, error: str) -> str:
    """The error, what it means, and the way out."""
    parts = [error.strip().rstrip(".") or "no error was given"]
    if number in _MEANINGS:
        parts.append(f"That is: {_MEANINGS[number]}")
    if number in _REBUILT:
        parts.append(f"If the data here may be thrown away, {REPROVISION}")
    return ". ".join(parts)
