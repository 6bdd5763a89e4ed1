"""haproxy-watch: writes to a file whether the HAProxy of this host answers, for keepalived, which watches the file.

0 while it answers, 1 while it does not. HAProxy's own unit writes the same file when HAProxy starts, stops or crashes,
which is faster; this program finds what only hangs, and is right in the end.
"""
