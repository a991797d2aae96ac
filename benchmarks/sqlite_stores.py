"""SQLite files to measure on, each in a folder of its own.

What a store promises is said in `stores`.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from benchmarks import replays
from benchmarks.stores import migrated
from routines.storage.opening import DATABASE_FILE
from routines.storage.sqlite.database import SqliteDatabase


class SqliteStore:
    """A file in a folder of its own, which is also its server's data folder."""

    kind = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / DATABASE_FILE

    @property
    def url(self) -> str:
        """The file's URL."""
        return f"sqlite:///{self._file}"

    @property
    def environment(self) -> dict[str, str]:
        """Its folder."""
        return {"ROUTINES_DATA_DIR": str(self._folder)}

    @contextmanager
    def copy(self) -> Iterator[SqliteStore]:
        """A copy of the file."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(self._file, folder)
            yield SqliteStore(Path(folder))

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
        """By one statement, in one transaction."""
        places = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(self._file)) as driver, driver:
            driver.execute("PRAGMA cache_size = -500000")  # 500 MB, or a million rows' indexes are written many times
            driver.executemany(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})", rows)  # noqa: S608 - constants

    def settle(self) -> None:
        """Nothing: it never does so by itself."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """By a connection of its own."""
        with closing(sqlite3.connect(self._file)) as driver:
            return driver.execute(query).fetchall()

    def recording(self) -> AbstractContextManager[list[replays.Chunk]]:
        """What the service's statements write."""
        return replays.recording_sqlite()

    def replay(self, chunks: Sequence[replays.Chunk], writers: int) -> float:
        """One writer is all there can be."""
        del writers
        return replays.replay_sqlite(self._file, chunks)

    def cpu_seconds(self) -> float:
        """It has no processes."""
        return 0.0


class SqliteStores:
    """Files, each in a folder of its own."""

    kind = SqliteStore.kind
    writers = SqliteDatabase.writers

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    @contextmanager
    def new(self) -> Iterator[SqliteStore]:
        """A migrated file."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            yield migrated(SqliteStore(Path(folder)))

    def bare_url(self) -> str:
        """A file that is not there yet."""
        return f"sqlite:///{self._folder / f'bare-{next(self._numbers)}.db'}"


@contextmanager
def sqlite_stores() -> Iterator[SqliteStores]:
    """Files in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield SqliteStores(Path(folder))
