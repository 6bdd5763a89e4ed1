"""webstack-statsd: what the applications of this host send as statsd over UDP, as a file for node_exporter.

It listens at the loopback and answers nothing. Names, labels and their number are bounded, so that no application can
fill Prometheus, and none can have a name that another exporter has: each begins with app_.
"""
