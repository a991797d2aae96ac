"""Clocks that jump forward and back, as machines do: no slot fires twice, and none that is due is passed over."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from routines.core.instants import iso
from support.clock import DAY, HOUR, MINUTE, SECOND
from support.schedules import ONE_PM, hourly, only_trigger, schedule, slots, tick_at
from support.service import Company, Service, ok


@pytest.mark.parametrize("back", [SECOND, MINUTE, 90 * MINUTE, 3 * HOUR])
def test_a_clock_that_jumps_back_does_not_repeat_a_slot(service: Service, company: Company, back: timedelta) -> None:
    routine = hourly(company)
    tick_at(service, ONE_PM)
    tick_at(service, ONE_PM - back)
    tick_at(service, ONE_PM)
    tick_at(service, ONE_PM + 30 * SECOND)
    assert slots(company, routine) == [iso(ONE_PM)]
    assert len(company.runs(routine["id"])) == 1


def test_after_a_jump_back_the_next_slot_fires_at_its_time(service: Service, company: Company) -> None:
    routine = hourly(company)
    for instant in (ONE_PM, ONE_PM - HOUR, ONE_PM, ONE_PM + HOUR):
        tick_at(service, instant)
    assert slots(company, routine) == [iso(ONE_PM), iso(ONE_PM + HOUR)]


def test_slots_dropped_under_a_clock_that_ran_ahead_do_not_fire_when_it_is_set_right(
    service: Service, company: Company
) -> None:
    routine = hourly(company)
    tick_at(service, ONE_PM + 2 * HOUR + 30 * MINUTE)
    for hour in range(3):
        tick_at(service, ONE_PM + hour * HOUR)
    assert slots(company, routine) == []
    assert slots(company, routine, "skipped") == [iso(ONE_PM + 2 * HOUR)]
    tick_at(service, ONE_PM + 3 * HOUR)
    assert slots(company, routine) == [iso(ONE_PM + 3 * HOUR)]


@pytest.mark.parametrize("path", ["/routines/{routine}", "/routine-triggers/{trigger}"])
def test_pausing_and_resuming_under_a_clock_set_back_does_not_repeat_a_slot(
    service: Service, company: Company, path: str
) -> None:
    routine = hourly(company)
    tick_at(service, ONE_PM)
    service.clock.at = ONE_PM - 10 * MINUTE
    path = path.format(routine=routine["id"], trigger=routine["triggers"][0]["id"])
    stop, start = (
        ({"status": "paused"}, {"status": "active"}) if "routines" in path else ({"enabled": False}, {"enabled": True})
    )
    ok(company.board.patch(path, stop))
    ok(company.board.patch(path, start))
    assert only_trigger(company, routine)["nextRunAt"] == iso(ONE_PM + HOUR)
    tick_at(service, ONE_PM)
    assert slots(company, routine) == [iso(ONE_PM)]


@pytest.mark.parametrize("policy", ["skip_missed", "enqueue_missed_with_cap"])
@pytest.mark.parametrize("seed", range(5))
def test_no_slot_ever_fires_twice_however_the_clock_jumps(
    service: Service, company: Company, policy: str, seed: int
) -> None:
    routine = hourly(company, catchUpPolicy=policy, triggers=[schedule("*/20 * * * *")])
    jumps = random.Random(seed)  # noqa: S311 - jumps are no secret
    for _ in range(30):
        service.tick(jumps.choice([-3 * HOUR, -MINUTE, 10 * SECOND, 5 * MINUTE, 25 * MINUTE, 2 * HOUR]))
    fired = slots(company, routine)
    assert len(fired) == len(set(fired))
    assert len(company.issues(routine["id"])) == len(fired)


def test_a_clock_that_stands_still_fires_nothing_more(service: Service, company: Company) -> None:
    routine = hourly(company)
    tick_at(service, ONE_PM + DAY)
    before = company.runs(routine["id"])
    for _ in range(5):
        service.tick()
    assert company.runs(routine["id"]) == before
