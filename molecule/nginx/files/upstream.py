"""An application server in miniature: says what it received, remembers it, and breaks off when asked to.

upstream.py PORT[-CERTIFICATE]: with the name of a certificate it speaks TLS.
"""

import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, CERTIFICATE = int(sys.argv[1].partition("-")[0]), sys.argv[1].partition("-")[2]
seen: list[str] = []
connections: set[int] = set()
resumed: set[int] = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/seen":
            self.answer({"seen": seen, "connections": len(connections), "resumed": len(resumed)})
            return
        seen.append(f"{self.command} {self.path}")
        connections.add(self.client_address[1])
        if CERTIFICATE and self.connection.session_reused:
            resumed.add(self.client_address[1])
        if self.path.startswith("/silent"):
            time.sleep(3)
        if self.path.startswith("/break-off"):
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.answer(
            {"server": f"app-{PORT}", "headers": headers, "body": body, "padding": "x" * 4096 * ("big" in self.path)}
            | ({"server_name": self.connection.server_name} if CERTIFICATE else {})
        )

    def do_POST(self) -> None:
        self.do_GET()

    def answer(self, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Web-Server", "what the application thinks")
        if self.path.startswith("/own-policy"):
            self.send_header("Content-Security-Policy", "the application's own")
        self.end_headers()
        self.wfile.write(data)


class Connection(ssl.SSLSocket):
    server_name: str | None = None


def remember(connection: Connection, name: str | None, _: ssl.SSLContext) -> None:
    connection.server_name = name


server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
if CERTIFICATE:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.sslsocket_class = Connection
    context.sni_callback = remember
    folder = f"/etc/webstack/tls/{CERTIFICATE}"
    context.load_cert_chain(f"{folder}/certificate.pem", f"{folder}/key.pem")
    # The handshake is the first read's, in a thread of its own.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
