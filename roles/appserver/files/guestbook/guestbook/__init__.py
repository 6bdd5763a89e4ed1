"""A guest book: a small real application that shows which servers answered it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from guestbook import api, pages
from guestbook.database import Database
from guestbook.settings import Settings
from guestbook.tracing import watch_requests
from guestbook.web import add_headers, errors, refuse_foreign_posts

STATIC = Path(__file__).with_name("static")


def asset_version() -> str:
    """Change with the static files, so that they can be cached for long and are fetched anew when they differ."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:10]


def create_app(settings: Settings | None = None, **config: Any) -> Flask:
    settings = settings or Settings.from_environment()
    app = Flask(__name__)
    app.config.from_mapping({"MAX_CONTENT_LENGTH": 32 * 1024, **config})
    app.extensions["guestbook"] = Database(settings)
    app.extensions["guestbook_settings"] = settings
    watch_requests(app, settings.server_name)
    app.before_request(refuse_foreign_posts)
    app.after_request(add_headers)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(api.blueprint)
    errors(app)
    version = asset_version()

    @app.context_processor
    def names() -> Mapping[str, Any]:
        return {"asset_version": version, "app_server": settings.server_name}

    return app
