"""Other firewalls of a host: what nftables and iptables have loaded, and whether that closes what the stack opens."""
