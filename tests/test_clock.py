"""The clocks by which servers decide, and the ids that carry their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from routines import clock
from routines.clock import ClockSetting, DatabaseClock, Ids, SystemClock
from routines.core.instants import to_milliseconds
from support.clock import MONDAY_NOON, SECOND

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Machine:
    """A machine's clocks, which stand still until they are moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = NOON.timestamp()
        self.steady = 5_000.0
        monkeypatch.setattr(clock.time, "time", lambda: self.wall)
        monkeypatch.setattr(clock, "steady_seconds", lambda: self.steady)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_the_databases_clock_goes_on_by_the_steady_one_whatever_the_wall_clock_does(machine: Machine) -> None:
    watched = DatabaseClock()
    watched.answered(NOON.timestamp(), clock.steady_seconds())
    machine.wall += 3_600
    machine.steady += 1.5
    assert watched.now() == NOON + 1.5 * SECOND


def test_it_is_never_ahead_and_the_quickest_answer_counts(machine: Machine) -> None:
    watched = DatabaseClock()
    for way in (0.3, 0.01, 0.2):  # the database's clock showed noon and so much when it answered; then came the way
        watched.answered((NOON + machine.steady * SECOND - 5_000 * SECOND).timestamp() - way, machine.steady)
    assert watched.now() == NOON - 0.01 * SECOND


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=2)])
def test_it_follows_a_jump_of_the_databases_clock_at_once(jump: timedelta) -> None:
    watched = DatabaseClock()
    for _ in range(DatabaseClock.ANSWERS_KEPT):
        watched.answered(NOON.timestamp(), clock.steady_seconds())
    watched.answered((NOON + jump).timestamp(), clock.steady_seconds())
    assert watched.now() == NOON + jump


def test_an_answer_that_was_long_under_way_does_not_set_it_back(machine: Machine) -> None:
    watched = DatabaseClock()
    watched.answered(NOON.timestamp(), machine.steady)
    asked_at = machine.steady
    machine.steady += 3
    watched.answered(NOON.timestamp(), asked_at)
    assert watched.now() == NOON + 3 * SECOND


def test_it_shows_nothing_earlier_than_what_the_database_has_said(machine: Machine) -> None:
    watched = DatabaseClock()
    watched.answered(NOON.timestamp() - 0.25, machine.steady)
    watched.not_before(NOON.timestamp())
    assert watched.now() == NOON
    watched.not_before((NOON - SECOND).timestamp())
    assert watched.now() == NOON


def test_seconds_ago_count_as_fast_as_the_clock_runs() -> None:
    for made in (SystemClock(ClockSetting(rate=60)), DatabaseClock(ClockSetting(rate=60))):
        assert made.earlier(NOON, 2) == NOON - 120 * SECOND


def test_servers_with_the_same_setting_agree_whenever_they_started(machine: Machine) -> None:
    setting = ClockSetting(offset=SECOND, rate=60, since=NOON)
    first = SystemClock(setting)
    machine.wall += 10
    second = SystemClock(setting)
    assert first.now() == second.now() == NOON + 601 * SECOND


def test_a_faster_clock_runs_from_when_it_was_made(machine: Machine) -> None:
    made = SystemClock(ClockSetting(rate=60))
    machine.wall += 1
    assert made.now() == NOON + 60 * SECOND


def test_ids_are_version_7_uuids_with_the_instant_in_front() -> None:
    made = UUID(Ids().new(MONDAY_NOON))
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == to_milliseconds(MONDAY_NOON)


def test_ids_sort_as_they_were_made_also_when_the_clock_steps_back_a_little() -> None:
    ids = Ids()
    made = ids.many(MONDAY_NOON, 10_000) + ids.many(MONDAY_NOON - SECOND, 10) + ids.many(MONDAY_NOON + SECOND, 10)
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_the_machine_clock_is_on_whole_milliseconds() -> None:
    assert SystemClock().now().microsecond % 1000 == 0
