"""Passwords on the controller: a file that is encrypted is never written in clear, and a dry run writes none."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible_collections.foobar.webstack.plugins.plugin_utils.vault import VaultFileError, opened, passwords, write

ROOT = Path(__file__).resolve().parents[2]
SECRET = VaultSecret(b"pw")
# Of an inventory without name servers.
NAMES = {"backup_repository", "mysql_application", "mysql_clone", "mysql_migration", "mysql_replication", "mysql_verbs"}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the run's passwords be these."""

    def give(*secrets: tuple[str, VaultSecret]) -> None:
        monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(list(secrets)))

    return give


@pytest.mark.parametrize("label", [None, "production"])
def test_an_encrypted_file_is_written_as_it_was_encrypted(tmp_path, given, label):
    given(("another", VaultSecret(b"wrong")), ("production", SECRET))
    path = tmp_path / "secrets.yml"
    path.write_bytes(VaultLib().encrypt("a: b\n", secret=SECRET, vault_id=label))
    first = path.read_text().splitlines()[0]
    found = opened(path)
    assert found.content == b"a: b\n"
    write(path, b"a: c\n", found.lock)
    assert (
        path.read_text().splitlines()[0]
        == first
        == "$ANSIBLE_VAULT;" + (f"1.2;AES256;{label}" if label else "1.1;AES256")
    )
    assert passwords(path) == {"a": "c"}
    assert "pw" not in repr(found)
    assert "a: b" not in repr(found)


def test_a_file_in_clear_stays_in_clear(tmp_path, given):
    """Also where the run has passwords, for other files."""
    given(("default", SECRET))
    path = tmp_path / "folder/secrets.yml"
    write(path, b"a: b\n", None)
    found = opened(path)
    assert found.lock is None
    write(path, b"a: c\n", found.lock)
    assert path.read_text() == "a: c\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.yml"], "nothing is left beside it"


def test_a_link_leads_where_it_led(tmp_path):
    (tmp_path / "vault").mkdir()
    real, link = tmp_path / "vault/real.yml", tmp_path / "link.yml"
    real.write_text("a: b\n")
    link.symlink_to(real)
    write(link, b"a: c\n", None)
    assert link.is_symlink()
    assert real.read_text() == "a: c\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "is not a mapping of names to passwords; put the file back from your backup"),
        ("a: [\n", "is not valid YAML; put the file back from your backup"),
        ("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61\n", "has single values that are encrypted with ansible-vault"),
    ],
)
def test_what_cannot_be_read_is_no_reason_for_new_passwords(tmp_path, text, said):
    path = tmp_path / "secrets.yml"
    path.write_text(text)
    with pytest.raises(VaultFileError, match=said):
        passwords(path)
    assert passwords(tmp_path / "absent.yml") == {}
    path.write_text("")
    assert passwords(path) == {}


def test_a_password_that_mysql_does_not_take_is_refused_where_it_is_read(tmp_path):
    """An edited file. Red when CHANGE REPLICATION SOURCE refuses it, after the accounts have it."""
    path = tmp_path / "secrets.yml"
    path.write_text(f"mysql_clone: {'c' * 33}\nmysql_replication: {'r' * 32}\n")
    assert len(passwords(path)["mysql_replication"]) == 32
    path.write_text(f"mysql_replication: {'r' * 33}\n")
    with pytest.raises(VaultFileError, match="mysql_replication: the replication password has 33 characters"):
        passwords(path)
    path.write_text(f"mysql_clone: {'ä' * 129}\n")
    with pytest.raises(VaultFileError, match="mysql_clone: the password has 258 bytes"):
        passwords(path)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ([], "this run has no vault password; add --vault-password-file"),
        ([("default", VaultSecret(b"wrong"))], "none of the vault passwords of this run opens it; add"),
    ],
)
def test_without_the_password_the_sentence_says_what_to_add(tmp_path, given, secrets, said):
    given(*secrets)
    path = tmp_path / "secrets.yml"
    path.write_bytes(VaultLib().encrypt("a: b\n", secret=SECRET))
    with pytest.raises(VaultFileError, match=said):
        passwords(path)


class Stack:
    """An inventory of which no host answers: a run ends after the preflight's first play."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / ".secrets.yml"
        self.password = folder / "password"
        self.password.write_text("pw\n")
        hosts = {"lb1": 11, "web1": 21, "db1": 31}
        children = {"loadbalancers": ["lb1"], "webservers": ["web1"], "appservers": ["web1"], "databases": ["db1"]}
        inventory = {
            "hosts": {name: {"ansible_host": f"192.0.2.{last}"} for name, last in hosts.items()},
            "children": {name: {"hosts": dict.fromkeys(members)} for name, members in children.items()},
            "vars": {"ansible_ssh_executable": "/bin/false", "ansible_become": True, "ansible_become_exe": "/x"},
        }
        inventory["hosts"]["db1"]["mysql_role"] = "primary"
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": inventory}))

    def run(self, playbook: str, *options: str, vault: bool = True) -> str:
        """What it says. The end is that nobody answers."""
        given = ["--vault-password-file", str(self.password)] if vault else []
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                f"foobar.webstack.{playbook}",
                "-i",
                "hosts.yml",
                *given,
                *options,
            ],
            cwd=self.folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
                "ANSIBLE_NOCOLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        return done.stdout + done.stderr

    def vault(self, verb: str) -> None:
        command = [sys.executable, "-m", "ansible", "vault", verb, "--vault-password-file", self.password, self.file]
        subprocess.run(command, check=True, capture_output=True)

    def passwords(self) -> dict[str, str]:
        """Opened, looked at, and encrypted again."""
        assert self.file.read_text().startswith("$ANSIBLE_VAULT;"), "it is encrypted"
        self.vault("decrypt")
        found = yaml.safe_load(self.file.read_text())
        self.vault("encrypt")
        return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return Stack(tmp_path_factory.mktemp("stack"))


def test_a_dry_run_of_a_new_inventory_writes_no_password(stack):
    """And gets as far as a real one does."""
    said = stack.run("preflight", "--check", "--diff")
    assert "TASK [Generate the secrets that are not there yet]" in said
    assert "changed: [lb1]" in said or "changed: [db1]" in said
    assert "unreachable=1" in said
    assert not stack.file.exists()


def test_an_encrypted_file_stays_encrypted(stack):
    """Through a dry run, an addition, a rotation and its end. Red where one of them writes passwords in clear."""
    stack.run("preflight")
    first = yaml.safe_load(stack.file.read_text())
    assert set(first) == NAMES
    stack.vault("encrypt")
    cipher = stack.file.read_text()

    stack.run("site", "--check")
    stack.run("preflight")
    assert stack.file.read_text() == cipher, "nothing was to be added"
    said = stack.run("preflight", vault=False)
    assert "/.secrets.yml is encrypted with ansible-vault, and this run has no vault password; add" in said
    assert stack.file.read_text() == cipher

    stack.vault("decrypt")
    stack.file.write_text(yaml.safe_dump({name: value for name, value in first.items() if name != "mysql_clone"}))
    stack.vault("encrypt")
    said = stack.run("preflight", "--check", "--diff")
    assert "mysql_clone" not in stack.passwords()
    said += stack.run("preflight", "-vvv")
    added = stack.passwords()
    assert {name: value for name, value in added.items() if name != "mysql_clone"} == {
        name: value for name, value in first.items() if name != "mysql_clone"
    }

    rotate = [
        "rotate_secrets",
        "-e",
        "webstack_rotate=mysql_verbs",
        "--start-at-task",
        "Write them, beside those that stay",
    ]
    said += stack.run(*rotate, "-vvv")
    rotated = stack.passwords()
    assert {name for name in NAMES if rotated[name] != added[name]} == {"mysql_verbs"}
    stack.run(*rotate)
    assert stack.passwords() == rotated, "a rotation that is under way is finished first"
    for value in {*added.values(), *rotated.values()}:
        assert value not in said, "no output holds a password"
