# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""A TLS handshake as HAProxy makes it, to learn what is wrong with the server's certificate."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _x509

# OpenSSL's X509_V_ERR_*.
_NOT_YET, _EXPIRED, _OTHER_NAME = 9, 10, 62
_OTHER_AUTHORITY = (2, 18, 19, 20, 21)


def handshake(address: str, name: str, ca_file: str | None, timeout: float) -> str:
    """Why a handshake fails, in words; nothing if it succeeds now. `address` ends with the port."""
    host, _separator, port = address.rpartition(":")
    where = (host.strip("[]"), int(port))
    try:
        _connect(where, name, ssl.create_default_context(cafile=ca_file), timeout)
    except ssl.SSLCertVerificationError as error:
        return _of_certificate(error, _certificate(where, name, timeout), name)
    except ssl.SSLError as error:
        return f"the TLS handshake failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
    except socket.timeout:  # noqa: UP041
        return "the TLS handshake did not end in time: is it another program at this port, or does a firewall drop it?"
    except OSError as error:
        return f"the connection fails: {error.strerror or error}"
    return ""


def _connect(where: tuple[str, int], name: str, context: ssl.SSLContext, timeout: float) -> bytes:
    with socket.create_connection(where, timeout) as plain, context.wrap_socket(plain, server_hostname=name) as secure:
        return secure.getpeercert(binary_form=True) or b""


def _certificate(where: tuple[str, int], name: str, timeout: float) -> Any:
    """The server's certificate, whatever is wrong with it; None where it cannot be read."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return _x509.load(ssl.DER_cert_to_PEM_cert(_connect(where, name, context, timeout)))
    # The host may be without the library, or the server gone again: then it is said without dates and names.
    except (OSError, ValueError, AttributeError):
        return None


def _of_certificate(error: ssl.SSLCertVerificationError, certificate: Any, name: str) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        when = f" on {_x509.not_after(certificate):%Y-%m-%d}" if certificate else ""
        return f"its certificate expired{when}; run site.yml, or playbooks/rotate_certificates.yml"
    if code == _NOT_YET:
        when = f" before {_x509.not_before(certificate):%Y-%m-%d %H:%M} UTC" if certificate else " yet"
        return f"its certificate is not valid{when}; compare the clocks of both hosts"
    if code == _OTHER_NAME:
        has = ", ".join(sorted(entry.partition(":")[2] for entry in _x509.names(certificate))) if certificate else ""
        return f"its certificate is not for {name}" + (f", but for {has}" if has else "") + "; run site.yml"
    if code in _OTHER_AUTHORITY:
        by = f" ({certificate.issuer.rfc4514_string()})" if certificate else ""
        return f"its certificate was issued by a CA{by} that this host does not trust; run site.yml on both hosts"
    return f"its certificate cannot be verified: {error.verify_message}"
