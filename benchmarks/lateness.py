"""How late a slot is on disk, alone on an idle machine and among 1,000 of the same minute.

The clock runs in real time towards each slot and leaps over the dull minutes in between, as a machine's may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from queue import Queue
from unittest.mock import patch

from benchmarks.figures import Figure, Group, at_most, percentile
from benchmarks.filling import IDS, MINUTE, add_homes, add_schedules
from benchmarks.stores import Stores, opened
from routines.clock import AS_IT_IS, Clock
from routines.dispatch.scheduler import Scheduler
from routines.storage.database import Database, Notices, Transaction, ignore
from routines.storage.queries import triggers

GRACE = timedelta(minutes=1)
APPROACH = timedelta(seconds=1.2)  # longer than the scheduler's longest sleep, so that it learns of each leap in time


class LeapingClock:
    """A clock that can be put forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Its time and all leaps."""
        return self._clock.now() + self._ahead

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """As far before it."""
        return self._clock.earlier(instant, seconds)

    def leap_to(self, instant: datetime) -> None:
        """Be at `instant` now, and run on from there."""
        self._ahead += instant - self.now()


@contextmanager
def _stored_at(database: Database, clock: Clock) -> Iterator[Queue[datetime]]:
    """When each transaction in which something was fired was on disk."""
    stored: Queue[datetime] = Queue()
    write = database.write

    @contextmanager
    def watched() -> Iterator[Transaction]:
        with write() as transaction, patch.object(transaction.hot, "write", wraps=transaction.hot.write) as written:
            yield transaction
        if any(call.args[0].runs for call in written.call_args_list):
            stored.put(clock.now())

    with patch.object(database, "write", watched):
        yield stored


def _late(stores: Stores, schedules: int, slots: int) -> list[float]:
    """For each of some slots, how many milliseconds after it the last of that many schedules was on disk."""
    late = []
    with stores.new() as store, opened(store) as database:
        clock = LeapingClock(database.make_clock(AS_IT_IS))
        slot = add_schedules(store, add_homes(store, clock.now()), schedules, clock.now())
        clock.leap_to(slot - APPROACH)
        scheduler = Scheduler(database, clock, IDS, grace=GRACE)
        database.watch(Notices(slot=scheduler.notice, wake_up=ignore))
        with _stored_at(database, clock) as stored_at:
            scheduler.start()
            for _ in range(slots):
                # The first transaction of a slot also tells how many more there will be.
                stored = [stored_at.get()]
                while _unsettled(database, slot):
                    stored.append(stored_at.get())
                while not stored_at.empty():
                    stored.append(stored_at.get())
                late.append((max(stored) - slot) / timedelta(milliseconds=1))
                slot += MINUTE
                clock.leap_to(slot - APPROACH)
            scheduler.stop()
    return late


def _unsettled(database: Database, slot: datetime) -> bool:
    with database.read() as connection:
        following = triggers.next_slot(connection)
    return following is not None and following <= slot


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, slots, crowds = (1, 3, 1) if quick else (2, 40, 5)
    alone = [_late(stores, 1, slots) for _ in range(rounds)]
    every = [wait for each in alone for wait in each]
    crowded = [late / 1000 for late in _late(stores, 1_000, crowds + 1)[1:]]
    return Group(
        f"lateness on {stores.kind}",
        f"from the slot's time until its transaction is on disk: {len(every)} slots of one schedule in real time, the "
        f"clock put forward between them; {crowds} slots of 1,000 schedules until the last is on disk",
        [
            Figure("one slot, p50", [percentile(each, 50) for each in alone], "ms"),
            Figure("  p99", [percentile(every, 99)], "ms", at_most(100)),
            Figure("  longest", [max(every)], "ms"),
            Figure("1,000 slots of one minute", crowded, "s", at_most(1)),
        ],
    )
