"""The scheduler's own thread: sleeps until the wall clock shows a slot, is woken by changes, and outlives faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Empty, Queue
from threading import Semaphore, get_ident
from typing import Any

import pytest

from routines.clock import Ids
from routines.core.errors import UnavailableError
from routines.core.instants import iso
from routines.dispatch.scheduler import Scheduler
from support.clock import HOUR, MINUTE, ManualClock
from support.schedules import GRACE, MILLISECOND, ONE_PM, hourly, schedule, slots
from support.service import Company, Service
from support.together import together

PATIENCE_SECONDS = 30
"""How long a busy machine may take for what is expected at once."""
FOR_EVER_SECONDS = 600.0


class WatchedClock(ManualClock):
    """Tells each time when a thread other than the test's has read it."""

    def __init__(self) -> None:
        super().__init__()
        self._test = get_ident()
        self.readings = Semaphore(0)

    def now(self) -> Any:
        """The instant that was set."""
        if get_ident() != self._test:
            self.readings.release()
        return self.at


class Looks:
    """What the scheduler found each time when it looked for due slots; a look can be made to fail."""

    def __init__(self, fire_due: Callable[[], int]) -> None:
        self._fire_due = fire_due
        self._found: Queue[int | str] = Queue()
        self.faults: list[Exception] = []

    def __call__(self) -> int:
        """Look, and tell."""
        if self.faults:
            self._found.put("fault")
            raise self.faults.pop()
        found = self._fire_due()
        self._found.put(found)
        return found

    def next(self) -> int | str:
        """What the next look finds, once it is over."""
        return self._found.get(timeout=PATIENCE_SECONDS)

    def none_was_made(self) -> bool:
        """True if there was no look since the last one asked for."""
        try:
            self._found.get_nowait()
        except Empty:
            return True
        return False


@pytest.fixture
def clock() -> WatchedClock:
    return WatchedClock()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the longest time for which the scheduler sleeps, a second otherwise."""
    return lambda seconds: monkeypatch.setattr("routines.dispatch.scheduler.SLEEP_SECONDS_MAX", seconds)


@pytest.fixture
def looks(service: Service, monkeypatch: pytest.MonkeyPatch, naps: Callable[[float], None]) -> Looks:
    naps(0.01)
    monkeypatch.setattr("routines.dispatch.scheduler.RETRY_SECONDS", 0.01)
    watched = Looks(service.server.scheduler.fire_due)
    monkeypatch.setattr(service.server.scheduler, "fire_due", watched)
    return watched


@pytest.fixture
def scheduler(service: Service, looks: Looks) -> Iterator[Scheduler]:
    """The service's scheduler, watched by `looks`, not started yet."""
    del looks
    yield service.server.scheduler
    service.server.scheduler.stop()


def test_it_fires_a_slot_when_the_wall_clock_shows_it(
    scheduler: Scheduler, clock: WatchedClock, looks: Looks, company: Company
) -> None:
    routine = hourly(company)
    scheduler.start()
    assert looks.next() == 0
    for hour in range(3):
        clock.at = ONE_PM + hour * HOUR
        assert looks.next() == 1
    scheduler.stop()
    assert slots(company, routine) == [iso(ONE_PM + hour * HOUR) for hour in range(3)]


def test_it_fires_at_its_start_what_became_due_while_it_was_down(
    scheduler: Scheduler, clock: WatchedClock, looks: Looks, company: Company
) -> None:
    routine = hourly(company)
    clock.at = ONE_PM + GRACE
    scheduler.start()
    assert looks.next() == 1
    scheduler.stop()
    assert slots(company, routine) == [iso(ONE_PM)]


def test_it_asks_the_database_only_when_something_is_due(
    scheduler: Scheduler, clock: WatchedClock, looks: Looks, company: Company
) -> None:
    hourly(company)
    scheduler.start()
    assert looks.next() == 0
    clock.at = ONE_PM - MILLISECOND
    for _ in range(20):
        assert clock.readings.acquire(timeout=PATIENCE_SECONDS)
    assert looks.none_was_made()


def test_a_change_that_brings_a_slot_nearer_wakes_it(
    scheduler: Scheduler, clock: WatchedClock, looks: Looks, company: Company, naps: Callable[[float], None]
) -> None:
    naps(FOR_EVER_SECONDS)
    scheduler.start()
    assert looks.next() == 0
    clock.at = ONE_PM - MILLISECOND  # from here on only being woken can make it look again
    routine = company.routine(triggers=[schedule()])
    clock.at = ONE_PM
    assert looks.next() == 1
    scheduler.stop()
    assert slots(company, routine) == [iso(ONE_PM)]


def test_a_slot_that_is_farther_than_the_one_waited_for_does_not_wake_it(
    scheduler: Scheduler, looks: Looks, company: Company
) -> None:
    hourly(company)
    scheduler.start()
    assert looks.next() == 0
    scheduler.notice(ONE_PM + HOUR)
    scheduler.notice(None)
    assert looks.none_was_made()


def test_a_clock_set_back_makes_it_wait_again_and_fire_once(
    scheduler: Scheduler, clock: WatchedClock, looks: Looks, company: Company
) -> None:
    routine = hourly(company)
    scheduler.start()
    assert looks.next() == 0
    clock.at = ONE_PM
    assert looks.next() == 1
    clock.at = ONE_PM - HOUR
    for _ in range(5):
        assert clock.readings.acquire(timeout=PATIENCE_SECONDS)
    clock.at = ONE_PM + HOUR
    assert looks.next() == 1
    scheduler.stop()
    assert slots(company, routine) == [iso(ONE_PM), iso(ONE_PM + HOUR)]


@pytest.mark.parametrize("fault", [UnavailableError("The database is away"), RuntimeError("a bug of ours")])
def test_a_look_that_fails_is_made_again_and_loses_no_slot(
    scheduler: Scheduler, clock: WatchedClock, looks: Looks, company: Company, fault: Exception
) -> None:
    routine = hourly(company)
    scheduler.start()
    assert looks.next() == 0
    looks.faults.append(fault)
    clock.at = ONE_PM
    assert looks.next() == "fault"
    assert looks.next() == 1
    scheduler.stop()
    assert slots(company, routine) == [iso(ONE_PM)]


def test_once_stopped_it_fires_nothing_more(
    scheduler: Scheduler, clock: WatchedClock, looks: Looks, company: Company
) -> None:
    routine = hourly(company)
    scheduler.start()
    assert looks.next() == 0
    scheduler.stop()
    clock.at = ONE_PM
    assert looks.none_was_made()
    assert company.runs(routine["id"]) == []


def test_stopping_twice_or_before_the_start_is_no_fault(scheduler: Scheduler) -> None:
    scheduler.stop()
    scheduler.stop()


@pytest.mark.parametrize("others", [1, 7])
def test_a_slot_fires_once_however_many_schedulers_look_at_once(
    service: Service, company: Company, others: int
) -> None:
    routines = [hourly(company) for _ in range(10)]
    rivals = [Scheduler(service.server.database, service.clock, Ids(), grace=GRACE) for _ in range(others)]
    for hour in range(2):
        service.clock.at = ONE_PM + hour * HOUR
        together([each.fire_due for each in (service.server.scheduler, *rivals)])
    for routine in routines:
        assert slots(company, routine) == [iso(ONE_PM), iso(ONE_PM + HOUR)]


def test_more_triggers_than_one_transaction_takes_all_fire_in_one_pass(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.server.database, "fires_at_once", 3)
    routine = company.routine(concurrencyPolicy="always_enqueue", triggers=[schedule()] * 10)
    service.clock.at = ONE_PM + MINUTE
    service.tick()
    assert slots(company, routine) == [iso(ONE_PM)] * 10
