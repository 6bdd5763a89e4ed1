"""The one table, written so that SQLAlchemy 1.4 (Debian 12) reads it as well as 2.0."""

from datetime import UTC

from sqlalchemy import Column, DateTime, Integer, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import declarative_base

NAME_LENGTH = 80
MESSAGE_LENGTH = 1000
KEY_LENGTH = 64


Base = declarative_base()


class Entry(Base):
    __tablename__ = "entry"
    __table_args__ = ({"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"},)

    id = Column(Integer, primary_key=True)
    name = Column(String(NAME_LENGTH), nullable=False)
    message = Column(Text, nullable=False)
    # UTC. Microseconds, so that entries written in one second keep their order when they are shown.
    created = Column(DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False)
    # Two keys that differ in case only are two keys, whatever the database's collation says.
    idempotency_key = Column(
        String(KEY_LENGTH).with_variant(mysql.VARCHAR(KEY_LENGTH, charset="ascii", collation="ascii_bin"), "mysql"),
        unique=True,
    )

    def as_dict(self) -> dict[str, int | str]:
        return {
            "id": self.id,
            "name": self.name,
            "message": self.message,
            "created": self.created.replace(tzinfo=UTC).isoformat(timespec="milliseconds"),
        }
