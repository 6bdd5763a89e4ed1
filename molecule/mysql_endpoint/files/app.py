"""What an application's host sees: app ask|stat|once|read|write|hold.

ask HOST PATH        the endpoint's answer, its certificate verified as HOST's: [status, body, seconds]
stat                 status of HAProxy's servers by "proxy/server"
once read|write      on a new connection: [begin, end, server or nothing, error]
read|write SECONDS   the same for so long, one after the other
hold PORT SECONDS    one connection: the server, and when the connection broke
All in JSON; times are seconds since the epoch.
"""

import csv
import http.client
import json
import socket
import ssl
import sys
import time

import pymysql

CA = "/etc/webstack/tls/ca.pem"
PORTS = {"read": 3307, "write": 3306}
ADDRESSES = {"mysqlep-db1": "198.18.19.11", "mysqlep-db2": "198.18.19.12"}


class Connection(http.client.HTTPSConnection):
    """To a host's address, verified by its name."""

    def connect(self):
        plain = socket.create_connection((ADDRESSES[self.host], 3308), 5)
        self.sock = ssl.create_default_context(cafile=CA).wrap_socket(plain, server_hostname=self.host)


def ask(host, path):
    begin = time.monotonic()
    connection = Connection(host, 3308)
    connection.request("GET", path)
    answer = connection.getresponse()
    return [answer.status, answer.read().decode().strip(), time.monotonic() - begin]


def stat():
    with socket.socket(socket.AF_UNIX) as haproxy:
        haproxy.connect("/run/haproxy/admin.sock")
        haproxy.sendall(b"show stat\n")
        text = b""
        while part := haproxy.recv(65536):
            text += part
    rows = csv.DictReader(text.decode().lstrip("# ").splitlines())
    return {f"{row['pxname']}/{row['svname']}": row["status"] for row in rows}


def connect(port):
    return pymysql.connect(
        host="127.0.0.1",
        port=port,
        user="guestbook",
        password="let me in",
        ssl={"check_hostname": False, "verify_mode": False},
        connect_timeout=2,
        read_timeout=5,
        autocommit=True,
    )


def once(kind):
    begin = time.time()
    try:
        with connect(PORTS[kind]) as connection, connection.cursor() as cursor:
            if kind == "write":
                cursor.execute("INSERT INTO guestbook.probe (at) VALUES (%s)", [begin])
            cursor.execute("SELECT @@hostname")
            return [begin, time.time(), cursor.fetchone()[0], ""]
    except (pymysql.MySQLError, OSError) as error:
        return [begin, time.time(), None, repr(error)]


def stream(kind, seconds):
    # By this one, which stays, the server knows that the others come.
    _witness = connect(PORTS[kind])
    end, found = time.time() + float(seconds), []
    while time.time() < end:
        found.append(once(kind))
        time.sleep(0.02)
    return found


def hold(port, seconds):
    connection = connect(int(port))
    cursor = connection.cursor()
    cursor.execute("SELECT @@hostname")
    server = cursor.fetchone()[0]
    end = time.time() + float(seconds)
    while time.time() < end:
        try:
            cursor.execute("SELECT 1")
        except (pymysql.MySQLError, OSError):
            return [server, time.time()]
        time.sleep(0.05)
    return [server, None]


COMMANDS = {
    "ask": ask,
    "stat": stat,
    "once": once,
    "read": lambda seconds: stream("read", seconds),
    "write": lambda seconds: stream("write", seconds),
    "hold": hold,
}
print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
