"""Connections to MySQL that are encrypted and verified when the URL says so, or do not come about."""

import ssl
from typing import Any

from pymysql.connections import Connection
from pymysql.constants import CLIENT, CR
from pymysql.err import OperationalError


class StrictConnection(Connection):
    """PyMySQL's, but for two things: it goes on in the clear when the server offers no TLS, and waits for a greeting as
    long as for the answer to a statement.
    """

    def connect(self, sock: Any = None) -> None:
        """Somebody who accepts connections and says nothing is no server: a proxy that has none, or one that hangs."""
        patience = self._read_timeout, self._write_timeout
        self._read_timeout = self._write_timeout = self.connect_timeout
        try:
            super().connect(sock)
        finally:
            self._read_timeout, self._write_timeout = patience

    def _get_server_information(self) -> None:
        super()._get_server_information()
        if self.ssl and not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(CR.CR_SSL_CONNECTION_ERROR, "it offers no TLS, which the URL asks for")


def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Connection:
    """For SQLAlchemy's event do_connect."""
    return StrictConnection(*arguments, **options)


def reason(error: BaseException) -> str:
    """Why there is no connection: a certificate is not a password, and the name in it not its authority."""
    origin = getattr(error, "original_exception", error)
    if isinstance(origin, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {origin.verify_message}"
    if isinstance(origin, ssl.SSLError):
        return f"no TLS connection comes about: {origin.reason or origin}"
    return str(error)
