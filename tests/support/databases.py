"""Places for services to work in: a data folder and a database, on each kind of database that there is.

Every test gets one that nobody has worked in, for a few milliseconds; how PostgreSQL is run is in `postgres`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import psycopg
import pytest
from psycopg import sql

from routines.storage.schema import metadata
from support.clock import MINUTE, MONDAY_NOON, ManualClock
from support.postgres import PostgresServer
from support.service import Company, Place, Service

KINDS = ("sqlite", "postgres")
on_sqlite = pytest.mark.parametrize("places", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("places", ["postgres"], indirect=True)
"""For what is promised of one kind of database only."""
TABLES = [table.name for table in metadata.sorted_tables]  # parents before their children

END_THE_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
EMPTY_EVERY_TABLE = sql.SQL("; ").join(
    sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in reversed(TABLES)
)


class Places(Protocol):
    """Places on one kind of database."""

    company: Company
    """The company that works in the places that have one, as its own test saw it."""

    def lend(self, *, with_company: bool = False) -> AbstractContextManager[Place]:
        """A place that is up to date and in which nothing has happened, or nothing since a company began."""
        ...

    def blank(self) -> AbstractContextManager[Place]:
        """A place whose folder is not there yet and whose database has no tables."""
        ...


class SqlitePlaces:
    """Folders that are copied, each with a database file in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        self._empty, self._with_company = folder / "empty", folder / "company"
        Service(Place(self._empty)).close()
        shutil.copytree(self._empty, self._with_company)
        self.company = _found_a_company(Place(self._with_company))

    @contextmanager
    def lend(self, *, with_company: bool = False) -> Iterator[Place]:
        """A copy."""
        with self.blank() as place:
            shutil.copytree(self._with_company if with_company else self._empty, place.data_dir)
            yield place

    @contextmanager
    def blank(self) -> Iterator[Place]:
        """A folder that is to be made."""
        folder = self._folder / str(next(self._numbers))
        try:
            yield Place(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class PostgresPlaces:
    """A few databases of one server, each emptied before it is lent again.

    To empty one takes 3 ms; to make one from a template takes 60 ms, and 30 more to get to know and to drop it.
    """

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self._folder = folder
        self._server = server
        self._prefix = f"routines_test_{token_hex(4)}"
        self._numbers = count()
        self._made: list[str] = []
        self._free: list[tuple[str, psycopg.Connection]] = []
        self._empty, self._with_company = folder / "empty", folder / "company"
        self._template = self._make("template0")
        Service(Place(self._empty, self._server.url(self._template))).close()
        self._rows: dict[str, list[bytes]] = {}
        with self.lend() as place:
            shutil.copytree(self._empty, self._with_company)
            self.company = _found_a_company(Place(self._with_company, place.database_url))
            rows = _rows(place.database_url or "")
        self._rows = rows

    @contextmanager
    def lend(self, *, with_company: bool = False) -> Iterator[Place]:
        """A copied folder, and a database that was emptied."""
        database, connection = self._free.pop() if self._free else self._another()
        with connection.transaction():
            connection.execute(END_THE_OTHERS)
            connection.execute(EMPTY_EVERY_TABLE)
            for table, copied in self._rows.items() if with_company else ():
                with connection.cursor().copy(_copy("COPY {} FROM STDIN", table)) as copy:
                    for part in copied:
                        copy.write(part)
        folder = self._folder / str(next(self._numbers))
        shutil.copytree(self._with_company if with_company else self._empty, folder)
        try:
            yield Place(folder, self._server.url(database))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self._free.append((database, connection))

    @contextmanager
    def blank(self) -> Iterator[Place]:
        """A folder that is to be made, and a database of its own."""
        database = self._make("template0")
        folder = self._folder / str(next(self._numbers))
        try:
            yield Place(folder, self._server.url(database))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self._server.drop(database)
            self._made.remove(database)

    def close(self) -> None:
        """Drop every database; a server that was there before the tests goes on after them."""
        for _, connection in self._free:
            connection.close()
        for database in self._made:
            self._server.drop(database)

    def _another(self) -> tuple[str, psycopg.Connection]:
        database = self._make(self._template)
        return database, psycopg.connect(self._server.url(database), autocommit=True)

    def _make(self, template: str) -> str:
        database = f"{self._prefix}_{next(self._numbers)}"
        self._server.create(database, template)
        self._made.append(database)
        return database


def _found_a_company(place: Place) -> Company:
    service = Service(place, ManualClock(MONDAY_NOON - MINUTE))
    company = service.company()
    service.close()
    return company


def _rows(url: str) -> dict[str, list[bytes]]:
    """What every table holds, as COPY writes it."""
    kept = {}
    with psycopg.connect(url) as connection:
        for table in TABLES:
            with connection.cursor().copy(_copy("COPY {} TO STDOUT", table)) as copy:
                kept[table] = [bytes(part) for part in copy]
    return {table: parts for table, parts in kept.items() if parts}


def _copy(statement: str, table: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(table))
