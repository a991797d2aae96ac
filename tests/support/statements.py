"""SQL statements that are compiled once for all servers of a test process.

What the statements are and say is the service's.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import Dialect

Key = tuple[Any, ...]


class SharedStatements:
    """Compiled statements by their text and the kind of database, not by the engine that first needed them.

    Each test has engines of its own, and would compile anew each statement that it sends, in more time than the
    database then takes.
    """

    def __init__(self) -> None:
        self._compiled: dict[Key, Any] = {}

    def get(self, key: Key) -> Any:
        """A compiled statement, or None."""
        return self._compiled.get(_of_any_engine(*key))

    def __setitem__(self, key: Key, compiled: Any) -> None:
        self._compiled[_of_any_engine(*key)] = compiled


def _of_any_engine(dialect: Dialect, *rest: Any) -> Key:
    return (dialect.name, dialect.driver, dialect.paramstyle, dialect.server_version_info, *rest)


def share_statements() -> None:
    """From now on, every engine of this process uses what any of them has compiled."""
    shared = SharedStatements()

    @event.listens_for(Engine, "engine_connect")
    def share(connection: Connection) -> None:
        # What is public must be said to each engine; of a mapping it uses these two methods.
        connection.engine._compiled_cache = shared  # type: ignore[assignment]  # noqa: SLF001 - as said above
