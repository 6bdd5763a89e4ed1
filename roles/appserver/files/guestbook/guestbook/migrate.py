"""Bring the schema of the primary to what this release needs: python3 -m guestbook.migrate. Harmless when repeated."""

from sqlalchemy.schema import CreateTable

from guestbook.database import Server
from guestbook.models import Base
from guestbook.settings import Settings


def main() -> None:
    settings = Settings.from_environment()
    server = Server.at(settings.migrate_url, settings, read_timeout=60)
    with server.engine.begin() as connection:
        # Application servers may do this at the same moment: the database decides, not a look beforehand.
        for table in Base.metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))


if __name__ == "__main__":
    main()
