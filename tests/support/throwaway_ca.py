#!/usr/bin/python3
"""A certificate authority for tests, of `openssl` and the standard library: it works on a host as well as here.

throwaway-ca AUTHORITY [OPTION...] NAME SUBJECT_ALT_NAME...

AUTHORITY is a path: the authority is AUTHORITY.pem and AUTHORITY.key, made when it is not there yet. The new key and
certificate are put in place by renames, the key first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DAYS = 30
BOTH = "serverAuth,clientAuth"


@dataclass(frozen=True)
class Authority:
    """The authority at a path without suffix."""

    path: Path

    @property
    def certificate(self) -> Path:
        return self.path.with_name(f"{self.path.name}.pem")

    @property
    def key(self) -> Path:
        return self.path.with_name(f"{self.path.name}.key")

    def make(self) -> None:
        """Make it, unless it is there."""
        if self.certificate.exists():
            return
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        _request(f"CA {self.path.name}", extensions, self.certificate, self.key, [])
        self.certificate.chmod(0o644)

    def issue(self, name: str, alternatives: Sequence[str], usage: str = BOTH, days: int = DAYS) -> tuple[str, str]:
        """A new certificate and its key, as PEM. `alternatives`: such as DNS:web1 or IP:127.0.0.1."""
        self.make()
        extensions = [
            f"subjectAltName={','.join(alternatives)}",
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            f"extendedKeyUsage={usage}",
            "authorityKeyIdentifier=keyid",
        ]
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "certificate"), Path(folder, "key")
            signer = ["-CA", str(self.certificate), "-CAkey", str(self.key)]
            _request(name, extensions, certificate, key, signer, days)
            return certificate.read_text(), key.read_text()

    def place(
        self,
        folder: Path,
        name: str,
        alternatives: Sequence[str],
        usage: str = BOTH,
        mode: int = 0o600,
        group: str | None = None,
    ) -> tuple[Path, Path]:
        """A new certificate.pem and key.pem in a folder. `mode`, `group`: of the key."""
        certificate, key = self.issue(name, alternatives, usage)
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write(folder / "key.pem", key, mode, group)
        _write(folder / "certificate.pem", certificate, 0o644)
        return folder / "certificate.pem", folder / "key.pem"


def _request(
    name: str, extensions: Sequence[str], certificate: Path, key: Path, signer: Sequence[str], days: int = DAYS
) -> None:
    # Every extension stands here: what the machine's own openssl.cnf would add is not known.
    lines = ["[req]", "distinguished_name=dn", "x509_extensions=these", "[dn]", "[these]"]
    configuration = "\n".join([*lines, *extensions, "subjectKeyIdentifier=hash"])
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as file:
        file.write(configuration + "\n")
        file.flush()
        new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        command = [*new.split(), "-config", file.name, "-days", str(days), "-subj", f"/CN={name}", *signer]
        command += ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)


def _write(path: Path, text: str, mode: int, group: str | None = None) -> None:
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    if group:
        shutil.chown(new, group=group)
    new.chmod(mode)
    os.replace(new, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("authority", type=Path)
    parser.add_argument("--folder", type=Path, help="for certificate.pem and key.pem")
    parser.add_argument("--combined", type=Path, help="one file for both instead")
    parser.add_argument("--usage", default=BOTH)
    parser.add_argument("--mode", type=lambda text: int(text, 8), default=0o600, help="of the key")
    parser.add_argument("--group", help="of the key")
    parser.add_argument("name", nargs="?", help="without it only the authority is made")
    parser.add_argument("alternatives", nargs="*", metavar="SUBJECT_ALT_NAME")
    options = parser.parse_intermixed_args()
    authority = Authority(options.authority)
    if not options.name:
        authority.make()
    elif options.combined:
        options.combined.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        text = "".join(authority.issue(options.name, options.alternatives, options.usage))
        _write(options.combined, text, options.mode, options.group)
    else:
        where, how = options.folder, (options.usage, options.mode, options.group)
        authority.place(where, options.name, options.alternatives, *how)


if __name__ == "__main__":
    main()
