"""What fires when, counted by hour, agent and minute: the same as the engine's slots counted one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routines.core import cron
from routines.core.model import AdapterType, Agent, AgentStatus
from routines.core.zones import zone
from routines.services.load import DAY, WEEK, Load, LoadQuery, Place, UpcomingRow, load
from routines.storage.queries.triggers import LiveSchedule
from support.clock import HOUR, MINUTE, MONDAY_NOON

ADA = Agent(
    id="a",
    company_id="c",
    name="Ada",
    role="engineer",
    title=None,
    capabilities=None,
    reports_to=None,
    adapter_type=AdapterType.NONE,
    adapter_config="{}",
    runtime_config="{}",
    status=AgentStatus.IDLE,
    created_at=MONDAY_NOON,
    updated_at=MONDAY_NOON,
)
BOB = replace(ADA, id="b", name="Bob", runtime_config='{"heartbeat": {"maxConcurrentRuns": 3}}')
AGENTS = {agent.id: agent for agent in (ADA, BOB)}
NOT_DECIDED = datetime(2000, 1, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"
# A common day, and days on which a clock is changed, by an hour or half of one.
NOWS = [
    MONDAY_NOON,
    datetime(2026, 3, 28, 22, 17, tzinfo=UTC),
    datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 4, 4, 12, 0, tzinfo=UTC),
    datetime(2026, 10, 3, 1, 30, tzinfo=UTC),
]
zones = st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
minutes = st.sampled_from(["*", "*/5", "0", "30", "59", "0,30", "7-20/3"]) | st.integers(0, 59).map(str)
hours = st.sampled_from(["*", "*/2", "0", "2", "3", "1-3", "9-17", "23"])
days = st.sampled_from(["* * *", "* * 1-5", "* * 0", "29 3 *", "1,25 * 6", "*/2 * *"])
expressions = st.builds("{} {} {}".format, minutes, hours, days)


def live(number: int, expression: str, timezone: str, agent_id: str, decided: datetime = NOT_DECIDED) -> LiveSchedule:
    return LiveSchedule(f"t{number:04}", f"r{number:04}", f"Routine {number}", agent_id, expression, timezone, decided)


def every_slot(
    schedules: Sequence[LiveSchedule], now: datetime, length: timedelta
) -> Iterator[tuple[datetime, LiveSchedule]]:
    """Each slot by itself, as the engine tells it."""
    end = now.replace(second=0, microsecond=0) + length
    for schedule in schedules:
        parsed = cron.parse(schedule.cron_expression, schedule.timezone)
        for slot in cron.between(parsed, max(now, schedule.slots_decided_until), end):
            yield slot, schedule


def pages(schedules: Sequence[LiveSchedule], query: LoadQuery, now: datetime) -> Iterator[Load]:
    """Page after page of the list."""
    found = load(schedules, AGENTS, query, now)
    yield found
    while found.following is not None:
        found = load(schedules, AGENTS, replace(query, after=found.following), now)
        yield found


@settings(max_examples=30, deadline=None)
@given(
    drawn=st.lists(st.tuples(expressions, zones, st.sampled_from("ab")), min_size=1, max_size=6),
    viewer=zones,
    now=st.sampled_from(NOWS),
    rows_max=st.integers(1, 20),
    week=st.booleans(),
)
def test_the_counts_are_those_of_all_slots(
    drawn: list[tuple[str, str, str]],
    viewer: str,
    now: datetime,
    rows_max: int,
    *,
    week: bool,
) -> None:
    schedules = [live(number, *each) for number, each in enumerate(drawn)]
    length = WEEK if week else DAY
    slots = list(every_slot(schedules, now, length))
    every_page = list(pages(schedules, LoadQuery(zone(viewer), week, None, rows_max), now))
    found = every_page[0]
    assert found.fires == [sum(hour.start <= at < hour.end for at, _ in slots) for hour in found.hours]
    assert found.total == len(slots)
    by_agent = {
        each.share.agent.id: [
            sum(hour.start <= at < hour.end and of.assignee_agent_id == each.share.agent.id for at, of in slots)
            for hour in found.spans
        ]
        for each in found.agents
    }
    assert {each.share.agent.id: each.fires for each in found.agents} == by_agent
    assert [each.share.fires for each in found.agents] == sorted(map(sum, by_agent.values()), reverse=True)
    in_minute = Counter((at, of.assignee_agent_id) for at, of in slots)
    crowded = {at for (at, agent_id), fires in in_minute.items() if fires > (1 if agent_id == "a" else 3)}
    assert found.crowded == [sum(hour.start <= at < hour.end for at in crowded) for hour in found.hours]
    busiest = sorted(crowded, key=lambda at: (-sum(in_minute[at, agent_id] for agent_id in "ab"), at))[:10]
    assert [each.at for each in found.crowds] == sorted(busiest)
    for crowd in found.crowds:
        assert crowd.fires == sum(in_minute[crowd.at, agent_id] for agent_id in "ab")
        assert all(share.fires == in_minute[crowd.at, share.agent.id] > share.at_once for share in crowd.shares)
    rows = [row for page in every_page for group in page.groups for row in group.rows]
    assert sum(row.fires for row in rows) == len(slots)
    assert_rows_are(rows, slots)
    assert all(sum(len(group.rows) for group in page.groups) <= rows_max for page in every_page)


def assert_rows_are(rows: list[UpcomingRow], slots: list[tuple[datetime, LiveSchedule]]) -> None:
    """Holds the times that rows tell against the slots."""
    known = set(slots)
    for row in rows:
        assert row.times == sorted(row.times)
        assert len(row.times) == min(row.fires, 4)
        assert all((at, row.schedule) in known for at in [*row.times, row.last])
    places = [(row.times[0], row.schedule.trigger_id) for row in rows]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("viewer", "now", "hours"),
    [
        ("UTC", MONDAY_NOON, 25),
        (BERLIN, datetime(2026, 3, 28, 22, 59, tzinfo=UTC), 24),
        ("Asia/Kolkata", MONDAY_NOON, 25),
    ],
)
def test_hours_are_those_of_the_viewers_clock(viewer: str, now: datetime, hours: int) -> None:
    found = load([], {}, LoadQuery(zone(viewer), week=False, agent_id=None, rows_max=1), now)
    assert len(found.hours) == hours
    assert all(hour.start.astimezone(zone(viewer)).minute == 0 for hour in found.hours[1:])
    assert found.hours[-1].end - found.hours[0].start == DAY
    assert all(later.start == hour.end for hour, later in zip(found.hours, found.hours[1:], strict=False))


def test_the_days_of_a_week_are_the_viewers() -> None:
    hourly = [live(1, "0 * * * *", "UTC", "a")]
    now = datetime(2026, 3, 27, 12, 30, tzinfo=UTC)
    found = load(hourly, AGENTS, LoadQuery(zone(BERLIN), week=True, agent_id=None, rows_max=50), now)
    assert [group.fires for group in found.groups] == [10, 24, 23, 24, 24, 24, 24, 15]


def test_slots_that_were_decided_before_a_clock_was_set_back_are_not_to_come() -> None:
    later = MONDAY_NOON + 3 * HOUR
    found = load([live(1, "0 * * * *", "UTC", "a", later)], AGENTS, LoadQuery(zone("UTC"), False, None, 9), MONDAY_NOON)
    assert found.total == 24 - 3


def test_a_schedule_whose_zone_has_gone_has_no_slots() -> None:
    assert (
        load(
            [live(1, "* * * * *", "Mars/Base", "a")], AGENTS, LoadQuery(zone("UTC"), False, None, 9), MONDAY_NOON
        ).total
        == 0
    )


def test_a_page_of_the_list_goes_on_where_it_ended_as_time_passes() -> None:
    schedules = [live(number, f"{number} * * * *", "UTC", "a") for number in range(60)]
    query = LoadQuery(zone("UTC"), week=False, agent_id=None, rows_max=100)
    first = load(schedules, AGENTS, query, MONDAY_NOON)
    assert first.following == Place(MONDAY_NOON.replace(hour=13, minute=40, second=0), "t0040")
    second = load(schedules, AGENTS, replace(query, after=first.following), MONDAY_NOON + 10 * MINUTE)
    assert second.groups[0].rows[0].schedule.trigger_id == "t0041"
