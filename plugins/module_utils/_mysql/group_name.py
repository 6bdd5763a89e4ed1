"""The name of every group of databases. Pure."""

from __future__ import annotations

GROUP_NAME = "5bf0ef8f-9d6c-4a3e-8a44-6a1c9f3b6e0d"
"""A UUID, that of the GTIDs of all transactions of a group. Accounts and certificates keep two groups apart."""
