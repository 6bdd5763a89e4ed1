"""What pages and API share: who answered, who may post, and what an error looks like."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, jsonify, make_response, render_template, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from guestbook.database import Database, DatabaseUnavailableError
from guestbook.models import Entry

Result = TypeVar("Result")

# No script, nothing of other sites, nobody who frames the page. The referrer stays within the site: without one at all,
# a browser would say of the site's own form that it comes from nowhere.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

# Somebody who has just posted reads from the primary for this long: the replica may be some milliseconds behind.
FRESH_COOKIE = "guestbook_fresh"
FRESH_SECONDS = 5


def database() -> Database:
    return current_app.extensions["guestbook"]


def read(work: Callable[[Session], Result]) -> Result:
    result, g.database_read = database().read(work, fresh=FRESH_COOKIE in request.cookies)
    return result


def write(work: Callable[[Session], Result]) -> Result:
    result, g.database_write = database().write(work)
    return result


def store(work: Callable[[Session], tuple[Entry, bool]]) -> tuple[Entry, bool]:
    entry, stored = write(work)
    if stored:
        database().statsd.count("entries.written")
    return entry, stored


def add_headers(response: Response) -> Response:
    """What a browser may do with the answer, and who answered."""
    response.headers.update(SECURITY_HEADERS)
    response.headers["X-App-Server"] = current_app.extensions["guestbook_settings"].server_name
    for header, name in (("X-Database-Read", "database_read"), ("X-Database-Write", "database_write")):
        if name in g:
            response.headers[header] = g.get(name)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _is_own(origin: str) -> bool:
    """Whether an origin is this site, for all that is known of it here.

    Names are compared without the port, which a proxy or a published port may have changed. A page that came over plain
    HTTP is foreign to HTTPS, because anybody on the way may have written it; which of them the client speaks is told by
    the proxies (gunicorn's forwarded_allow_ips).
    """
    try:
        parts = urlsplit(origin)
        hostname = parts.hostname
    except ValueError:
        return False
    if request.is_secure and parts.scheme != "https":
        return False
    return hostname is not None and hostname == urlsplit(f"//{request.host}").hostname


def refuse_foreign_posts() -> None:
    """Refuse a write that a browser sends on behalf of another site."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    # Browsers leave Sec-Fetch-Site away on plain HTTP, and then send Origin. Other programs send neither and carry
    # nobody's authority.
    if site is not None:
        own = site in {"same-origin", "none"}
    elif origin is not None:
        own = _is_own(origin)
    else:
        own = True
    if not own:
        abort(403, "Entries are posted from this site's own page.")


def wants_json() -> bool:
    return request.path.startswith("/api/")


def errors(app: Flask) -> None:
    def answer(status: int, title: str, explanation: str) -> Response:
        if wants_json():
            response = jsonify(error=explanation)
        else:
            response = make_response(render_template("error.html", title=title, explanation=explanation))
        response.status_code = status
        return response

    @app.errorhandler(DatabaseUnavailableError)
    def unavailable(_error: DatabaseUnavailableError) -> Response:
        if request.method == "POST":
            explanation = (
                "The database that takes new entries does not answer. Please go back and send it again in a moment."
            )
        else:
            explanation = "No database answers right now. Please try again in a moment."
        response = answer(503, "Not available right now", explanation)
        response.headers["Retry-After"] = "5"
        return response

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        response = answer(error.code or 500, error.name, error.description or error.name)
        # Allow of a 405, Location of a redirect.
        kept = {name: value for name, value in error.get_headers() if name not in {"Content-Type", "Content-Length"}}
        response.headers.update(kept)
        return response
