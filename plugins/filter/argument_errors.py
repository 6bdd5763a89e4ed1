"""The filter foobar.webstack.argument_errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

DOCUMENTATION = """
name: argument_errors
author: The foobar.webstack maintainers
short_description: What is wrong with variables, by an argument specification
version_added: 1.0.0
description:
  - Compares variables with an argument specification as a role has one in C(meta/argument_specs.yml).
  - In contrast to the action M(ansible.builtin.validate_argument_spec) it gives the sentences alone, so that a play
    can say them together with the host's name and without the specification behind them.
positional: specification
options:
  _input:
    description: Variables by name. One that the specification does not know is an error.
    type: dict
    required: true
  specification:
    description: Options by name, as under C(argument_specs.main.options).
    type: dict
    required: true
"""

EXAMPLES = """
# {'haproxy_maxconn': 'many'} | foobar.webstack.argument_errors({'haproxy_maxconn': {'type': 'int'}})
# => ["argument 'haproxy_maxconn' is of type str and we were unable to convert to int: ..."]
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


def argument_errors(variables: Mapping[str, Any], specification: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with `variables`. Raises AnsibleFilterError when either is not a dict."""
    for name, value in (("the input", variables), ("specification", specification)):
        if not isinstance(value, Mapping):
            raise AnsibleFilterError(f"argument_errors: {name} is {type(value).__name__}; give a dict")
    validator = ArgumentSpecValidator(_rendered(specification))
    return list(validator.validate(_rendered(variables), validate_role_argument_spec=True).error_messages)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"argument_errors": argument_errors}
