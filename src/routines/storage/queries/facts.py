"""Facts about the database itself, such as the time zone data by which next slots were computed."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from routines.storage.schema import facts


def get(connection: Connection, name: str) -> str | None:
    """The fact of that name, or None."""
    return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()


def put(connection: Connection, name: str, value: str) -> None:
    """Store a fact in place of what it was."""
    connection.execute(delete(facts).where(facts.c.name == name))
    connection.execute(insert(facts).values(name=name, value=value))
