"""The module apt_source: a repository is added with the key of the given fingerprint, or not at all."""

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.modules import apt_source
from throwaway_openpgp import Key

KEY = Key()
FINGERPRINT = " ".join(KEY.fingerprint[at : at + 4] for at in range(0, 40, 4)).lower()


class Module:
    """As much of AnsibleModule as the module needs."""

    def __init__(self, folder: Path, check_mode: bool = False, **params: Any) -> None:
        self.tmpdir = str(folder)
        self.check_mode = check_mode
        self.params = {
            "name": "mysql",
            "uri": "https://repo.example/apt/debian",
            "suite": "trixie",
            "components": ["mysql-8.4-lts"],
            "fingerprint": FINGERPRINT,
            "key": None,
            "key_url": "https://repo.example/key",
        } | params

    def atomic_move(self, source: str, target: str) -> None:
        Path(source).rename(target)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the module; the keys that may be downloaded are `served`, and each download is counted."""
    keyring, source = tmp_path / "etc/keyrings/mysql.asc", tmp_path / "etc/mysql.sources"
    downloads: list[str] = []

    def converge(served: bytes = KEY.armored.encode(), **options: Any) -> dict[str, Any]:
        monkeypatch.setattr(apt_source, "download", lambda url: downloads.append(url) or served)
        return apt_source.converge(Module(tmp_path, **options), str(keyring), str(source))

    converge.keyring, converge.source, converge.downloads = keyring, source, downloads
    return converge


def test_the_source_trusts_that_key_alone(run) -> None:
    assert run()["changed"]
    assert run.source.read_text().splitlines()[1:] == [
        "Types: deb",
        "URIs: https://repo.example/apt/debian",
        "Suites: trixie",
        "Components: mysql-8.4-lts",
        f"Signed-By: {run.keyring}",
    ]
    assert run.keyring.read_bytes() == KEY.armored.encode()
    # apt reads both as a user of its own.
    assert run.keyring.stat().st_mode & 0o777 == run.source.stat().st_mode & 0o777 == 0o644


def test_a_second_run_asks_for_nothing(run) -> None:
    run()
    assert not run()["changed"]
    assert run.downloads == ["https://repo.example/key"]


@pytest.mark.parametrize("served", [Key().armored.encode(), KEY.public + Key().public, b"<html>"])
def test_another_key_is_refused_and_nothing_written(run, served) -> None:
    with pytest.raises(apt_source.KeyringError, match=r"^https://repo\.example/key (holds the key|is not)"):
        run(served)
    assert not run.keyring.exists()
    assert not run.source.exists()


def test_a_key_that_somebody_exchanged_is_put_back(run) -> None:
    run()
    run.keyring.write_bytes(Key().armored.encode())
    assert run()["changed"]
    assert run.keyring.read_bytes() == KEY.armored.encode()


def test_another_url_brings_a_renewed_key(run) -> None:
    """Whose fingerprint is the same."""
    run()
    renewed = KEY.armored.replace("throw-away", "valid for longer").encode()
    assert run(renewed, key_url="https://repo.example/key-2027")["changed"]
    assert run.keyring.read_bytes() == renewed


def test_a_given_key_needs_no_download(run) -> None:
    assert run(key=KEY.armored)["changed"]
    assert not run(key=KEY.armored)["changed"]
    assert run.downloads == []


def test_check_mode_writes_and_downloads_nothing(run) -> None:
    assert run(check_mode=True)["changed"]
    assert run.downloads == []
    assert not run.source.exists()
