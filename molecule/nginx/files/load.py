#!/usr/bin/python3
"""GETs over verified TLS while a command runs: load.py REQUESTS COMMAND...

At least REQUESTS are made, by half of the clients on a kept connection, by the others on a new one every time. The
command starts when a quarter of them is done, and the stream outlasts it. As a browser or a load balancer does, a
client uses no kept connection that it sees closed, and repeats a GET once, on a new connection, when a kept one turns
out to be closed before a byte of the answer (RFC 9112, 9.3.1). Prints what came back as JSON; a failure is whatever is
not a 200, handshake or request.
"""

import collections
import http.client
import json
import select
import socket
import ssl
import subprocess
import sys
import threading

CLIENTS = 4
AT_MOST = 60  # times the requests asked for, should the command never end

wanted, command = int(sys.argv[1]), sys.argv[2:]
context = ssl.create_default_context(cafile="/etc/webstack/tls/ca.pem")
lock = threading.Lock()
serials: collections.Counter[str] = collections.Counter()
failures: list[str] = []
made = during = repeated = 0
started, finished = threading.Event(), threading.Event()


def connect() -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", 443, timeout=20)
    raw = socket.create_connection(("127.0.0.1", 443), timeout=20)
    connection.sock = context.wrap_socket(raw, server_hostname="www.foobar.com")
    with lock:
        serials[connection.sock.getpeercert()["serialNumber"]] += 1
    return connection


def get(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/", headers={"Host": "www.foobar.com"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def client(keep: bool) -> None:
    global made, during, repeated
    connection = None
    while (made < wanted or not finished.is_set()) and made < wanted * AT_MOST:
        try:
            # http.client forgets the socket when the server says that it closes the connection.
            kept = connection is not None and connection.sock is not None
            # Readable before anything was asked: its end.
            kept = kept and not select.select([connection.sock], [], [], 0)[0]
            connection = connection if kept else connect()
            try:
                status = get(connection)
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                if not kept:
                    raise
                with lock:
                    repeated += 1
                connection = connect()
                status = get(connection)
            outcome = str(status)
        except (OSError, http.client.HTTPException) as error:
            outcome, connection = repr(error), None
        if not keep and connection is not None:
            connection.close()
        with lock:
            made += 1
            during += started.is_set() and not finished.is_set()
            if outcome != "200":
                failures.append(outcome)


clients = [threading.Thread(target=client, args=(number % 2 == 0,)) for number in range(CLIENTS)]
for thread in clients:
    thread.start()
while made < wanted // 4:
    threading.Event().wait(0.01)
started.set()
result = subprocess.run(command, check=False, capture_output=True, text=True)
finished.set()
for thread in clients:
    thread.join()
report = {
    "made": made,
    "during": during,
    "repeated": repeated,
    "handshakes": sum(serials.values()),
    "certificates": len(serials),
    "failures": failures,
    "status": result.returncode,
    "output": result.stdout + result.stderr,
}
print(json.dumps(report))
