"""How late a slot is on disk, alone on an idle machine and among 1,000 of the same minute.

The clock runs in real time towards each slot and leaps over the dull minutes in between, as a machine's may.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from queue import Queue

from sqlalchemy import Connection

from benchmarks.figures import Figure, Group, at_most, percentile
from benchmarks.population import IDS, MINUTE, add_home, add_schedules, database_in
from routines.clock import SystemClock
from routines.dispatch.scheduler import Scheduler
from routines.storage.database import Transaction
from routines.storage.sqlite.database import SqliteDatabase

GRACE = timedelta(minutes=1)
APPROACH = timedelta(seconds=1.2)  # longer than the scheduler's longest sleep, so that it learns of each leap in time


class LeapingClock:
    """The machine's clock, which can be put forward."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The machine's time and all leaps."""
        return self._system.now() + self._ahead

    def leap_to(self, instant: datetime) -> None:
        """Be at `instant` now, and run on from there."""
        self._ahead += instant - self.now()


class WatchedDatabase:
    """A database that tells when each of its transactions is on disk."""

    def __init__(self, database: SqliteDatabase, clock: LeapingClock) -> None:
        self._database = database
        self._clock = clock
        self.stored_at: Queue[datetime] = Queue()

    def read(self) -> AbstractContextManager[Connection]:
        """As the database itself."""
        return self._database.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """As the database itself, and then note the time."""
        with self._database.write() as transaction:
            yield transaction
        self.stored_at.put(self._clock.now())

    def describe(self) -> dict[str, str]:
        """As the database itself."""
        return dict(self._database.describe())

    def close(self) -> None:
        """As the database itself."""
        self._database.close()


def _late(schedules: int, slots: int) -> list[float]:
    """For each of some slots, how many milliseconds after it the last of that many schedules was on disk."""
    late = []
    with tempfile.TemporaryDirectory() as folder:
        clock = LeapingClock()
        file = database_in(Path(folder))
        slot = add_schedules(file, add_home(file, clock.now()), schedules, clock.now())
        database = WatchedDatabase(file, clock)
        clock.leap_to(slot - APPROACH)
        scheduler = Scheduler(database, clock, IDS, grace=GRACE)
        scheduler.start()
        for _ in range(slots):
            # The first transaction of a slot also tells how many more there will be.
            stored = [database.stored_at.get()]
            while _unsettled(file, slot):
                stored.append(database.stored_at.get())
            while not database.stored_at.empty():
                stored.append(database.stored_at.get())
            late.append((stored[-1] - slot) / timedelta(milliseconds=1))
            slot += MINUTE
            clock.leap_to(slot - APPROACH)
        scheduler.stop()
        database.close()
    return late


def _unsettled(database: SqliteDatabase, slot: datetime) -> bool:
    with database.read() as connection:
        query = "SELECT EXISTS (SELECT 1 FROM triggers WHERE next_run_at <= ?)"
        return bool(connection.exec_driver_sql(query, (int(slot.timestamp() * 1000),)).scalar_one())


def measure(*, quick: bool) -> Group:
    """The group's figures."""
    rounds, slots, crowds = (1, 3, 1) if quick else (3, 34, 7)
    alone = [_late(1, slots) for _ in range(rounds)]
    every = [wait for each in alone for wait in each]
    crowded = [late / 1000 for late in _late(1_000, crowds + 1)[1:]]
    return Group(
        "lateness",
        f"from the slot's time until its transaction is on disk: {len(every)} slots of one schedule in real time, the "
        f"clock put forward between them; {crowds} slots of 1,000 schedules until the last is on disk",
        [
            Figure("one slot, p50", [percentile(each, 50) for each in alone], "ms"),
            Figure("  p99", [percentile(every, 99)], "ms", at_most(100)),
            Figure("  longest", [max(every)], "ms"),
            Figure("1,000 slots of one minute", crowded, "s", at_most(1)),
        ],
    )
