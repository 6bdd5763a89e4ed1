"""The page, and the health of the application."""

from uuid import uuid4

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request, url_for

from guestbook import entries
from guestbook.models import MESSAGE_LENGTH, NAME_LENGTH
from guestbook.web import FRESH_COOKIE, FRESH_SECONDS, database, read, store

blueprint = Blueprint("pages", __name__)
SHOWN = 50


def show(status: int = 200, problem: str | None = None) -> Response:
    # Read first: the page names the database that answered.
    found = read(entries.newest(SHOWN))
    page = render_template(
        "index.html",
        entries=found,
        problem=problem,
        name=request.form.get("name", ""),
        message=request.form.get("message", ""),
        # A form sent twice (an impatient click, a retrying proxy) is one entry.
        key=uuid4().hex,
        name_length=NAME_LENGTH,
        message_length=MESSAGE_LENGTH,
    )
    response = make_response(page)
    response.status_code = status
    return response


@blueprint.get("/")
def index() -> Response:
    return show()


@blueprint.post("/")
def post() -> Response:
    try:
        store(entries.add(request.form.get("name"), request.form.get("message"), request.form.get("key")))
    except (entries.InvalidError, entries.KeyReusedError) as problem:
        return show(422, str(problem))
    response = redirect(url_for("pages.index"), 303)
    response.set_cookie(
        FRESH_COOKIE, "1", max_age=FRESH_SECONDS, secure=request.is_secure, httponly=True, samesite="Lax"
    )
    return response


@blueprint.get("/healthz")
def health() -> Response:
    """200 as long as any database answers: without the primary this is still a site that can be read.

    It is asked for an entry. One that was made anew has no such table until the migration was run.
    """
    answered = database().check(entries.newest(1))
    working = any(answered.values())
    response = jsonify(
        status="ok" if working and not database().degraded else "degraded" if working else "unavailable",
        degraded=database().degraded,
        database=answered,
    )
    response.status_code = 200 if working else 503
    return response
