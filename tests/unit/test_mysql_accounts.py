"""Which statements make accounts those that are wanted: passwords that lock nobody out, privileges that are exact."""

from dataclasses import replace

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.accounts import (
    Account,
    AccountError,
    Existing,
    _sha256_crypt,
    entitlements,
    granted,
    plan,
    verifies,
)
from ansible_collections.foobar.webstack.plugins.modules.mysql_accounts import accounts
from hypothesis import given
from hypothesis import strategies as st

SALT = "abcdefghij0123456789"


def stored(password: str) -> str:
    """As MySQL stores it, but quick: with no rounds, which the format can express and the server never uses."""
    return f"$A$000${SALT}{_sha256_crypt(password.encode(), SALT.encode(), 0)}"


FIRST, SECOND, THIRD = 'first\'s "%s" secret', "second secret", "third secret"
HOST = "198.18.0.21"
KEY = "shop", HOST
DML = {"`shop`.*": frozenset({"SELECT", "INSERT"})}
WANTED = Account("shop", HOST, password=FIRST, privileges=DML)
THERE = Existing(authentication=stored(FIRST), privileges=DML)
ROTATED = Existing(authentication=stored(FIRST), old_authentication=stored(SECOND), privileges=DML)
ALTER = f"ALTER USER 'shop'@'{HOST}' "
SET = f"{ALTER}IDENTIFIED WITH caching_sha2_password BY '********'"


@pytest.mark.parametrize(
    ("password", "in_the_table"),
    [
        pytest.param(
            "Vector ☃ of 33 bytes and a bit more, long enough",
            "24412430304124321631411B4E593D665A54646D7F69566337061351557A5741446F433251384D36534E586B71354F7949672E4E71647A"
            "4E44634D64326E4243575759766631",
            id="longer than a digest",
        ),
        pytest.param(
            "short",
            "244124303041241F261F0B6236116F650363020274073E26257E6C596D425A366E674D3263596E67614C6F6266437A73515A4F387A5635"
            "544C5A4E736130494D664E6E645039",
            id="short",
        ),
    ],
)
def test_a_password_is_recognised_by_what_mysql_9_7_has_stored(password: str, in_the_table: str) -> None:
    """Salts hold control characters; the number of rounds is hexadecimal thousands."""
    hashed = bytes.fromhex(in_the_table).decode()
    assert verifies(password, hashed)
    assert not verifies(f"{password}x", hashed)


@pytest.mark.parametrize("hashed", ["", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "$A$005$THISISACOMBINATIONOF"])
def test_what_is_no_hash_of_the_plugin_is_no_password(hashed: str) -> None:
    assert not verifies("", hashed)


@given(st.text(max_size=70), st.text(max_size=70))
def test_only_the_password_itself_is_recognised(password: str, other: str) -> None:
    assert verifies(password, stored(password))
    assert verifies(other, stored(password)) == (other == password)


@pytest.mark.parametrize(
    ("wanted", "there", "discard", "statements"),
    [
        pytest.param(WANTED, THERE, False, [], id="as wanted"),
        pytest.param(WANTED, THERE, True, [], id="as wanted, nothing to discard"),
        pytest.param(
            WANTED,
            None,
            False,
            [
                f"CREATE USER 'shop'@'{HOST}' IDENTIFIED WITH caching_sha2_password BY '********' REQUIRE SSL"
                " WITH MAX_USER_CONNECTIONS 0",
                f"GRANT INSERT, SELECT ON `shop`.* TO 'shop'@'{HOST}'",
            ],
            id="new",
        ),
        pytest.param(
            WANTED,
            Existing(authentication=stored(SECOND), privileges=DML),
            False,
            [f"{SET} RETAIN CURRENT PASSWORD"],
            id="another password",
        ),
        pytest.param(WANTED, ROTATED, False, [], id="second run: the old password stays as it is"),
        pytest.param(WANTED, ROTATED, True, [f"{ALTER}DISCARD OLD PASSWORD"], id="end of the rotation"),
        pytest.param(
            WANTED,
            Existing(authentication=stored(SECOND), old_authentication=stored(FIRST), privileges=DML),
            False,
            [f"{SET} RETAIN CURRENT PASSWORD"],
            id="back to the old password",
        ),
        pytest.param(
            WANTED,
            Existing(authentication=stored(SECOND), old_authentication=stored(THIRD), privileges=DML),
            True,
            [f"{SET} RETAIN CURRENT PASSWORD"],
            id="the oldest of three given up",
        ),
        pytest.param(
            WANTED,
            Existing(plugin="auth_socket", authentication="shop", privileges=DML),
            False,
            [SET],
            id="no password",
        ),
        pytest.param(
            WANTED,
            Existing(authentication=stored(FIRST), tls="", max_connections=5, privileges=DML),
            False,
            [f"{ALTER}REQUIRE SSL", f"{ALTER}WITH MAX_USER_CONNECTIONS 0"],
            id="without TLS, limited",
        ),
        pytest.param(
            WANTED,
            Existing(
                authentication=stored(FIRST),
                privileges={"`shop`.*": frozenset({"SELECT", "DROP"}), "*.*": frozenset({"FILE"})},
                roles=("`dba`@`%`",),
            ),
            False,
            [
                f"GRANT INSERT ON `shop`.* TO 'shop'@'{HOST}'",
                f"REVOKE DROP ON `shop`.* FROM 'shop'@'{HOST}'",
                f"REVOKE FILE ON *.* FROM 'shop'@'{HOST}'",
                f"REVOKE `dba`@`%` FROM 'shop'@'{HOST}'",
            ],
            id="other privileges: what stays is never missing",
        ),
        pytest.param(
            Account("shop", HOST, password=FIRST, privileges={"*.*": frozenset({"ALL PRIVILEGES"})}),
            Existing(authentication=stored(FIRST), privileges={"*.*": frozenset({"SELECT", "BACKUP_ADMIN"})}),
            False,
            [],
            id="everything",
        ),
    ],
)
def test_statements(wanted: Account, there: Existing | None, discard: bool, statements: list[str]) -> None:
    existing = {KEY: there} if there else {}
    steps = plan([wanted], existing, discard=discard, every_privilege=frozenset({"SELECT", "BACKUP_ADMIN"}))
    assert [str(step) for step in steps] == statements


def test_a_third_password_is_refused_while_the_old_one_is_kept() -> None:
    """It would take the old one from an application that has not been given the current one yet."""
    with pytest.raises(AccountError, match=rf"shop@{HOST}: .* mysql_replication_discard_old_passwords=true"):
        plan([Account("shop", HOST, password=THIRD, privileges=DML)], {KEY: ROTATED})


def test_a_third_password_takes_the_place_of_the_old_one_where_that_is_allowed() -> None:
    """And an account whose password stays keeps both: the replicas have not been told yet."""
    steps = plan([Account("shop", HOST, password=THIRD, privileges=DML)], {KEY: ROTATED}, replace_old=True)
    assert [str(step) for step in steps] == [f"{SET} RETAIN CURRENT PASSWORD"]
    assert plan([WANTED], {KEY: ROTATED}, replace_old=True) == []


def test_the_socket_needs_no_tls() -> None:
    (create,) = plan([Account("probe", "localhost", system_user="prometheus")], {})
    assert str(create) == (
        "CREATE USER 'probe'@'localhost' IDENTIFIED WITH auth_socket AS 'prometheus' REQUIRE NONE"
        " WITH MAX_USER_CONNECTIONS 0"
    )
    there = Existing(plugin="auth_socket", authentication="prometheus", tls="")
    wanted = Account("probe", "localhost", system_user="prometheus")
    assert plan([wanted], {("probe", "localhost"): there}) == []


def test_accounts_that_nobody_should_have_are_dropped_last() -> None:
    steps = plan([WANTED], {KEY: THERE}, drop=[("", "%"), ("root", "%")])
    assert [str(step) for step in steps] == ["DROP USER ''@'%'", "DROP USER 'root'@'%'"]


def test_a_grant_on_a_pattern_is_written_as_it_is() -> None:
    """Statements are filled in with %, and an object may hold one."""
    (_create, grant) = plan([Account("shop", HOST, privileges=entitlements({"shop%.*": ["SELECT"]}))], {})
    assert str(grant) == f"GRANT SELECT ON `shop%`.* TO 'shop'@'{HOST}'"


def test_no_password_is_ever_shown() -> None:
    for there in ({}, {KEY: Existing(authentication=stored(SECOND))}):
        steps = plan([WANTED], there)
        assert FIRST not in repr([str(step) for step in steps])
    assert FIRST not in repr(WANTED)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ({"shop.*": ["select", "INSERT"]}, ["GRANT SELECT, INSERT ON `shop`.* TO `a`@`h`"]),
        ({"`shop`.*": ["ALL"]}, ["GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`h`"]),
        ({"*.*": ["USAGE"]}, ["GRANT USAGE ON *.* TO `a`@`h`"]),
        ({}, ["GRANT USAGE ON *.* TO `a`@`h`"]),
        (
            {"*.*": ["Replication client", "BACKUP_ADMIN", "PROCESS"], "performance_schema.*": ["SELECT"]},
            [
                "GRANT PROCESS, REPLICATION CLIENT ON *.* TO `a`@`h`",
                "GRANT BACKUP_ADMIN ON *.* TO `a`@`h`",
                "GRANT SELECT ON `performance_schema`.* TO `a`@`h`",
            ],
        ),
        (
            {"shop.orders": ["SELECT (id, `name`)", "INSERT", "GRANT"]},
            ["GRANT SELECT (`name`, `id`), INSERT ON `shop`.`orders` TO `a`@`h` WITH GRANT OPTION"],
        ),
        ({"procedure shop.tidy": ["EXECUTE"]}, ["GRANT EXECUTE ON PROCEDURE `shop`.`tidy` TO `a`@`h`"]),
        ({"`my shop`.*": ["DROP"]}, ["GRANT DROP ON `my shop`.* TO `a`@`h`"]),
        ({"my_shop.*": ["DROP"]}, [r"GRANT DROP ON `my\_shop`.* TO `a`@`h`"]),
        ({r"`my\_shop`.*": ["DROP"]}, [r"GRANT DROP ON `my\_shop`.* TO `a`@`h`"]),
        ({"my_shop.an_order": ["DROP"]}, ["GRANT DROP ON `my_shop`.`an_order` TO `a`@`h`"]),
        ({"shop%.*": ["DROP"]}, ["GRANT DROP ON `shop%`.* TO `a`@`h`"]),
    ],
)
def test_privileges_as_written_are_those_that_mysql_shows(written: dict[str, list[str]], shown: list[str]) -> None:
    """Or every run would revoke and grant again."""
    wanted = {place: names for place, names in entitlements(written).items() if names}
    assert (wanted, ()) == granted(shown)


def test_a_grant_for_any_letter_gives_way_to_one_for_the_name() -> None:
    """As earlier versions made it: my_shop was myXshop, too. The account never lacks the privilege."""
    account = replace(WANTED, privileges=entitlements({"my_shop.*": ["SELECT"]}))
    there = replace(THERE, privileges=granted(["GRANT SELECT ON `my_shop`.* TO `a`@`h`"])[0])
    steps = [str(step) for step in plan([account], {(account.name, account.host): there})]
    assert [step.partition(" '")[0] for step in steps] == [
        r"GRANT SELECT ON `my\_shop`.* TO",
        "REVOKE SELECT ON `my_shop`.* FROM",
    ]


@pytest.mark.parametrize(
    ("user", "error"),
    [
        ({"name": "a" * 33}, "the name has 33 characters, and MySQL takes at most 32"),
        ({"hosts": ["h" * 256]}, "a host has 256 characters, and MySQL takes at most 255"),
        ({"password": "p" * 257}, "the password has 257 bytes, and MySQL takes at most 256"),
    ],
)
def test_what_is_too_long_is_refused_before_a_statement(user: dict[str, object], error: str) -> None:
    whole = {"name": "a", "hosts": ["h"], "password": "p", "system_user": None, "privileges": {}, "require_tls": True}
    accounts([{**whole, "max_user_connections": 0}])
    with pytest.raises(AccountError, match=error):
        accounts([{**whole, "max_user_connections": 0, **user}])


def test_granted_roles_are_seen() -> None:
    assert granted(["GRANT `dba`@`%`,`read`@`%` TO `a`@`h`"]) == ({}, ("`dba`@`%`", "`read`@`%`"))


@pytest.mark.parametrize(
    "written", [{"shop": ["SELECT"]}, {"shop.*; DROP": ["x", "SELECT; DROP USER root"]}, {"a.b.c": ["SELECT"]}]
)
def test_what_is_neither_object_nor_privilege_is_refused(written: dict[str, list[str]]) -> None:
    with pytest.raises(AccountError, match="is not a valid privilege"):
        entitlements(written)


def test_an_account_whose_views_and_triggers_are_in_use_is_locked_and_not_dropped() -> None:
    """Red when it is dropped: writes to a table with its trigger then fail with error 1449."""
    gone, definer = ("guestbook_migrate", "198.18.0.22"), ("guestbook_migrate", "198.18.0.21")
    existing = {gone: Existing(), definer: Existing()}
    steps = plan([], existing, drop=[gone, definer], definers={definer})
    assert [str(step) for step in steps] == [
        "DROP USER 'guestbook_migrate'@'198.18.0.22'",
        "ALTER USER 'guestbook_migrate'@'198.18.0.21' ACCOUNT LOCK",
    ]
    assert plan([], {definer: Existing(locked=True)}, drop=[definer], definers={definer}) == []


def test_a_host_that_comes_back_finds_its_account_open() -> None:
    there = replace(THERE, locked=True)
    steps = plan([WANTED], {(WANTED.name, WANTED.host): there})
    assert [str(step) for step in steps] == [f"ALTER USER '{WANTED.name}'@'{WANTED.host}' ACCOUNT UNLOCK"]


def test_and_with_the_password_of_today() -> None:
    """Red when the account keeps its old ones: after two rotations a third password would be refused."""
    there = Existing(authentication=stored(SECOND), old_authentication=stored(THIRD), privileges=DML, locked=True)
    steps = [str(step) for step in plan([WANTED], {(WANTED.name, WANTED.host): there})]
    assert len(steps) == 2
    assert "RETAIN" not in steps[0]
    assert steps[1].endswith("ACCOUNT UNLOCK")
