#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_accounts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_accounts
version_added: 1.0.0
short_description: Makes a MySQL server's accounts those that are listed, and rotates their passwords
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Compares each account's password, TLS requirement, limit and privileges with what is wanted, and executes what makes
    up the difference and nothing else. Static and dynamic privileges, those of columns, and granted roles are exact.
  - Another password is set without locking anybody out. The account keeps the current one beside it (MySQL's dual
    passwords) until O(discard_old_passwords), so that whoever has not been given the new one yet still gets in. A
    second run with the same password changes nothing.
  - An account has room for two passwords. While it keeps an old one, a third is refused; the old one again is not.
  - Passwords are compared with the hash that the server stores. No login is tried for it.
attributes:
  check_mode:
    description: Reports what it would execute and changes nothing.
    support: full
  diff_mode:
    description: Shows the statements. Passwords are hidden.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  users:
    description: The accounts, one for each host of each user.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      hosts:
        description:
          - Addresses that the user may come from, V(localhost) for the socket. IPv6 addresses in any spelling.
        type: list
        elements: str
        required: true
      password:
        description: Password, kept with C(caching_sha2_password).
        type: str
      system_user:
        description:
          - User of the operating system that comes in through the socket without a password (C(auth_socket)). Takes the
            place of O(users[].password), with V(localhost) as the only host.
        type: str
      privileges:
        description: Lists of privileges by what they are for.
        type: dict
        default: {}
      require_tls:
        description: Whether the user may connect with TLS only. Through the socket it always may.
        type: bool
        default: true
      max_user_connections:
        description: Connections that each account may have at a time, V(0) for no limit but the server's.
        type: int
        default: 0
  purge:
    description:
      - Whether accounts that nobody should have are dropped - those of the users listed for hosts that are not, those
        without a name, and those of root that are not local.
      - One that has made a view, trigger, routine or event is locked instead, because these are executed with its
        privileges.
    type: bool
    default: false
  discard_old_passwords:
    description:
      - Whether old passwords that accounts keep are discarded. An account whose password is to change keeps only the
        one that it had until now.
    type: bool
    default: false
  replace_old_passwords:
    description:
      - Whether a password that changes may take the place of an old one that an account keeps, without discarding
        those of accounts whose password stays. Implied by O(discard_old_passwords).
    type: bool
    default: false
seealso:
  - module: foobar.webstack.mysql_replica
"""

EXAMPLES = r"""
- name: Let the application in
  foobar.webstack.mysql_accounts:
    users:
      - name: shop
        hosts: [198.18.0.21, 198.18.0.22]
        password: "{{ shop_password }}"
        privileges:
          shop.*: [SELECT, INSERT, UPDATE, DELETE]

- name: Forget the password that it had before, now that no process uses it any more
  foobar.webstack.mysql_accounts:
    users:
      - name: shop
        hosts: [198.18.0.21, 198.18.0.22]
        password: "{{ shop_password }}"
        privileges:
          shop.*: [SELECT, INSERT, UPDATE, DELETE]
    discard_old_passwords: true
"""

RETURN = r"""
statements:
  description: Statements executed, or that would be in check mode. Passwords are hidden.
  returned: success
  type: list
  elements: str
  sample: ["DROP USER ''@'%'"]
old_passwords:
  description: Accounts listed that keep an old password now, or would in check mode.
  returned: success
  type: list
  elements: str
  sample: ["shop@198.18.0.21"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.accounts import (
    LOCAL,
    Account,
    AccountError,
    Existing,
    Key,
    compared_host,
    entitlements,
    granted,
    plan,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.limits import account_errors
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    Server,
    ServerError,
    unsupported,
)

TIMEOUT = 60
"""Seconds for a statement. One that waits for a replica's acknowledgement takes the semi-synchronous timeout."""

NOT_PRIVILEGES = frozenset({"GRANT OPTION", "PROXY", "USAGE"})
"""What SHOW PRIVILEGES names and ALL does not hold."""


def accounts(users: list[dict[str, Any]]) -> list[Account]:
    """One for each host of each user."""
    names = [user["name"] for user in users]
    if twice := {name for name in names if names.count(name) > 1}:
        raise AccountError(f"users lists {', '.join(sorted(twice))} more than once")
    found = []
    for user in users:
        name, socket_only = user["name"], bool(user["system_user"])
        if socket_only == bool(user["password"]) and user["hosts"]:
            raise AccountError(f"user {name}: give it either a password or a system_user")
        if socket_only and set(user["hosts"]) - {LOCAL}:
            raise AccountError(f"user {name}: a system_user comes in through the socket, so its hosts are [{LOCAL}]")
        for host in user["hosts"] or [""]:
            for error in account_errors(name, host, user["password"] or ""):
                raise AccountError(f"user {name}: {error}")
        found += [
            Account(
                name=name,
                host=host,
                password=user["password"] or "",
                system_user=user["system_user"] or "",
                privileges=entitlements(user["privileges"]),
                require_tls=user["require_tls"],
                max_connections=user["max_user_connections"],
            )
            for host in dict.fromkeys(map(compared_host, user["hosts"]))
        ]
    return found


def observe(server: Server, names: list[str]) -> dict[Key, Existing]:
    """The accounts of these users as they are."""
    if not names:
        return {}
    rows = server.rows(
        "SELECT user, host, plugin, HEX(authentication_string) AS current, ssl_type, max_user_connections,"  # noqa: S608
        " account_locked,"
        " HEX(JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password'))) AS old FROM mysql.user"
        f" WHERE user IN ({', '.join(['%s'] * len(names))}) ORDER BY user, host",
        names,
    )
    found = {}
    for row in rows:
        key = row["user"], row["host"]
        grants = server.rows("SHOW GRANTS FOR %s@%s", key)
        privileges, roles = granted(str(value) for grant in grants for value in grant.values())
        found[key] = Existing(
            plugin=row["plugin"],
            authentication=unhex(row["current"]),
            old_authentication=unhex(row["old"]),
            tls=row["ssl_type"],
            max_connections=int(row["max_user_connections"]),
            privileges=privileges,
            roles=roles,
            locked=row["account_locked"] == "Y",
        )
    return found


def unhex(text: str | None) -> str:
    """Hashes hold any character, and come as hexadecimal digits."""
    return bytes.fromhex(text or "").decode("utf-8", "surrogateescape")


def unwanted(server: Server) -> list[Key]:
    """Accounts without a name, and root's that are not local."""
    rows = server.rows(
        "SELECT user, host FROM mysql.user WHERE user = '' OR (user = 'root' AND host NOT IN ('localhost', '127.0.0.1',"
        " '::1')) ORDER BY user, host"
    )
    return [(row["user"], row["host"]) for row in rows]


def definers(server: Server) -> set[Key]:
    """Accounts with whose privileges views, triggers, routines and events are executed."""
    places = ("VIEWS", "TRIGGERS", "ROUTINES", "EVENTS")
    rows = server.rows(
        " UNION ".join(f"SELECT DEFINER AS definer FROM information_schema.{place}" for place in places)  # noqa: S608
    )
    found = (str(row["definer"]).rpartition("@") for row in rows)
    return {(name, host) for name, _at, host in found}


def every_privilege(server: Server) -> frozenset[str]:
    """What ALL stands for in the place of everything."""
    return frozenset(row["Privilege"].upper() for row in server.rows("SHOW PRIVILEGES")) - NOT_PRIVILEGES


def run(module: AnsibleModule) -> None:
    """Compare, change, report."""
    params = module.params
    wanted = accounts(params["users"])
    server = Server.local(params["login_unix_socket"], params["login_user"], TIMEOUT)
    variables = server.variables()
    if reason := unsupported(variables["version"], variables["version_comment"]):
        module.fail_json(msg=f"{reason}.")
    # SHOW GRANTS quotes as the mode says, and so do literals.
    server.rows("SET SESSION sql_mode = ''")
    existing = observe(server, [user["name"] for user in params["users"]])
    listed = {(account.name, account.host) for account in wanted}
    drop = [key for key in existing if key not in listed] + unwanted(server) if params["purge"] else []
    steps = plan(
        wanted,
        existing,
        drop=dict.fromkeys(drop),
        definers=definers(server) if drop else (),
        discard=params["discard_old_passwords"],
        replace_old=params["replace_old_passwords"],
        every_privilege=every_privilege(server),
    )
    statements = [str(step) for step in steps]
    if not module.check_mode:
        for step in steps:
            try:
                server.rows(step.sql, step.values)
            except ServerError as error:
                raise ServerError(0, f"{step}: {error}") from error
        existing = observe(server, [user["name"] for user in params["users"]]) if steps else existing
    module.exit_json(
        changed=bool(steps),
        statements=statements,
        old_passwords=[f"{name}@{host}" for (name, host), there in existing.items() if there.old_authentication],
        diff={"before": "", "after": "".join(f"{statement}\n" for statement in statements)},
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "hosts": {"type": "list", "elements": "str", "required": True},
                    "password": {"type": "str", "no_log": True},
                    "system_user": {"type": "str"},
                    "privileges": {"type": "dict", "default": {}},
                    "require_tls": {"type": "bool", "default": True},
                    "max_user_connections": {"type": "int", "default": 0},
                },
            },
            "purge": {"type": "bool", "default": False},
            "discard_old_passwords": {"type": "bool", "default": False, "no_log": False},
            "replace_old_passwords": {"type": "bool", "default": False, "no_log": False},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except AccountError as error:
        module.fail_json(msg=f"{str(error)[0].upper()}{str(error)[1:]}.")
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")


if __name__ == "__main__":
    main()
