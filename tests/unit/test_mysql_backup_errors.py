"""Mistakes in the variables of the role mysql_backup: each is reported once, with the variable and what to write."""

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.mysql_backup_errors import mysql_backup_errors

ROLE = Path(__file__).resolve().parents[2] / "roles/mysql_backup"
GOOD = {
    "password": "secret",
    "repository": "/var/backups/mysql",
    "store": {},
    "directory": "/var/lib/mysql-backup",
    "scratch": "/var/lib/mysql-backup/scratch",
    "archive_seconds": 60,
    "keep": {"last": 2, "daily": 0},
}


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"repository": "s3:https://host/bucket"},
        {"repository": "", "store": {"host": "lb1", "address": "198.18.0.11"}},
        {"archive_seconds": 10},
        {"keep": {"last": "1"}},
        {"scratch": "/" + "x" * 79},
    ],
)
def test_good_variables_have_no_errors(good) -> None:
    assert mysql_backup_errors(GOOD | good) == []


def test_the_role_s_defaults_are_good() -> None:
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    found = {name.removeprefix("mysql_backup_"): value for name, value in defaults.items()}
    taken = {name: found[name] for name in GOOD if name not in ("password", "scratch")}
    assert mysql_backup_errors(GOOD | taken) == []


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"password": ""}, "mysql_backup_password is empty"),
        ({"repository": "backups"}, 'mysql_backup_repository: "backups" is not a valid repository'),
        ({"store": {"host": "lb1"}}, "mysql_backup_store has no address;"),
        ({"store": {"port": 22}}, "mysql_backup_store has no host and no address;"),
        ({"directory": "backup"}, 'mysql_backup_directory: "backup" is not a valid folder'),
        ({"directory": "/with space"}, 'mysql_backup_directory: "/with space" is not a valid folder'),
        ({"scratch": "/a\n"}, "mysql_backup_scratch:"),
        ({"scratch": "/" + "x" * 80}, "mysql_backup_scratch has 81 characters; use a path of at most 80"),
        ({"archive_seconds": 9}, "mysql_backup_archive_seconds is 9; use 10 or more."),
        ({"keep": {"last": 0}}, "mysql_backup_keep keeps no backup"),
        ({"keep": {}}, "mysql_backup_keep keeps no backup"),
    ],
)
def test_a_mistake_is_one_sentence(bad, error) -> None:
    (found,) = mysql_backup_errors(GOOD | bad)
    assert error in found
    assert found.endswith(".")


def test_other_data_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="mysql_backup_errors:"):
        mysql_backup_errors({"password": "secret"})
