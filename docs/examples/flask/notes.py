import os

from flask import Flask, redirect, render_template_string, request
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select

app = Flask(__name__)
# A connection that was cut, as when the primary moves, is made anew before it is used.
engine = create_engine(os.environ.get("DATABASE_WRITE_URL", "sqlite:///notes.db"), pool_pre_ping=True, pool_recycle=600)
metadata = MetaData()
notes = Table("notes", metadata, Column("id", Integer, primary_key=True), Column("text", String(200), nullable=False))
PAGE = """<!doctype html>
<html lang="en">
<title>Notes</title>
<link rel="stylesheet" href="{{ url_for('static', filename='style.css') }}">
<form method="post"><input name="text" maxlength="200" required> <button>Note it</button></form>
<ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>
</html>
"""


@app.get("/")
def page():
    with engine.connect() as connection:
        return render_template_string(PAGE, notes=connection.execute(select(notes.c.text)).scalars().all())


@app.post("/")
def add():
    with engine.begin() as connection:
        connection.execute(insert(notes).values(text=request.form["text"]))
    return redirect("/", 303)


@app.get("/health")
def health():
    """A release is asked before it goes live, and so is every server all the time; an exception is an answer of 500."""
    with engine.connect() as connection:
        connection.execute(select(notes).limit(1))
    return "ok\n"


@app.cli.command()
def migrate():
    """Bring the schema up to date: python3 -m flask --app notes migrate. A larger application has Alembic for that."""
    url = os.environ.get("DATABASE_MIGRATE_URL")
    metadata.create_all(create_engine(url) if url else engine)
