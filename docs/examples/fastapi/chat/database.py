import os

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select

metadata = MetaData()
messages = Table(
    "chat_messages", metadata, Column("id", Integer, primary_key=True), Column("text", String(200), nullable=False)
)
# A connection that was cut, as when the primary moves, is made anew before it is used.
engine = create_engine(os.environ.get("DATABASE_WRITE_URL", "sqlite:///chat.db"), pool_pre_ping=True, pool_recycle=600)


def keep(text: str) -> int:
    """The number of the message."""
    with engine.begin() as connection:
        return connection.execute(insert(messages).values(text=text)).inserted_primary_key[0]


def latest(count: int) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(messages.c.text).order_by(messages.c.id.desc()).limit(count)))
