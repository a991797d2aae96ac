"""Removes what is old, in the background and in small transactions: runs, activity, heartbeats, and both logs.

What may be removed is asked and removed by `storage.queries.removal`. Any number of servers do this side by side: one
at a time removes, and one that finds another at it leaves the rest to that one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Thread
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from routines.clock import Clock, monotonic_seconds
from routines.core.errors import UnavailableError
from routines.core.limits import NOTIFICATIONS_KEPT_DAYS, REMOVED_AT_ONCE_MAX
from routines.storage.database import Database, Transaction
from routines.storage.queries import removal
from routines.storage.queries.removal import BEFORE_ALL, Age, Page

INTERVAL_SECONDS = 600  # what is days old may wait for minutes
NOTIFICATIONS_KEPT = timedelta(days=NOTIFICATIONS_KEPT_DAYS)
PAUSE_SHARE = 4  # after each transaction it pauses for so many times as long, so that fires go first

log = structlog.get_logger(__name__)


class _Kind(NamedTuple):
    """Rows of one kind: how old ones are found, page by page, and removed."""

    name: str
    page: Callable[..., Page | None]
    remove: Callable[..., int]


RUNS = _Kind("runs", removal.page_of_runs, removal.remove_runs)
ACTIVITY = _Kind("activity", removal.page_of_activity, removal.remove_activity)
HEARTBEATS = _Kind("heartbeats", removal.page_of_heartbeats, removal.remove_heartbeats)
DELIVERIES = _Kind("deliveries", removal.page_of_deliveries, removal.remove_deliveries)
NOTIFICATIONS = _Kind("notifications", removal.page_of_notifications, removal.remove_notifications)


class Retention:
    """Keeps a database's history to an age, in a thread of its own between `start` and `stop`.

    With `keep` None all history is kept; signed requests that cannot come again are forgotten in any case, and so is
    the log of notifications after a month.
    """

    def __init__(self, database: Database, clock: Clock, *, keep: timedelta | None) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin removing."""
        self._thread.start()

    def leave_off(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    def stop(self) -> None:
        """Return once nothing more will be removed."""
        self.leave_off()
        if self._thread.is_alive():
            self._thread.join()

    def tidy_once(self, now: datetime) -> int:
        """Remove all that is old at `now`, unless another server is at it; how many rows."""
        removed = self._forget_causes(now)
        if self._keep is not None:
            age = Age(until=now - self._keep, now=now)
            removed += sum(self._remove(kind, age) for kind in (RUNS, ACTIVITY, HEARTBEATS, DELIVERIES))
        log_kept = NOTIFICATIONS_KEPT if self._keep is None else min(self._keep, NOTIFICATIONS_KEPT)
        return removed + self._remove(NOTIFICATIONS, Age(until=now - log_kept, now=now))

    def _remove(self, kind: _Kind, age: Age) -> int:
        removed, page = 0, Page([], BEFORE_ALL)
        while not self._stopping.is_set():
            with self._database.read() as connection:
                following = kind.page(connection, age, page.last, limit=REMOVED_AT_ONCE_MAX)
            if following is None:
                break
            page = following
            if page.to_remove:
                count = self._in_transaction(partial(kind.remove, age=age, ids=page.to_remove))
                removed += count
                if count < len(page.to_remove):  # another server removes them, or somebody works on one just now
                    break
        if removed:
            log.info("history_removed", kind=kind.name, rows=removed, until=age.until.isoformat())
        return removed

    def _forget_causes(self, now: datetime) -> int:
        """Forget signed requests that are too old to be accepted again anyway."""
        with self._database.read() as connection:
            count = REMOVED_AT_ONCE_MAX if removal.any_expired_alias(connection, now) else 0
        removed = 0
        while count == REMOVED_AT_ONCE_MAX and not self._stopping.is_set():
            count = self._in_transaction(partial(removal.remove_expired_aliases, now=now, limit=REMOVED_AT_ONCE_MAX))
            removed += count
        return removed

    def _in_transaction(self, remove: Callable[[Connection], int]) -> int:
        """Remove in one transaction unless another server is removing, then pause; how many."""
        begun = monotonic_seconds()
        with self._database.write() as transaction:
            count = _unless_another_does(transaction, remove)
        self._stopping.wait(PAUSE_SHARE * (monotonic_seconds() - begun))
        return count

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.tidy_once(self._clock.now())
            except UnavailableError as error:
                log.warning("retention_waits_for_database", error=error.sentence)
            except Exception:
                log.exception("retention_failed")
            self._stopping.wait(INTERVAL_SECONDS)


def _unless_another_does(transaction: Transaction, remove: Callable[[Connection], int]) -> int:
    return remove(transaction.connection) if transaction.locks.removal() else 0
