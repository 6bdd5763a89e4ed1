"""webstack-metrics: what backups, certificates and replication of this host are like, as a file for node_exporter.

It is run every few seconds and ends. What it cannot find out it leaves out, and says on the journal why; what it wrote
before is replaced as a whole, so that no old value stands beside a new one.
"""
