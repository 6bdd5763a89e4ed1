"""Turns a running pair into a group, and back: the one thing that knows both modes."""
