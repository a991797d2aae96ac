"""From a database URL to a database that is up to date: the one place that chooses among the databases.

What each of them does is in its own package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from routines.core.errors import RoutinesError
from routines.observer import NOBODY, Observer
from routines.storage.database import Database
from routines.storage.sqlite.database import SqliteDatabase

if TYPE_CHECKING:  # loaded when it is used
    from routines.storage.postgres.database import PostgresDatabase

DATABASE_FILE = "routines.db"
POSTGRESQL_NAMES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


class DatabaseUrlError(RoutinesError):
    """No database can be opened by that URL."""


class DatabaseInUseError(RoutinesError):
    """Another server works on the database."""


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """Where the database is: a URL, or none for the file in the data folder.

    `direct_url` leads to a PostgreSQL past a pooler in transaction mode.
    """

    url: str | None
    data_dir: Path
    direct_url: str | None = None

    def file(self) -> Path | None:
        """The SQLite file, or None for a PostgreSQL; raises `DatabaseUrlError`."""
        if self.url is None:
            return self.data_dir / DATABASE_FILE
        parsed = _parsed(self.url)
        if parsed is not None and parsed.get_backend_name() == "sqlite" and parsed.database:
            return Path(parsed.database)
        if parsed is not None and parsed.drivername in POSTGRESQL_NAMES and parsed.database:
            return None
        shown = self.url.partition(":")[0] if parsed is None else parsed.render_as_string()
        raise DatabaseUrlError(
            f"The database URL {shown!r} cannot be used; give sqlite:///path, postgresql://user:password@host/name, "
            "or none"
        )


def _parsed(url: str) -> URL | None:
    try:
        return make_url(url)
    except ArgumentError:
        return None


def database_at(place: DatabasePlace, observer: Observer = NOBODY) -> SqliteDatabase | PostgresDatabase:
    """The database at that place as it is, whatever its version; raises `DatabaseUrlError`."""
    path = place.file()
    return _postgres(place, observer) if path is None else SqliteDatabase(path, observer)


def open_database(place: DatabasePlace, observer: Observer = NOBODY) -> Database:
    """The database at that place, made and brought up to date as needed; the observer is told what happens in it.

    Raises `DatabaseUrlError`, `UnavailableError` for a PostgreSQL that does not answer, `DatabaseUnfitError` for one
    that the service cannot work on, or `DatabaseTooNewError` having changed nothing.
    """
    database = database_at(place, observer)
    try:
        database.migrate()
    except BaseException:
        database.close()
        raise
    return database


def hold_unserved(place: DatabasePlace) -> FileLock | None:
    """Make sure that no server works on a database, and on an SQLite file that none begins to while the lock is held.

    Raises `DatabaseInUseError`, or `UnavailableError` for a PostgreSQL that does not answer.
    """
    if place.file() is not None:
        return lock_database(place)
    database = _postgres(place, NOBODY)
    try:
        count = database.servers()
    finally:
        database.close()
    if count:
        raise DatabaseInUseError(f"Servers work on {database.place}: {count}; stop them first")
    return None


def _postgres(place: DatabasePlace, observer: Observer) -> PostgresDatabase:
    from routines.storage.postgres.database import PostgresDatabase  # noqa: PLC0415 - its driver is slow to load

    return PostgresDatabase(place.url or "", place.direct_url, observer)


def lock_database(place: DatabasePlace) -> FileLock | None:
    """Hold an SQLite file for this server alone, for it has one; raises `DatabaseInUseError`.

    A PostgreSQL has any number of servers and is not held.
    """
    path = place.file()
    if path is None:
        return None
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DatabaseInUseError(
            f"Another server works on {path}; stop it, or give this one a folder of its own with --data-dir"
        ) from None
    return lock
