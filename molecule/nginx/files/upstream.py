"""An application server in miniature: says what it received, remembers it, and breaks off when asked to."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(sys.argv[1])
seen: list[str] = []
connections: set[int] = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/seen":
            self.answer({"seen": seen, "connections": len(connections)})
            return
        seen.append(f"{self.command} {self.path}")
        connections.add(self.client_address[1])
        if self.path.startswith("/break-off"):
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.answer(
            {"server": f"app-{PORT}", "headers": headers, "body": body, "padding": "x" * 4096 * ("big" in self.path)}
        )

    def do_POST(self) -> None:
        self.do_GET()

    def answer(self, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Web-Server", "what the application thinks")
        self.end_headers()
        self.wfile.write(data)


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
