"""The role haproxy: its data, and the sections of haproxy.cfg that stand for it."""
