"""Moving everything from one database to another: who may be using them, whether they fit, and what is printed.

How rows are moved and compared is in `storage.transfer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console

from routines.core.errors import RoutinesError
from routines.storage import migrations
from routines.storage.database import Database
from routines.storage.opening import DatabasePlace, database_at, hold_unserved, open_database
from routines.storage.transfer import Moved, transfer


class CannotMigrateError(RoutinesError):
    """The two databases are not such that one can be moved into the other."""


def migrate(source_url: str, target_url: str, console: Console) -> bool:
    """Move everything into an empty database and compare; a line for each table, and True if all arrived.

    Raises a `RoutinesError` that says what to do, having written nothing to either.
    """
    source, target = DatabasePlace(source_url, Path()), DatabasePlace(target_url, Path())
    files = [path.resolve() for path in (source.file(), target.file()) if path is not None]
    if source_url == target_url or len(set(files)) < len(files):
        raise CannotMigrateError("Both URLs are of one database; give --to one that is new and empty")
    with _source(source) as before, _target(target) as after:
        same: list[Moved] = []
        differences = transfer(before, after, written=lambda moved: _line(console, _told(moved)), compared=same.append)
    for table, key in differences:
        _line(console, f"The row {', '.join(map(str, key))} of {table} is not the same in both")
    if differences:
        _line(
            console, "Do not serve from the new database; the old one is as it was. Report this, with the lines above"
        )
        return False
    every = Moved("every table", sum(each.rows for each in same), sum(each.seconds for each in same))
    _line(console, f"{_told(every)}, compared: the same in both")
    _line(console, "The master key is not in the database: give the servers the one that they had")
    return True


@contextmanager
def _source(place: DatabasePlace) -> Iterator[Database]:
    """The database that is to be moved, with its servers stopped, at this program's version."""
    path = place.file()
    if path is not None and not path.is_file():
        raise CannotMigrateError(f"There is no database {path}")
    with _unserved(place), closing(database_at(place)) as database:
        with database.read() as connection:
            version = migrations.version(connection)
        if version is None:
            raise CannotMigrateError(f"The database {database.place} is empty; there is nothing to move")
        if version != migrations.NEWEST_VERSION:
            raise CannotMigrateError(
                f"The database {database.place} has version {version} and this program {migrations.NEWEST_VERSION}; "
                "start `routines serve` on it once, which brings it up to date or says that this program is too old"
            )
        yield database


@contextmanager
def _target(place: DatabasePlace) -> Iterator[Database]:
    """The database that is to take everything, at this program's version."""
    path = place.file()
    if path is not None and not path.parent.is_dir():
        raise CannotMigrateError(f"There is no folder {path.parent}; make it first")
    with _unserved(place):
        with closing(database_at(place)) as database, database.read() as connection:
            version = migrations.version(connection)
        if version not in {None, migrations.NEWEST_VERSION}:
            raise CannotMigrateError(f"The database {database.place} is not new: it has version {version} already")
        with closing(open_database(place)) as opened:
            yield opened


@contextmanager
def _unserved(place: DatabasePlace) -> Iterator[None]:
    lock = hold_unserved(place)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _told(moved: Moved) -> str:
    return f"{moved.table:<26} {moved.rows:>12,} rows {moved.seconds:>8.1f} s"


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
