"""Bring the schema of the primary to what this release needs: python3 -m guestbook.migrate. Harmless when repeated."""

from guestbook.database import Server
from guestbook.models import Base
from guestbook.settings import Settings


def main() -> None:
    settings = Settings.from_environment()
    server = Server.at(settings.migrate_url, settings, read_timeout=60)
    with server.engine.begin() as connection:
        Base.metadata.create_all(connection)


if __name__ == "__main__":
    main()
