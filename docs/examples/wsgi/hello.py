"""A whole application: no packages, no database."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"Hello from {environ['HTTP_HOST']}\n".encode()]
