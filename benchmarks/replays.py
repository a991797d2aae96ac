"""What a burst writes, noted between the service and the driver, and the same written again by the driver alone.

Statements are kept in the transactions in which they came, without those that only read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg.copy import Copy, LibpqWriter

from routines.storage.postgres.database import BEGIN_WRITE
from routines.storage.postgres.hot import PostgresStatements
from routines.storage.sqlite.hot import SqliteStatements

Chunk = list[tuple[str, Any]]
"""The statements of one transaction, each with its values: rows on SQLite; parameters, or COPY data, on PostgreSQL."""


class SqliteRecorder:
    """Stands before SQLite's driver and notes what is written through it."""

    def __init__(self, driver: sqlite3.Connection, chunk: Chunk) -> None:
        self._driver = driver
        self._chunk = chunk

    def execute(self, statement: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """Pass a statement on."""
        if _writes(statement):
            self._chunk.append((statement, [values]))
        return self._driver.execute(statement, values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Pass a statement on."""
        listed = list(rows)
        self._chunk.append((statement, listed))
        return self._driver.executemany(statement, listed)


class PostgresRecorder:
    """Stands before PostgreSQL's driver, and its cursors, and notes what is written through it."""

    def __init__(self, driver: psycopg.Connection, chunk: Chunk) -> None:
        self._driver = driver
        self._chunk = chunk

    def execute(self, statement: str, values: Any = None) -> psycopg.Cursor:  # noqa: ANN401 - parameters as they come
        """Pass a statement on."""
        if _writes(statement):
            self._chunk.append((statement, values))
        return self._driver.execute(statement.encode(), values)

    @contextmanager
    def cursor(self) -> Iterator[PostgresRecorder]:
        """Itself, as far as COPY is concerned."""
        yield self

    @contextmanager
    def copy(self, statement: str) -> Iterator[Copy]:
        """Pass rows on, noting the bytes that are sent for them."""
        sent: list[bytes] = []

        class Noting(LibpqWriter):
            def write(self, data: Any) -> None:  # noqa: ANN401 - any buffer
                sent.append(bytes(data))
                super().write(data)

        with self._driver.cursor() as cursor, cursor.copy(statement.encode(), writer=Noting(cursor)) as copy:
            yield copy
        self._chunk.append((statement, b"".join(sent)))


def _writes(statement: str) -> bool:
    return not statement.lstrip().startswith("SELECT")


def recording_sqlite() -> AbstractContextManager[list[Chunk]]:
    """Note what the service's hot statements write to SQLite."""
    return _recording("routines.storage.sqlite.database.SqliteStatements", SqliteStatements, SqliteRecorder)


def recording_postgres() -> AbstractContextManager[list[Chunk]]:
    """Note what the service's hot statements write to PostgreSQL."""
    return _recording("routines.storage.postgres.database.PostgresStatements", PostgresStatements, PostgresRecorder)


@contextmanager
def _recording(
    place: str, statements: Callable[..., Any], recorder: Callable[[Any, Chunk], object]
) -> Iterator[list[Chunk]]:
    chunks: list[Chunk] = []

    def made(*connections: object) -> object:
        chunk: Chunk = []
        chunks.append(chunk)
        hot = statements(*connections)
        hot._driver = recorder(hot._driver, chunk)  # noqa: SLF001 - stands in
        return hot

    with patch(place, made):
        yield chunks


def replay_sqlite(file: Path, chunks: Iterable[Chunk]) -> float:
    """Write the chunks again and nothing else; the seconds it took."""
    with closing(sqlite3.connect(file, isolation_level=None)) as driver:
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            driver.execute(f"PRAGMA {pragma}")
        began = perf_counter()
        for chunk in chunks:
            driver.execute("BEGIN IMMEDIATE")
            for statement, rows in chunk:
                driver.executemany(statement.partition("RETURNING")[0], rows)
            driver.execute("COMMIT")
        return perf_counter() - began


def replay_postgres(url: str, chunks: Iterable[Chunk], writers: int) -> float:
    """Write the chunks again, over so many connections at once, and nothing else; the seconds it took."""
    waiting: SimpleQueue[Chunk] = SimpleQueue()
    for chunk in chunks:
        waiting.put(chunk)
    drivers = [psycopg.connect(url, autocommit=True, prepare_threshold=None) for _ in range(writers)]
    try:
        with ThreadPoolExecutor(writers) as threads:
            began = perf_counter()
            list(threads.map(_replay_waiting, drivers, [waiting] * writers))
            return perf_counter() - began
    finally:
        for driver in drivers:
            driver.close()


def _replay_waiting(driver: psycopg.Connection, waiting: SimpleQueue[Chunk]) -> None:
    while True:
        try:
            chunk = waiting.get_nowait()
        except Empty:
            return
        driver.execute(BEGIN_WRITE)
        for statement, values in chunk:
            if isinstance(values, bytes):
                with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                    copy.write(values)
            else:
                driver.execute(statement.encode(), values)
        driver.execute("COMMIT")
