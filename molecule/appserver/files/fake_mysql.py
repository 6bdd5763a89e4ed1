"""The guest book against something that greets as MySQL does: what it sends there, and what it says of it.

Usage: fake_mysql.py ADDRESS CA tls|clear. ADDRESS is where the guest book believes its database to be.
"""

import contextlib
import json
import logging
import os
import socket
import ssl
import struct
import sys
import threading

sys.path.insert(0, "/srv/www/guestbook/current")
from guestbook.database import Database
from guestbook.entries import newest
from guestbook.settings import Settings

address, authority, mode = sys.argv[1:]
TLS, OTHERS = 0x800, 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000
capabilities = OTHERS | (TLS if mode == "tls" else 0)
seen = []


def send(connection, number, payload):
    connection.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)


def receive(connection):
    (size,) = struct.unpack("<I", connection.recv(4)[:3] + b"\0")
    return connection.recv(size)


def serve(connection):
    low, high = capabilities & 0xFFFF, capabilities >> 16
    greeting = b"\x0a9.7.4\0" + struct.pack("<I", 1) + b"saltsalt\0" + struct.pack("<HBHH", low, 255, 2, high)
    send(connection, 0, greeting + bytes([21]) + bytes(10) + b"saltsaltsalt\0caching_sha2_password\0")
    if len(receive(connection)) == 32:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = "/etc/webstack/tls/application"
        context.load_cert_chain(f"{folder}/certificate.pem", f"{folder}/key.pem")
        connection = context.wrap_socket(connection, server_side=True)
        receive(connection)
        seen.append("encrypted login")
    else:
        seen.append("login in the clear")
    send(connection, 3, b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied for user 'guestbook'")


def listen(server):
    while True:
        connection, _client = server.accept()
        # A client that goes away is what is looked for here.
        with contextlib.suppress(OSError, struct.error), connection:
            serve(connection)


class Messages(logging.Handler):
    def emit(self, record):
        messages.append(record.getMessage())


messages = []
logging.getLogger("guestbook").addHandler(Messages())
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=listen, args=(server,), daemon=True).start()
url = f"mysql+pymysql://guestbook:canary@{address}:{server.getsockname()[1]}/guestbook?ssl_ca={authority}"
answered = Database(Settings.from_environment({**os.environ, "DATABASE_WRITE_URL": url})).check(newest(1))
print(json.dumps({"answered": answered, "seen": seen, "messages": messages}))
