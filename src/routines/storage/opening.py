"""From a database URL to a database that is up to date: the one place that chooses among the databases.

What each of them does is in its own package.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from routines.core.errors import RoutinesError
from routines.storage.database import Database
from routines.storage.sqlite.database import SqliteDatabase

DATABASE_FILE = "routines.db"


class DatabaseUrlError(RoutinesError):
    """No database can be opened by that URL."""


class DatabaseInUseError(RoutinesError):
    """Another server works on the database."""


def database_file(url: str | None, data_dir: Path) -> Path:
    """The SQLite file that a URL names, or the one in the data folder if there is no URL."""
    if url is None:
        return data_dir / DATABASE_FILE
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise DatabaseUrlError(f"The database URL {url!r} cannot be used; give sqlite:///path, or none")
    return Path(parsed.database)


def open_database(url: str | None, data_dir: Path) -> Database:
    """The database at that URL, or the one in the data folder, made and brought up to date as needed.

    Raises `DatabaseUrlError`, or `DatabaseTooNewError` having changed nothing.
    """
    database = SqliteDatabase(database_file(url, data_dir))
    try:
        database.migrate()
    except BaseException:
        database.close()
        raise
    return database


def lock_database(url: str | None, data_dir: Path) -> FileLock:
    """Hold the database for this server alone, for SQLite has one; raises `DatabaseInUseError`."""
    path = database_file(url, data_dir)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DatabaseInUseError(
            f"Another server works on {path}; stop it, or give this one a folder of its own with --data-dir"
        ) from None
    return lock
