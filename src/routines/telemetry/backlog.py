"""What waits in the database at this moment, asked for in a thread of its own so that nobody has to wait for long.

How it is shown is `metrics`' and `readiness`'.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, Thread

import structlog

from routines.clock import Clock
from routines.core.errors import RoutinesError
from routines.core.instants import month_of
from routines.core.limits import BACKLOG_COUNTED_MAX
from routines.storage.database import Database
from routines.storage.queries import heartbeat_runs, triggers

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, counted up to a bound, and for how long the oldest of it has, in seconds; 0 where nothing waits."""

    slots_due: int
    slot_age_seconds: float
    heartbeats_queued: int
    heartbeat_age_seconds: float


class BacklogProbe:
    """Asks a database for its backlog, at most one question at a time, however many want to know."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._asked: Future[Backlog | None] | None = None

    async def backlog(self, seconds_max: float) -> Backlog | None:
        """The backlog, or None if the database does not tell it within so many seconds."""
        answer = asyncio.wrap_future(self._ask())
        with suppress(TimeoutError):
            # Shielded: whoever else waits for the same answer still gets it.
            return await asyncio.wait_for(asyncio.shield(answer), seconds_max)
        return None

    def _ask(self) -> Future[Backlog | None]:
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                try:
                    Thread(target=self._answer, args=(self._asked,), name="backlog", daemon=True).start()
                except RuntimeError as error:  # the machine has no thread left, and may have one at the next question
                    log.warning("backlog_not_read", error=str(error))
                    self._asked.set_result(None)
            return self._asked

    def _answer(self, asked: Future[Backlog | None]) -> None:
        backlog = None
        try:
            backlog = self._read()
        except RoutinesError as error:
            log.warning("backlog_not_read", error=error.sentence)
        except Exception:
            log.exception("backlog_not_read")
        finally:
            asked.set_result(backlog)

    def _read(self) -> Backlog:
        now = self._clock.now()
        with self._database.read() as connection:
            next_slot = triggers.next_slot(connection)
            due = triggers.count_due(connection, now, BACKLOG_COUNTED_MAX)
            queued, waiting_since = heartbeat_runs.queue(connection, month_of(now), BACKLOG_COUNTED_MAX)
        return Backlog(due, _age(next_slot, now), queued, _age(waiting_since, now))


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
