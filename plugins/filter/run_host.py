"""Filter foobar.webstack.run_host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_host
version_added: 1.0.0
short_description: On which application host a command runs that somebody runs once
author: The foobar.webstack maintainers
description:
  - Chooses the first host on which a release serves, or takes the one that is asked for, and reads the command as a
    shell would, without running one.
  - Of C(-e command='manage.py check --deploy'), Ansible itself makes a command of one word. The whole one is taken from
    the command line.
positional: hosts, command, asked
options:
  _input:
    description: Of each host that the run is for, the release that serves there; empty for none.
    type: dict
    required: true
  hosts:
    description: Names of all application hosts, in the order of preference.
    type: list
    elements: str
    required: true
  command:
    description: The command.
    type: str
    required: true
  asked:
    description: Host that it has to run on.
    type: str
    default: ""
"""

EXAMPLES = r"""
choice: "{{ {'web1': '', 'web2': '3f2a9c41b07d'} | foobar.webstack.run_host(['web1', 'web2'], 'manage.py check') }}"
# => host: web2
"""

RETURN = r"""
_value:
  description: What is to be done.
  type: dict
  contains:
    host:
      description: Host that runs it. Empty when nothing may be done.
      type: str
    release:
      description: Release that serves there.
      type: str
    words:
      description: The command's words.
      type: list
      elements: str
    refusals:
      description: Why nothing may be done, each a C(code) with C(data) for P(foobar.webstack.reasons#filter).
      type: list
      elements: dict
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible import context
from ansible.parsing.splitter import parse_kv
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.one_off import choose

_TYPED = re.compile(r"(?:^|\s)command=(.*)", re.DOTALL)
_UNCLEAR = re.compile(r"\{\{|(?:^|\s)webstack_\w+=")
"""A template, or a variable of the stack, among the words of a command."""


def as_typed(command: str, extra_vars: Sequence[str]) -> str:
    """The whole command where Ansible's variable has its first word. `extra_vars`: the values of all options -e.

    Ansible splits `command=manage.py check` at the space. Nothing where that cannot be told from other variables in the
    same option: the command has to be quoted then.
    """
    options = [(found[1], option) for option in extra_vars if (found := _TYPED.search(option))]
    if not options:
        return command
    typed, option = options[-1]
    read = parse_kv(option)
    # A command that is whole, or one that a later option has replaced.
    if not any(name == "_raw_params" or not name.startswith("webstack_") for name in read if name != "command"):
        return command
    if _UNCLEAR.search(typed):
        return ""
    return typed if read.get("command") == command else command


def run_host(serving: Mapping[str, str], hosts: Sequence[str], command: str, asked: str = "") -> dict[str, Any]:
    """The choice as data."""
    typed = as_typed(str(command), context.CLIARGS.get("extra_vars") or ())
    return choose(serving, hosts, typed, asked).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"run_host": run_host}
