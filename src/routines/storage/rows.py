"""From rows to the model: the columns that a value of the model is read from, and the value itself.

It relies on tables having a column for each field of the model, under the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Select, Table, bindparam, insert, select, update

M = TypeVar("M")


@cache
def columns(table: Table, model: type[Any]) -> tuple[Column[Any], ...]:
    """The table's columns in the order of the model's fields: a dataclass, or a named tuple where lists are long."""
    names = getattr(model, "_fields", None) or [field.name for field in fields(model)]
    return tuple(table.c[name] for name in names)


def select_model(table: Table, model: type[Any]) -> Select[Any]:
    """A select of whole values of the model from its table."""
    return select(*columns(table, model))  # type: ignore[arg-type]  # the checker doubts that a class is hashable


def first(connection: Connection, model: type[M], query: Select[Any]) -> M | None:
    """The query's first row as a value of the model, or None."""
    row = connection.execute(query.limit(1)).first()
    return None if row is None else model(*row)


def every(connection: Connection, model: type[M], query: Select[Any]) -> list[M]:
    """The query's rows as values of the model."""
    return [model(*row) for row in connection.execute(query).all()]


def get_model(connection: Connection, table: Table, model: type[M], identity: str) -> M | None:
    """The value with that id, or None."""
    return first(connection, model, select_model(table, model).where(table.c.id == identity))


def insert_model(connection: Connection, table: Table, value: object, **further: object) -> None:
    """Store a new value, with `further` columns that its model does not have; the rest stays null."""
    connection.execute(insert(table).values({**_named(value), **further}))


def update_model(connection: Connection, table: Table, value: object) -> None:
    """Store a value as it now is, by its id."""
    named = _named(value)
    connection.execute(update(table).where(table.c.id == named["id"]).values(named))


def insert_models(connection: Connection, table: Table, values: Sequence[object]) -> None:
    """Store new values of one model."""
    if values:
        connection.execute(insert(table), [_named(value) for value in values])


def update_models(connection: Connection, table: Table, values: Sequence[object]) -> None:
    """Store values of one model as they now are, by their ids."""
    if values:
        named = [_named(value) for value in values]
        changed: dict[str, Any] = {name: bindparam(name) for name in named[0] if name != "id"}
        rows = [{**each, "identity": each["id"]} for each in named]
        connection.execute(update(table).where(table.c.id == bindparam("identity")).values(changed), rows)


def _named(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]  # models have slots
