"""A pool of connections that knows how many callers wait for one, and leaves none open when it is given up.

Which connections, and how many, is each database's own.
"""

from __future__ import annotations

from threading import Lock

from sqlalchemy import Engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from routines.storage.database import PoolState


class WatchedPool(QueuePool):
    """SQLAlchemy's pool, with those who wait counted; who finds a connection free costs no lock.

    A connection that is in use while the pool is disposed of is closed when it comes back; SQLAlchemy would forget it.
    """

    _count_lock = Lock()
    _is_disposed = False
    waiting = 0

    def dispose(self) -> None:
        """Close what is free now, and what is in use as soon as it is not."""
        self._is_disposed = True
        super().dispose()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        # Asked last, so that what comes back while the pool is emptied is found by one of both; who waits is first.
        if self._is_disposed and not self.waiting:
            super().dispose()

    def _do_get(self) -> ConnectionPoolEntry:
        if self.checkedout() < self.size():
            return super()._do_get()
        self._count(1)
        try:
            return super()._do_get()
        finally:
            self._count(-1)

    def _count(self, by: int) -> None:
        with self._count_lock:
            self.waiting += by


def state_of(name: str, engine: Engine) -> PoolState:
    """How busy an engine's connections are."""
    pool = engine.pool
    if not isinstance(pool, WatchedPool):
        raise TypeError(f"The pool of {name} is a {type(pool).__name__}; it must be a WatchedPool")
    return PoolState(name, pool.size(), pool.checkedout(), pool.waiting)
