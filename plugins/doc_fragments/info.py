# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""What the modules have in common that only look."""

from __future__ import annotations


class ModuleDocFragment:
    """How a module that changes nothing behaves in a dry run."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Does the same.
    support: full
  diff_mode:
    description: Nothing changes.
    support: none
"""
