"""The filter foobar.webstack.unknown_variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = """
name: unknown_variables
author: The foobar.webstack maintainers
short_description: Unknown variables of the collection, with what was meant
version_added: 1.0.0
description:
  - A misspelt variable has no effect and causes no error. This finds it.
  - A name that begins with the prefix has to be known. Any other is an error only where it differs from a known one by
    a letter or a word, because an inventory may have variables of its own.
  - Of C(-e name=a value), Ansible makes the variable C(name=a) and a word that belongs to nothing. That is said, too.
positional: known, prefix, words
options:
  _input:
    description: Names of variables.
    type: list
    elements: str
    required: true
  known:
    description: Names that mean something.
    type: list
    elements: str
    required: true
  prefix:
    description: What only names of the collection begin with.
    type: str
    default: webstack_
  words:
    description: What Ansible has put aside of the options C(-e), its variable C(_raw_params).
    type: str
    default: ""
"""

EXAMPLES = """
# ['webstack_domian'] | foobar.webstack.unknown_variables(['webstack_domain'])
# => ["Unknown variable webstack_domian; did you mean webstack_domain?"]
"""

RETURN = """
_value:
  description: A sentence for each, none when all is well.
  type: list
  elements: str
"""

SIMILAR = 0.6
"""Of difflib's ratio: from where a name is worth proposing."""
ALIKE = 0.9
"""Of difflib's ratio: from where it is the same word with a mistake in it."""

STRAY = (
    '-e: "{words}" is not part of any variable; put a value with spaces into a second pair of quotes: '
    """-e "name='first second'"."""
)


def unknown_variables(
    names: Iterable[str], known: Sequence[str], prefix: str = "webstack_", words: str = ""
) -> list[str]:
    """Say which names are meant for the collection and mean nothing. Raises AnsibleFilterError for what is no list."""
    for what, value in (("the input", names), ("known", known)):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise AnsibleFilterError(f"unknown_variables: {what} is {type(value).__name__}; give a list of names")
    found = [STRAY.format(words=words)] if words else []
    for name in sorted(set(names) - set(known)):
        own = name.startswith(prefix)
        alike = get_close_matches(name, known, n=1, cutoff=ALIKE)
        rest = [one.removeprefix(prefix) for one in known if own and one.startswith(prefix)]
        meant = alike or [prefix + one for one in get_close_matches(name.removeprefix(prefix), rest, 1, SIMILAR)]
        if own or meant:
            found.append(f"Unknown variable {name}; " + (f"did you mean {meant[0]}?" if meant else "remove it."))
    return found


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"unknown_variables": unknown_variables}
