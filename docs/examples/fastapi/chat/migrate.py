"""Bring the schema up to date: python3 -m chat.migrate. A larger application has Alembic for that."""

import os

from sqlalchemy import create_engine

from chat.database import engine, metadata

url = os.environ.get("DATABASE_MIGRATE_URL")
metadata.create_all(create_engine(url) if url else engine)
