"""The one table."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAME_LENGTH = 80
MESSAGE_LENGTH = 1000
KEY_LENGTH = 64


class Base(DeclarativeBase):
    pass


class Entry(Base):
    __tablename__ = "entry"
    __table_args__ = ({"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    message: Mapped[str] = mapped_column(Text)
    # UTC. Microseconds, so that entries written in one second keep their order when they are shown.
    created: Mapped[datetime] = mapped_column(DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"))
    # Two keys that differ in case only are two keys, whatever the database's collation says.
    idempotency_key: Mapped[str | None] = mapped_column(
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
