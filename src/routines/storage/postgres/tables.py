"""Whole tables out of a PostgreSQL and into one: server-side cursors, and COPY.

What is moved, and whether it arrived, is `storage.transfer`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg
from psycopg import sql
from sqlalchemy import Table, Text

from routines.storage.database import RowsRefusedError, StoredRow

ROWS_AT_ONCE = 2_000  # on their way from the server; a row is a few hundred bytes, its payload up to 1 MiB
NEVER_TIRED = "SET LOCAL idle_in_transaction_session_timeout = 0"  # the other database may take its time
KEEP_OTHERS_OUT = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE")


class PostgresTables:
    """The tables of one connection, in its transaction."""

    def __init__(self, driver: psycopg.Connection) -> None:
        self._driver = driver
        self._driver.execute(NEVER_TIRED)

    def keep_others_out(self, tables: Iterable[Table]) -> None:
        """Nobody else reads or writes these tables until the end of the transaction."""
        self._driver.execute(KEEP_OTHERS_OUT.format(sql.SQL(", ").join(map(_name, tables))))

    def rows(self, table: Table) -> Iterator[StoredRow]:
        """Every row in the order of the primary key, text by its bytes, a few at a time."""
        key = [
            sql.SQL('{} COLLATE "C"' if isinstance(column.type, Text) else "{}").format(sql.Identifier(column.name))
            for column in table.primary_key
        ]
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(_columns(table), _name(table), sql.SQL(", ").join(key))
        with self._driver.cursor(name="whole_table") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            yield from cursor.execute(query)

    def is_empty(self, table: Table) -> bool:
        """True if the table has no row."""
        return self._driver.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(_name(table))).fetchone() is None

    def clear(self, table: Table) -> None:
        """Remove a table's rows."""
        self._driver.execute(sql.SQL("DELETE FROM {}").format(_name(table)))

    def fill(self, table: Table, rows: Iterable[StoredRow]) -> None:
        """Store rows in their order; raises `RowsRefusedError` if PostgreSQL cannot keep one of them."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(_name(table), _columns(table))
        try:
            with self._driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            detail = (error.diag.context or "").partition("\n")[0]
            sentence = f"PostgreSQL cannot keep a row of {table.name}: {str(error).strip().partition(chr(10))[0]}"
            raise RowsRefusedError(f"{sentence} ({detail})" if detail else sentence) from error
        self._driver.execute(sql.SQL("ANALYZE {}").format(_name(table)))  # else plans are made for an empty table


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.name)


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
