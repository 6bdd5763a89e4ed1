"""The same as JSON."""

from flask import Blueprint, Response, abort, jsonify, request

from guestbook import entries
from guestbook.web import read, store

blueprint = Blueprint("api", __name__, url_prefix="/api")
USUAL, MOST = 50, 200


def _number(name: str, most: int) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= most):
        abort(400, f"{name} must be a number from 1 to {most}.")
    return int(text)


@blueprint.get("/entries")
def index() -> Response:
    found = read(entries.newest(_number("limit", MOST) or USUAL, _number("before", 2**63 - 1)))
    return jsonify(entries=[entry.as_dict() for entry in found])


@blueprint.post("/entries")
def post() -> Response:
    # A form of another site cannot send this content type without being asked first.
    data = request.get_json()
    if not isinstance(data, dict):
        abort(400, 'Send an object: {"name": "...", "message": "..."}.')
    try:
        key = request.headers.get("Idempotency-Key")
        entry, stored = store(entries.add(data.get("name"), data.get("message"), key))
    except (entries.InvalidError, entries.KeyReusedError) as problem:
        abort(422, str(problem))
    response = jsonify(entry.as_dict())
    response.status_code = 201
    if not stored:
        response.headers["Idempotent-Replayed"] = "true"
    return response
