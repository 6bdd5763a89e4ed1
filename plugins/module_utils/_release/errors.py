"""What a deployment can fail with."""

from __future__ import annotations


class ReleaseError(Exception):
    """What could not be done, why, and what serves now."""
