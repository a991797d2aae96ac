"""Databases to measure on of a PostgreSQL cluster that is made for them.

What a store promises is said in `stores`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Table

from benchmarks import machine, replays
from benchmarks.stores import migrated
from routines.storage.postgres.database import PostgresDatabase
from support.postgres import Cluster, PostgresServer

OPTIONS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
"""What an operator would set for such loads; all else is as PostgreSQL comes, with every commit on disk."""


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
            yield migrated(PostgresStore(self._server, name, Path(folder)))
        self._server.drop(name)

    def bare_url(self) -> str:
        """A database without tables."""
        return self._server.url(self._created())

    def _created(self) -> str:
        name = f"measured_{next(self._numbers)}"
        self._server.create(name)
        return name


@contextmanager
def postgres_stores() -> Iterator[PostgresStores]:
    """A cluster of their own, with every commit on disk."""
    with Cluster(durable=True, options=OPTIONS) as cluster, tempfile.TemporaryDirectory() as folder:
        yield PostgresStores(cluster.server, Path(folder))
