"""A Flask application on Debian's packages: no virtual environment, a table of its own."""

import re
import uuid


def test_what_is_posted_is_there(site):
    """Written with the application's account into the table that the migration's account has made."""
    note = uuid.uuid4().hex
    answer = site.request("POST", "/", {"text": note})
    assert (answer.status, answer.headers["Location"]) == (303, "/"), answer.text
    assert f"<li>{note}</li>" in site.get("/").text


def test_its_stylesheet_comes_from_nginx(site):
    """With nginx's headers: its own server of files says no-cache."""
    path = re.search(r'href="(/static/[^"]+)"', site.get("/").text)[1]
    answer = site.get(path)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "max-age=3600"), answer.headers


def test_a_broken_release_is_refused(refused):
    """It starts, and cannot do its work: nobody migrates the table to the column that it reads."""
    why = refused({"notes.py": lambda text: text.replace('Column("text"', 'Column("body"')})
    assert "GET /health answered 500" in why
