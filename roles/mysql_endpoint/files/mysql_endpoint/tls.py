"""The certificate, read again whenever its files change."""

from __future__ import annotations

import os
import ssl

from ansible_collections.foobar.webstack.plugins.module_utils._tls import INTERMEDIATE

from mysql_endpoint.journal import Journal


class Certificate:
    """A certificate and its key. Without files there is no TLS."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files: tuple[str, ...] = (certificate, key) if certificate else ()
        self._loaded: list[tuple[int, int, int]] = []
        self._journal = Journal()
        self._context: ssl.SSLContext | None = None

    def load(self) -> None:
        """Read the files if they have changed. Raises OSError, of which ssl.SSLError is one."""
        found = [(at.st_ino, at.st_mtime_ns, at.st_size) for at in map(os.stat, self._files)]
        if found == self._loaded:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion[INTERMEDIATE.minimum_version.replace(".", "_")]
        context.set_ciphers(":".join(INTERMEDIATE.ciphers))
        # Health checks do not resume sessions.
        context.num_tickets = 0
        context.load_cert_chain(*self._files)
        self._context, self._loaded = context, found

    def context(self) -> ssl.SSLContext | None:
        """For the next connection. While the files cannot be used, or do not belong together, the last good ones."""
        try:
            self.load()
            self._journal.note("")
        except OSError as error:
            self._journal.note(
                f"The certificate {self._files[0]} could not be loaded, the previous one stays in use: {error}"
            )
        return self._context
