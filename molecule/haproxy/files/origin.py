#!/usr/bin/python3
"""A web server that says who it is and which ids a request had.

It drops the connection of every request for /drop unanswered, but notes it.

So it does with /silent, where it says nothing for three seconds before.

It speaks TLS if there is a certificate for its port.
"""

import ssl
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = int(sys.argv[1])
NOTES = Path(f"/run/origin-{PORT}")
CERTIFICATE = Path(f"/etc/origin/{PORT}.pem")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # An answer goes out at once: nobody can repeat a request whose answer has begun.

    def answer(self) -> None:
        if length := int(self.headers.get("Content-Length", 0)):
            self.rfile.read(length)
        if self.path.startswith(("/drop", "/silent")):
            with NOTES.open("a") as notes:
                notes.write(f"{self.command} {self.path}\n")
            self.close_connection = True
            time.sleep(3 if self.path.startswith("/silent") else 0)
            return
        body = f"{self.headers.get('X-Forwarded-For')} {self.headers.get('X-Forwarded-Proto')}\n".encode()
        self.send_response(200)
        self.send_header("X-Origin", str(PORT))
        for name in ("traceparent", "tracestate", "X-Request-ID"):
            self.send_header(f"X-Got-{name}", str(self.headers.get(name)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


NOTES.write_text("")
server = Server(("127.0.0.1", PORT), Handler)
if CERTIFICATE.exists():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(CERTIFICATE)
    # The handshake is its thread's matter, not the one's that accepts.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
subprocess.run(["/usr/bin/systemd-notify", "--ready"], check=True)
server.serve_forever()
