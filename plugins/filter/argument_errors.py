"""The filter foobar.webstack.argument_errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation import arguments

DOCUMENTATION = """
name: argument_errors
author: The foobar.webstack maintainers
short_description: What is wrong with variables, by an argument specification
version_added: 1.0.0
description:
  - Compares variables with an argument specification as a role has one in C(meta/argument_specs.yml).
  - In contrast to the action M(ansible.builtin.validate_argument_spec) it gives the sentences alone, so that a play
    can say them together with the host's name and without the specification behind them.
  - It is stricter, too. That action converts a copy, and a role gets what was there before - a string that passes as a
    list is read letter by letter, and the string C(no) is true. Here a value is of its type, or it is an error.
  - A number may stand for a string. C(null) is an error where it would take the place of a default.
positional: specification, text
options:
  _input:
    description: Variables by name. One that the specification does not know is an error.
    type: dict
    required: true
  specification:
    description: Options by name, as under C(argument_specs.main.options).
    type: dict
    required: true
  text:
    description: >-
      Variables that may be strings where they are whole numbers or booleans, because whoever reads them converts them.
      With C(-e name=value) and in an INI inventory's sections of variables everything is a string.
    type: list
    elements: str
"""

EXAMPLES = """
# {'haproxy_maxconn': 'many'} | foobar.webstack.argument_errors({'haproxy_maxconn': {'type': 'int'}})
# => ['haproxy_maxconn is "many"; write a whole number, without quotes']
"""

RETURN = """
_value:
  description: A sentence for each error, none when all is well.
  type: list
  elements: str
"""


def _rendered(value: Any) -> Any:
    """The value with every template in it rendered: Ansible renders on reading, and the validator copies unread."""
    if isinstance(value, Mapping):
        return {key: _rendered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rendered(inner) for inner in value]
    return value


def argument_errors(
    variables: Mapping[str, Any], specification: Mapping[str, Any], text: Sequence[str] | None = None
) -> list[str]:
    """Say what is wrong with `variables`. Raises AnsibleFilterError when either is not a dict."""
    for name, value in (("the input", variables), ("specification", specification)):
        if not isinstance(value, Mapping):
            raise AnsibleFilterError(f"argument_errors: {name} is {type(value).__name__}; give a dict")
    given, options = _rendered(variables), _rendered(specification)
    found = arguments.errors(given, options, text=frozenset(text or ()))
    if found:
        return found
    # What else a specification may say, such as mutually_exclusive.
    return list(ArgumentSpecValidator(options).validate(given, validate_role_argument_spec=True).error_messages)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"argument_errors": argument_errors}
