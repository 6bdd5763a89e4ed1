#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.apt_source."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_source
version_added: 1.0.0
short_description: Add an apt repository whose key is known by its fingerprint
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Writes C(/etc/apt/sources.list.d/NAME.sources) (deb822) and the key that it is signed with,
    C(/etc/apt/keyrings/NAME.asc). apt trusts that key for this repository and for no other.
  - The key is downloaded once, and taken only if it is the one of O(fingerprint). Nothing is written otherwise.
  - Needs neither GnuPG nor python3-debian. Package lists are not updated; M(foobar.webstack.packages) does so where a
    source is newer than they are.
attributes:
  check_mode:
    description: Says what would be written. A key that is not there yet is not downloaded.
    support: full
  diff_mode:
    description: Shows the source.
    support: full
options:
  name:
    description: Name of the two files.
    type: str
    required: true
  uri:
    description: Where the repository is.
    type: str
    required: true
  suite:
    description: Suite, such as V(trixie).
    type: str
    required: true
  components:
    description: Components.
    type: list
    elements: str
    required: true
  fingerprint:
    description: Fingerprint of the key, 40 hexadecimal digits; spaces do not matter.
    type: str
    required: true
  key:
    description: The key in ASCII armor. One of O(key) and O(key_url) is needed.
    type: str
  key_url:
    description: Where the key is downloaded from.
    type: str
seealso:
  - module: ansible.builtin.deb822_repository
  - module: foobar.webstack.packages
"""

EXAMPLES = r"""
- name: Add Oracle's repository of MySQL
  foobar.webstack.apt_source:
    name: mysql
    uri: https://repo.mysql.com/apt/debian
    suite: trixie
    components: [mysql-8.4-lts]
    key_url: https://repo.mysql.com/RPM-GPG-KEY-mysql-2025
    fingerprint: BCA4 3417 C3B4 85DD 128E C6D4 B7B3 B788 A8D3 785C
"""

RETURN = r"""
source:
  description: Path of the source.
  returned: always
  type: str
keyring:
  description: Path of the key.
  returned: always
  type: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.foobar.webstack.plugins.module_utils._packages.openpgp import KeyringError, fingerprints

KEYRINGS = "/etc/apt/keyrings"
SOURCES = "/etc/apt/sources.list.d"


def bare(fingerprint: str) -> str:
    """A fingerprint as it is compared."""
    return "".join(fingerprint.split()).upper()


def refusal(keyring: bytes, fingerprint: str, origin: str) -> str:
    """Why the keyring is not the wanted key and nothing else; empty where it is."""
    try:
        found = fingerprints(keyring)
    except KeyringError as error:
        return f"{origin} {error}"
    if found != [bare(fingerprint)]:
        return f"{origin} holds the key {', '.join(found)} and not {bare(fingerprint)} alone; nothing was changed"
    return ""


def source_text(params: dict[str, Any], keyring: str) -> str:
    """The file in sources.list.d."""
    origin = params["key_url"] or "given"
    return (
        f"# Written by Ansible (foobar.webstack.apt_source). The key is {bare(params['fingerprint'])}, {origin}.\n"
        "Types: deb\n"
        f"URIs: {params['uri']}\n"
        f"Suites: {params['suite']}\n"
        f"Components: {' '.join(params['components'])}\n"
        f"Signed-By: {keyring}\n"
    )


def read(path: str) -> bytes:
    """What a file has; nothing where there is none."""
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


def download(url: str) -> bytes:
    """The key, over a connection whose certificate was verified."""
    try:
        with open_url(url, timeout=30) as answer:
            return bytes(answer.read())
    except OSError as error:
        raise KeyringError(
            f"{url} cannot be downloaded ({error}); let the host reach it, give the key, or another key_url"
        ) from error


def write(module: AnsibleModule, path: str, content: bytes) -> None:
    """Place a file that everybody may read: apt reads it as a user of its own."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    staged = os.path.join(module.tmpdir, os.path.basename(path))
    with open(staged, "wb") as file:
        file.write(content)
    os.chmod(staged, 0o644)
    module.atomic_move(staged, path)


def wanted_key(params: dict[str, Any], present: bytes, unchanged: bool) -> bytes:
    """The key that is to be on the host. KeyringError where it is not the wanted one."""
    given: bytes
    if params["key"]:
        given = (params["key"].strip() + "\n").encode()
        origin = "the given key"
    elif unchanged and not refusal(present, params["fingerprint"], ""):
        return present
    else:
        given, origin = download(params["key_url"]), params["key_url"]
    reason = refusal(given, params["fingerprint"], origin)
    if reason:
        raise KeyringError(reason)
    return given


def converge(module: AnsibleModule, keyring: str, source: str) -> dict[str, Any]:
    """Write what differs."""
    params = module.params
    present, before = read(keyring), read(source).decode()
    after = source_text(params, keyring)
    # In check mode a host need not reach the key; that it would be written is known.
    if module.check_mode and not present and not params["key"]:
        key = b"-"
    else:
        # With another URL it is downloaded anew: a key that was renewed has the same fingerprint.
        key = wanted_key(params, present, unchanged=before == after)
    changed = (present, before) != (key, after)
    if changed and not module.check_mode:
        # The source last: a run that is interrupted leaves none without its key.
        if present != key:
            write(module, keyring, key)
        write(module, source, after.encode())
    diff = {"before": before, "after": after, "before_header": source, "after_header": source}
    return {"changed": changed, "source": source, "keyring": keyring, "diff": diff}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "uri": {"type": "str", "required": True},
            "suite": {"type": "str", "required": True},
            "components": {"type": "list", "elements": "str", "required": True},
            "fingerprint": {"type": "str", "required": True},
            "key": {"type": "str", "no_log": False},
            "key_url": {"type": "str", "no_log": False},
        },
        required_one_of=[["key", "key_url"]],
        supports_check_mode=True,
    )
    name = module.params["name"]
    try:
        module.exit_json(**converge(module, f"{KEYRINGS}/{name}.asc", f"{SOURCES}/{name}.sources"))
    except KeyringError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
