"""Filter foobar.webstack.longest_time."""

from __future__ import annotations

DOCUMENTATION = r"""
name: longest_time
version_added: 1.0.0
short_description: The longest of times in nginx's notation, in seconds
author: The foobar.webstack maintainers
description:
  - Says for how long a proxy in front of nginx has to wait, so that nginx is the one who gives up first.
options:
  _input:
    description: Times such as C(30s) or C(1h 30m). What is no time of nginx, or null, is left out.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
# ['35s', '1h', none] | foobar.webstack.longest_time
# => 3600
"""

RETURN = r"""
_value:
  description: The longest in whole seconds, rounded up; 0 where there is none.
  type: int
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from math import ceil
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.times import seconds


def longest_time(times: Iterable[Any]) -> int:
    """The longest of what nginx takes for a time."""
    found = [0.0]
    for time in times:
        with suppress(ValueError):
            found.append(seconds(str(time)))
    return ceil(max(found))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"longest_time": longest_time}
