"""How a host is: its units, packages, certificates and updates, read from what systemd, dpkg, apt and files say."""
