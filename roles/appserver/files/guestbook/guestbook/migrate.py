"""Bring the schema of the primary to what this release needs: python3 -m guestbook.migrate. Harmless when repeated."""

from dataclasses import replace

from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from guestbook.database import Database
from guestbook.models import Base
from guestbook.settings import Settings

TIMEOUT = 60
"""Seconds for a statement."""


def work(session: Session) -> None:
    # Application servers may do this at the same moment: the database decides, not a look beforehand.
    for table in Base.metadata.sorted_tables:
        session.execute(CreateTable(table, if_not_exists=True))
    session.commit()


def main() -> None:
    settings = Settings.from_environment()
    # As any write: repeated for a moment while the primary moves.
    migrating = replace(settings, write_url=settings.migrate_url, read_urls=(), write_timeout=TIMEOUT)
    Database(migrating).write(work)


if __name__ == "__main__":
    main()
