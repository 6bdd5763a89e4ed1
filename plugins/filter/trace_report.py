"""Filter foobar.webstack.trace_report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: trace_report
version_added: 1.0.0
short_description: Says how one request went through all tiers
author: The foobar.webstack maintainers
description:
  - Makes of what the tiers have logged of a request a table, with the times of each, or a JSON document.
  - An id of which nothing is known is said, with what helps. A host that could not be asked is told of.
positional: id, variables, since, format
options:
  _input:
    description: >-
      By host, what M(ansible.builtin.command) has registered of journalctl, each line of which is one message. Empty,
      only the question is looked at.
    type: dict
    required: true
  id:
    description: The request's id (C(X-Request-ID)), or that of its trace.
    type: str
    required: true
  variables:
    description: Ansible's own variables of a host, C(hostvars[inventory_hostname]), for the commands.
    type: dict
    required: true
  since:
    description: From when on was looked.
    type: str
    default: ""
  format:
    description: What is made.
    type: str
    choices: [text, json]
    default: text
seealso:
  - plugin: foobar.webstack.status_report
    plugin_type: filter
"""

EXAMPLES = r"""
report: >-
  {{ {'web2': registered} | foobar.webstack.trace_report('8a62aab325b64708aaa7668b0822b4b2', hostvars['web2']) }}
"""

RETURN = r"""
_value:
  description: What to print.
  type: dict
  contains:
    text:
      description: The tables, or the document.
      type: str
    failure:
      description: A sentence where the request is not known, or cannot be looked for. Empty else.
      type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller
from ansible_collections.foobar.webstack.plugins.plugin_utils.trace.report import Looked, Question


def trace_report(
    results: Mapping[str, Mapping[str, Any]],
    id: str,  # noqa: A002
    variables: Mapping[str, Any],
    since: str = "",
    format: str = "text",  # noqa: A002
) -> dict[str, str]:
    """The report as plain data."""
    question = Question(str(id), since, format, Caller.of(variables))
    if question.mistakes or not results:
        return {"text": "", "failure": " ".join(question.mistakes)}
    return question.answer({host: Looked.of_result(result) for host, result in results.items()}).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"trace_report": trace_report}
