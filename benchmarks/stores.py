"""What the databases that are measured can do for a benchmark, whichever kind they are.

The kinds are in `sqlite_stores` and `postgres_stores`, what is put into them in `filling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Table

from benchmarks.replays import Chunk
from routines.dispatch import zone_data
from routines.storage.database import Database
from routines.storage.opening import DatabasePlace, open_database


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

    def recording(self) -> AbstractContextManager[list[Chunk]]:
        """What is written to databases of this kind from here to the end, transaction by transaction."""
        ...

    def replay(self, chunks: Sequence[Chunk], writers: int) -> float:
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


def migrated(store: AnyStore) -> AnyStore:
    """A store that has the service's tables from now on."""
    with opened(store) as database:
        zone_data.refresh(database)
    return store
