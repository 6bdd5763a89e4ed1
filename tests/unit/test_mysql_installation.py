"""What a host has of MySQL before the stack comes: what is refused, and what is taken over."""

import subprocess
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.initial import file_of
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.installation import (
    Found,
    candidate,
    look,
    reasons,
)
from reading import read

DIRECTORY = "/var/lib/mysql"
POLICY = "{}:\n  Installed: (none)\n  Candidate: {}\n  Version table:\n"
DENIED = "ERROR 1045 (28000): Access denied for user 'root'@'localhost' (using password: NO)"
OURS = ("mysql-server", "9.7.4-2")


def said(found: Found, **options: bool) -> list[str]:
    return [read(each) for each in reasons(found, DIRECTORY, **options)]


@pytest.mark.parametrize(
    "found",
    [
        Found(candidate="9.7.4-2"),
        Found(candidate="8.4.6-1debian13"),
        Found(candidate="1:8.4.6-1"),
        # No package lists yet, as on a fresh machine.
        Found(),
        # A MySQL with data is taken over, whatever apt offers.
        Found(packages=(OURS,), candidate="", version="9.7.4"),
        # One that is stopped says nothing.
        Found(packages=(OURS,), candidate="9.7.4-2"),
    ],
)
def test_what_the_stack_can_use_is_not_refused(found: Found) -> None:
    assert said(found) == []


@pytest.mark.parametrize(
    ("found", "beginning"),
    [
        (
            Found(
                packages=(("mariadb-server", "1:11.8.3-0+deb13u1"),), version="11.8.3-MariaDB", files="aria_log_control"
            ),
            "MariaDB is installed here (mariadb-server 1:11.8.3-0+deb13u1), which installing MySQL would remove",
        ),
        (
            Found(packages=(("percona-server-server", "8.4.5-5"),), version="8.4.5-5"),
            "Percona Server is installed here (percona-server-server 8.4.5-5)",
        ),
        (Found(version="11.4.2-MariaDB"), "the server that runs here is 11.4.2-MariaDB"),
        (
            Found(files="aria_log_control", candidate="9.7.4-2"),
            "/var/lib/mysql was MariaDB's (it has aria_log_control)",
        ),
        (
            Found(packages=(("mysql-server-8.0", "8.0.43"),), version="8.0.43"),
            "the server that runs here is MySQL 8.0.43;",
        ),
        (
            Found(packages=(OURS,), refusal=DENIED),
            "the MySQL that runs here does not let the operating system's root in",
        ),
        (
            Found(candidate=""),
            "no apt source offers mysql-server, as on Debian. Add Oracle's with webstack_mysql_apt: {c",
        ),
        (Found(candidate="8.0.43-0ubuntu0.24.04.1"), "the apt sources offer mysql-server 8.0.43-0ubuntu0.24.04.1, and"),
    ],
)
def test_what_it_cannot_use_is_refused_in_one_sentence(found: Found, beginning: str) -> None:
    """Red for an installation that removes a MariaDB with its data's server, or fails in the middle."""
    (sentence,) = said(found)
    assert sentence.startswith(beginning)


def test_the_refusal_of_root_says_what_to_execute() -> None:
    (sentence,) = said(Found(packages=(OURS,), refusal=DENIED))
    assert DENIED in sentence
    assert sentence.endswith('and "ALTER USER root@localhost IDENTIFIED WITH auth_socket"')


def test_what_apt_offers_does_not_count_where_a_source_comes() -> None:
    assert said(Found(candidate=""), offers=False) == []
    assert len(said(Found(files="aria_log_control", candidate=""), offers=False)) == 1


RUNNING = {
    "lower_case_table_names": "0",
    "innodb_page_size": "16384",
    "innodb_data_file_path": "ibdata1:12M",
}
OTHER_CASE = "lower_case_table_names is 0 on this server, and only the initialisation of a data directory can set it."
OTHER_PLACE = "mysql_replication_variables has datadir /data, and the package makes /var/lib/mysql"


@pytest.mark.parametrize(
    ("variables", "refusals"),
    [
        ({}, []),
        ({"lower_case_table_names": 0, "innodb-page-size": "16K", "max_connections": 5}, []),
        ({"innodb_data_file_path": "ibdata1:12M", "datadir": "/var/lib/mysql/"}, []),
        ({"lower-case-table-names": 1}, [OTHER_CASE]),
        ({"lower_case_table_names": "1", "innodb_page_size": "8k"}, [OTHER_CASE, "innodb_page_size is 16384 on"]),
        ({"datadir": "/data"}, [OTHER_PLACE]),
    ],
)
def test_what_only_an_initialisation_can_set(variables: dict[str, object], refusals: list[str]) -> None:
    """Red when the server is restarted with a value with which it cannot read its data."""
    found = Found(packages=(OURS,), version="9.7.4", running=RUNNING, initialised=True)
    sentences = said(found, variables=variables)
    assert len(sentences) == len(refusals)
    assert all(sentence.startswith(start) for sentence, start in zip(sentences, refusals, strict=True)), sentences


def test_a_host_without_data_is_initialised_with_it() -> None:
    """The package does that, with what its configuration says by then."""
    variables = {"lower-case-table-names": 1, "max_connections": 5, "innodb_page_size": "8K"}
    assert said(Found(candidate="9.7.4-2"), variables=variables) == []
    assert file_of(variables).splitlines()[1:] == ["[mysqld]", "innodb_page_size = 8K", "lower_case_table_names = 1"]
    assert file_of({"max_connections": 5}) == ""


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (POLICY.format("mysql-server", "9.7.4-2") + POLICY.format("mysql-common", "5.8+1.1.1"), "9.7.4-2"),
        (POLICY.format("mysql-server", "(none)") + POLICY.format("mysql-common", "5.8+1.1.1"), ""),
        (POLICY.format("mysql-common", "5.8+1.1.1"), ""),
        # Nothing is known of a host without package lists.
        (POLICY.format("mysql-server", "(none)") + POLICY.format("mysql-common", "(none)"), None),
        ("", None),
    ],
)
def test_what_is_offered(policy: str, expected: str | None) -> None:
    assert candidate(policy) == expected


@pytest.fixture
def host(tmp_path: Path):
    """A host that answers like this, and what was asked."""

    def ask(packages: str, status: int, output: str, error: str) -> Found:
        def run(*argv: str) -> subprocess.CompletedProcess[str]:
            if argv[0] == "dpkg-query":
                return subprocess.CompletedProcess(argv, 1, packages, "")
            if argv[0] == "mysql":
                assert "--no-defaults" in argv, "a ~/.my.cnf with a password would hide that there is one"
                return subprocess.CompletedProcess(argv, status, output, error)
            return subprocess.CompletedProcess(argv, 0, "", "")

        return look(run, "/run/mysqld/mysqld.sock", tmp_path)

    return ask


def test_a_host_without_anything(host, tmp_path: Path) -> None:
    assert host("", 127, "", "mysql is not installed") == Found()
    (tmp_path / "aria_log_control").touch()
    assert host("mariadb-server 1:11.8 config-files\n", 127, "", "").files == "aria_log_control"
    assert host("mariadb-server 1:11.8 config-files\n", 127, "", "").packages == ()


def test_a_server_that_answers(host, tmp_path: Path) -> None:
    found = host("mysql-server 9.7.4-2 installed\n", 0, "9.7.4\n", "")
    assert found == Found(packages=(OURS,), version="9.7.4")
    found = host("mysql-server 9.7.4-2 installed\n", 0, "9.7.4\ninnodb_data_home_dir\t\ninnodb_page_size\t16384\n", "")
    assert found.running == {"innodb_data_home_dir": "", "innodb_page_size": "16384"}
    (tmp_path / "auto.cnf").touch()
    assert host("", 127, "", "").initialised
    found = host("mysql-server 9.7.4-2 installed\n", 1, "", f"WARNING: something\n{DENIED}\n")
    assert (found.packages, found.refusal, found.running) == ((OURS,), DENIED, {})


def test_a_server_that_is_stopped_refuses_nobody(host) -> None:
    error = "ERROR 2002 (HY000): Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (2)\n"
    assert host("mysql-server 9.7.4-2 installed\n", 1, "", error).refusal == ""
