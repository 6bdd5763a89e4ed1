"""Filter foobar.webstack.upload_locations."""

from __future__ import annotations

DOCUMENTATION = r"""
name: upload_locations
version_added: 1.0.0
short_description: Locations of nginx for files that visitors have uploaded
author: The foobar.webstack maintainers
description:
  - Makes of C(webstack_app_uploads) entries of C(static) of a site in the role P(foobar.webstack.nginx#role).
  - A browser runs no script of such a file, whatever it is, because it comes from a visitor.
positional: shared
options:
  _input:
    description: By path of the URL, the directory below C(shared/).
    type: dict
    required: true
  shared:
    description: Path of the application's directory C(shared/) on the web server.
    type: path
    required: true
"""

EXAMPLES = r"""
static: "{{ {'/media/': 'media'} | foobar.webstack.upload_locations('/srv/www/shop/shared') }}"
# => location /media/, alias /srv/www/shop/shared/media/
"""

RETURN = r"""
_value:
  description: The entries, in the order of the paths.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import applications


def upload_locations(uploads: Mapping[str, str], shared: str) -> list[dict[str, Any]]:
    """The entries."""
    return applications.upload_locations(uploads, shared)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"upload_locations": upload_locations}
