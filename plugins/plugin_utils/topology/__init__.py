"""The topology: what the hosts of an inventory are to each other.

Turns inventory hosts and their variables into addresses, HAProxy servers, nginx upstream servers, replication settings
and firewall rules, a module a concern. Pure: nothing here imports Ansible or does I/O, and the same input gives the
same output, in the order of the input. Every function takes time in proportion to the number of hosts.

Every refusal is a `values.TopologyError` whose message says which host or group, which variable, and what to write
instead.
"""
