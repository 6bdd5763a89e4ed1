"""A group with a single primary, which elects another one by itself (Group Replication)."""
