"""Whole tables out of a SQLite file and into one: plain selects, and inserts by the thousand.

What is moved, and whether it arrived, is `storage.transfer`'s.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from sqlalchemy import Boolean, Connection, Table

from routines.storage.database import RowsRefusedError, StoredRow


class SqliteTables:
    """The tables of one connection, in its transaction."""

    def __init__(self, connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - tells the type checker what the engine makes
        self._driver = driver

    def rows(self, table: Table) -> Iterator[StoredRow]:
        """Every row in the order of the primary key, a few at a time."""
        key = ", ".join(column.name for column in table.primary_key)
        found = self._driver.execute(f"SELECT {_columns(table)} FROM {table.name} ORDER BY {key}")  # noqa: S608 - names
        flags = [place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
        return _with_flags(found, flags) if flags else found

    def is_empty(self, table: Table) -> bool:
        """True if the table has no row."""
        return self._driver.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone() is None  # noqa: S608 - names

    def clear(self, table: Table) -> None:
        """Remove a table's rows."""
        self._driver.execute(f"DELETE FROM {table.name}")  # noqa: S608 - names

    def fill(self, table: Table, rows: Iterable[StoredRow]) -> None:
        """Store rows in their order; raises `RowsRefusedError` if SQLite cannot keep one of them."""
        self._driver.execute("PRAGMA defer_foreign_keys=ON")  # an agent may report to one that comes later
        values = ", ".join("?" * len(table.columns))
        try:
            self._driver.executemany(f"INSERT INTO {table.name} ({_columns(table)}) VALUES ({values})", rows)  # noqa: S608 - names
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
            raise RowsRefusedError(f"SQLite cannot keep a row of {table.name}: {error}") from error


def _columns(table: Table) -> str:
    return ", ".join(column.name for column in table.columns)


def _with_flags(rows: Iterable[StoredRow], flags: list[int]) -> Iterator[StoredRow]:
    """Rows with 0 and 1 as what they mean."""
    for row in rows:
        values = list(row)
        for place in flags:
            values[place] = None if values[place] is None else bool(values[place])
        yield tuple(values)
