"""mysql-endpoint: answers over HTTP what the MySQL server of this host is now, and writes its heartbeat.

GET /primary    200 if the server takes writes, else 503. In a group only while most members agree to what it commits.
GET /replica    200 if it is read-only, replicates and is not too far behind, else 503.
GET /readable   200 if it answers at all, else 503.
GET /state      200 and everything that is known as JSON, else 503.

An answer is made of what the server itself said at most MAX_AGE before the request, never of configuration. A server
that does not answer within TIMEOUT is reported as 503.

    server   the clients: connections, limits, TLS (tls)
    answers  paths to answers
    modes    what they mean in a pair and in a group
    cache    at most one query at a time, whatever the number of clients
    state    what MySQL's rows mean
    writer   the heartbeat, and what it proves (proof)
    systemd  readiness, watchdog, and the listening socket that outlives a restart
    cli      puts these together
"""
