"""The databases that are measured, each kind by one class: made anew, copied, filled, served, recorded and replayed.

What is in them is in `filling`, how a burst is replayed in `replays`; which kind it is, no figure asks.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import psycopg
from sqlalchemy import Table

from benchmarks import machine, replays
from routines.dispatch import zone_data
from routines.storage.database import Database
from routines.storage.opening import DATABASE_FILE, DatabasePlace, open_database
from routines.storage.postgres.database import PostgresDatabase
from routines.storage.sqlite.database import SqliteDatabase

if TYPE_CHECKING:  # with the tests, and loaded when it is used
    from support.postgres import PostgresServer
POSTGRES_OPTIONS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
"""What an operator would set for such loads; all else is as PostgreSQL comes, with every commit on disk."""


class Store(Protocol):
    """One database, at first with the service's tables and nothing in them."""

    kind: str

    @property
    def url(self) -> str:
        """The database URL."""
        ...

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which a server serves it."""
        ...

    def copy(self) -> AbstractContextManager[Store]:
        """A database of the same content, removed at the end; nobody may be connected to this one."""
        ...

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
        """Write many rows, without asking whether they belong together."""
        ...

    def settle(self) -> None:
        """Do what the database itself would do after a while: tidy up, and learn what its tables hold."""
        ...

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a bare driver reads."""
        ...

    def recording(self) -> AbstractContextManager[list[replays.Chunk]]:
        """What is written to databases of this kind from here to the end, transaction by transaction."""
        ...

    def replay(self, chunks: Sequence[replays.Chunk], writers: int) -> float:
        """Write the same in the same transactions, over so many connections at once; the seconds it took."""
        ...

    def cpu_seconds(self) -> float:
        """How long the database's own processes, if it has any, have run on a core."""
        ...


class Stores(Protocol):
    """Makes databases of one kind, which last as long as it does."""

    kind: str
    writers: int
    """How many sets of fires the service writes at once."""

    def new(self) -> AbstractContextManager[Store]:
        """A new database, removed at the end."""
        ...

    def bare_url(self) -> str:
        """A new database with nothing in it, for other libraries; its URL."""
        ...


def opened(store: Store) -> closing[Database]:
    """The service's database over a store."""
    return closing(open_database(DatabasePlace(store.url, Path())))


AnyStore = TypeVar("AnyStore", bound=Store)


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
            yield _migrated(SqliteStore(Path(folder)))

    def bare_url(self) -> str:
        """A file that is not there yet."""
        return f"sqlite:///{self._folder / f'bare-{next(self._numbers)}.db'}"


class PostgresStore:
    """A database of a cluster; its servers have a data folder beside it, for the master key."""

    kind = "PostgreSQL"

    def __init__(self, server: PostgresServer, name: str, folder: Path) -> None:
        self._server = server
        self._name = name
        self._folder = folder
        self._copies = count()

    @property
    def url(self) -> str:
        """Its URL, by the cluster's socket."""
        return self._server.url(self._name)

    @property
    def environment(self) -> dict[str, str]:
        """Its URL, and the data folder."""
        return {"ROUTINES_DATA_DIR": str(self._folder), "ROUTINES_DATABASE_URL": self.url}

    @contextmanager
    def copy(self) -> Iterator[PostgresStore]:
        """A database of which this one is the template."""
        name = f"{self._name}_{next(self._copies)}"
        self._server.create(name, self._name)
        try:
            yield PostgresStore(self._server, name, self._folder)
        finally:
            self._server.drop(name)

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
        """By COPY, without foreign keys being looked up; autovacuum is not told, or it might come to learn from it."""
        statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
        with self._connection() as driver, driver.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            with cursor.copy(statement.encode()) as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute("SELECT pg_stat_reset()")

    def settle(self) -> None:
        """What autovacuum comes to do within minutes."""
        with self._connection() as driver:
            driver.execute("VACUUM (ANALYZE)")
            driver.execute("CHECKPOINT")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """By a connection of its own."""
        with self._connection() as driver:
            return driver.execute(query.encode()).fetchall()

    def recording(self) -> AbstractContextManager[list[replays.Chunk]]:
        """What the service's statements write, COPY data as it went over the wire."""
        return replays.recording_postgres()

    def replay(self, chunks: Sequence[replays.Chunk], writers: int) -> float:
        """Each connection in a thread, as the scheduler has them."""
        return replays.replay_postgres(self.url, chunks, writers)

    def cpu_seconds(self) -> float:
        """Of the postmaster and all that it started."""
        with self._connection() as driver:
            return machine.family_cpu_seconds(machine.parent_of(driver.info.backend_pid))

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)


class PostgresStores:
    """Databases of a cluster, which is made for them."""

    kind = PostgresStore.kind
    writers = PostgresDatabase.writers

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._numbers = count()

    @contextmanager
    def new(self) -> Iterator[PostgresStore]:
        """A migrated database."""
        name = self._created()
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            yield _migrated(PostgresStore(self._server, name, Path(folder)))
        self._server.drop(name)

    def bare_url(self) -> str:
        """A database without tables."""
        return self._server.url(self._created())

    def _created(self) -> str:
        name = f"measured_{next(self._numbers)}"
        self._server.create(name)
        return name


@contextmanager
def sqlite_stores() -> Iterator[SqliteStores]:
    """Files in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield SqliteStores(Path(folder))


@contextmanager
def postgres_stores() -> Iterator[PostgresStores]:
    """A cluster of their own, with every commit on disk."""
    from support.postgres import Cluster  # noqa: PLC0415 - only who measures PostgreSQL needs one

    with Cluster(durable=True, options=POSTGRES_OPTIONS) as cluster, tempfile.TemporaryDirectory() as folder:
        yield PostgresStores(cluster.server, Path(folder))


KINDS: dict[str, Callable[[], AbstractContextManager[Stores]]] = {
    "sqlite": sqlite_stores,
    "postgres": postgres_stores,
}


def _migrated(store: AnyStore) -> AnyStore:
    with opened(store) as database:
        zone_data.refresh(database)
    return store
