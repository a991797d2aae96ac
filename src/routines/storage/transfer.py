"""Moves everything from one database into another, empty one, and compares the two row by row.

How a database gives and takes whole tables is in its own package; where they are and who may be using them is the
caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from sqlalchemy import Table

from routines.clock import monotonic_seconds
from routines.core.errors import RoutinesError
from routines.storage import schema
from routines.storage.database import Database, StoredRow, TableReader

TABLES = schema.metadata.sorted_tables  # parents before their children


class NotEmptyError(RoutinesError):
    """The database that is to take everything has something already."""


class Moved(NamedTuple):
    """A table that was written or compared: its name, how many rows, and how long it took."""

    table: str
    rows: int
    seconds: float


class Difference(NamedTuple):
    """The first row of a table, by its key, that is not the same in both databases."""

    table: str
    key: tuple[object, ...]


Report = Callable[[Moved], None]


def transfer(source: Database, target: Database, *, written: Report, compared: Report) -> list[Difference]:
    """Copy every row of `source` into `target`, in one transaction, then read both again and tell where they differ.

    The source is seen as it was at the beginning. Rows go in the order of their keys, in which they were made, so that
    indexes grow at their ends. Raises `NotEmptyError` and `RowsRefusedError`, having changed nothing.
    """
    with source.read_tables() as there:
        _copy(there, target, written)
        with target.read_tables() as here:
            differences = [_compare(table, there, here, compared) for table in TABLES]
    return [each for each in differences if each is not None]


def _copy(there: TableReader, target: Database, report: Report) -> None:
    with target.write_tables() as into:
        into.clear(schema.facts)  # what was found out about the empty database
        for table in TABLES:
            if not into.is_empty(table):
                raise NotEmptyError(
                    f"The database to move into has rows in {table.name} already; give one that is new and empty"
                )
        for table in TABLES:
            begun, counted = monotonic_seconds(), _Counted(there.rows(table))
            into.fill(table, counted)
            report(Moved(table.name, counted.rows, monotonic_seconds() - begun))


def _compare(table: Table, there: TableReader, here: TableReader, report: Report) -> Difference | None:
    begun, rows = monotonic_seconds(), 0
    for ours, theirs in zip_longest(there.rows(table), here.rows(table)):
        if ours != theirs:
            return Difference(table.name, _key(table, ours or theirs))
        rows += 1
    report(Moved(table.name, rows, monotonic_seconds() - begun))
    return None


def _key(table: Table, row: StoredRow) -> tuple[object, ...]:
    places = [place for place, column in enumerate(table.columns) if column.primary_key]
    return tuple(row[place] for place in places)


class _Counted:
    """Rows, counted as they go by."""

    def __init__(self, rows: Iterable[StoredRow]) -> None:
        self._all = rows
        self.rows = 0

    def __iter__(self) -> Iterator[StoredRow]:
        for row in self._all:
            self.rows += 1
            yield row
