"""Debian packages of a host: which are missing, who keeps apt busy, and what no update restarts by itself."""
