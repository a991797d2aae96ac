"""How much fires when: the slots to come, by minute, hour and agent, and as rows of a list.

Which slots there are is the engine's to say, as bits of a number, of which many schedules share one; thousands of
schedules that fire each minute cost no more here than as many that fire once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from routines.core import cron
from routines.core.adapters import runtime_of
from routines.core.cron.search import MINUTE
from routines.core.errors import ImpossibleError
from routines.core.instants import EPOCH
from routines.core.limits import (
    AGENTS_COMPARED_MAX,
    CROWDED_MINUTES_TOLD_MAX,
    SLOT_BITS_CACHED_MAX,
    TIMES_OF_A_ROW_MAX,
)
from routines.core.minute_tally import MinuteTally
from routines.core.model import Agent
from routines.storage.queries.triggers import LiveSchedule

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
_BLOCK = WEEK + DAY  # from the midnight before now: what a day and a week from any instant of that day lie in


class Place(NamedTuple):
    """Where a list of rows goes on: after the row with this first slot, of this trigger."""

    at: datetime
    trigger_id: str


@dataclass(frozen=True, slots=True)
class LoadQuery:
    """What fires in the coming day, or week; hours and days are those of a clock in `zone`.

    With an agent only what fires for it. The rows are grouped by hour, those of a week by day.
    """

    zone: ZoneInfo
    week: bool
    agent_id: str | None
    rows_max: int
    after: Place | None = None


class Span(NamedTuple):
    """A time from `start` on and before `end`, both on whole minutes."""

    start: datetime
    end: datetime


class Share(NamedTuple):
    """How often something fires for an agent that works on so many at once."""

    agent: Agent
    fires: int
    at_once: int


class CrowdedMinute(NamedTuple):
    """A minute in which more fires for an agent than it works on at once; `shares` are those of such agents."""

    at: datetime
    fires: int
    shares: list[Share]


class AgentLoad(NamedTuple):
    """What fires for an agent, in all and in each span."""

    share: Share
    fires: list[int]


class UpcomingRow(NamedTuple):
    """What one trigger fires in a span: how often, the first few times, and the last."""

    schedule: LiveSchedule
    fires: int
    times: list[datetime]
    last: datetime


class UpcomingGroup(NamedTuple):
    """What fires in a span, as far as it is on this page of the list."""

    span: Span
    fires: int
    rows: list[UpcomingRow]


@dataclass(frozen=True, slots=True)
class Load:
    """What fires from now on: in each of `hours`, and for each agent in each of `spans`, which are hours or days.

    `crowded` says of each hour how many of its minutes are, and `crowds` tells of those with the most fires. The
    busiest agents come first; `others` is how many there are besides.
    """

    hours: list[Span]
    fires: list[int]
    spans: list[Span]
    agents: list[AgentLoad]
    others: int
    crowded: list[int]
    crowds: list[CrowdedMinute]
    groups: list[UpcomingGroup]
    following: Place | None

    @property
    def total(self) -> int:
        """How often something fires in all."""
        return sum(self.fires)


class Slots(NamedTuple):
    """The slots of a schedule in a stretch of time, bit 0 for its first minute."""

    schedule: LiveSchedule
    bits: int


def load(live: Sequence[LiveSchedule], known: Mapping[str, Agent], query: LoadQuery, now: datetime) -> Load:
    """What these schedules of these agents fire after `now`, for a day or a week."""
    first = _minute(now) + MINUTE
    minutes = (WEEK if query.week else DAY) // MINUTE
    slots = list(_slots(live, first, minutes))
    everything, of_agents = _tallies(slots)
    hours = hours_of(query.zone, Span(first, first + minutes * MINUTE))
    shares = sorted(
        (_share(known[agent_id], tally.total(0, minutes)) for agent_id, tally in of_agents.items()),
        key=lambda share: (-share.fires, share.agent.id),
    )
    crowded = 0
    for share in shares:
        crowded |= of_agents[share.agent.id].above(share.at_once)
    compared = shares[:AGENTS_COMPARED_MAX]
    spans = days_of(hours, query.zone) if query.week else hours
    groups, following = _groups(slots, first, spans, query)
    return Load(
        hours=hours,
        fires=_by_span(everything, hours, first),
        spans=spans,
        agents=[AgentLoad(share, _by_span(of_agents[share.agent.id], spans, first)) for share in compared],
        others=len(shares) - len(compared),
        crowded=[_count(crowded, *_window(hour, first)) for hour in hours],
        crowds=[
            _crowd(minute, first, everything, of_agents, shares)
            for minute in sorted(everything.busiest(crowded, CROWDED_MINUTES_TOLD_MAX))
        ],
        groups=groups,
        following=following,
    )


def hours_of(zone: ZoneInfo, whole: Span) -> list[Span]:
    """A span cut where a clock in that zone comes to another hour, or is changed."""
    found, start = [], whole.start
    while start < whole.end:
        shown = start.astimezone(zone)
        end = min(start + HOUR - timedelta(minutes=shown.minute), whole.end)
        if (end - MINUTE).astimezone(zone).utcoffset() != shown.utcoffset():
            steps = range(1, (end - start) // MINUTE)
            end = next(
                at for n in steps if (at := start + n * MINUTE).astimezone(zone).utcoffset() != shown.utcoffset()
            )
        found.append(Span(start, end))
        start = end
    return found


def days_of(hours: Sequence[Span], zone: ZoneInfo) -> list[Span]:
    """Hours put together by the days of a calendar in that zone."""
    days = (list(each) for _, each in groupby(hours, key=lambda hour: hour.start.astimezone(zone).date()))
    return [Span(day[0].start, day[-1].end) for day in days]


def _slots(live: Sequence[LiveSchedule], first: datetime, minutes: int) -> Iterator[Slots]:
    """The slots of each schedule that has any in so many minutes; one whose zone has gone has none."""
    midnight = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    skipped, window = (first - midnight) // MINUTE, (1 << minutes) - 1
    known: dict[tuple[str, str], int] = {}
    for schedule in live:
        key = (schedule.cron_expression, schedule.timezone)
        if (bits := known.get(key)) is None:
            bits = known[key] = _bits_of_block(*key, midnight) >> skipped & window
        if schedule.slots_decided_until >= first:  # a clock that was set back fires nothing twice
            decided = (schedule.slots_decided_until - first) // MINUTE + 1
            bits = bits >> decided << decided
        if bits:
            yield Slots(schedule, bits)


@lru_cache(maxsize=SLOT_BITS_CACHED_MAX)
def _bits_of_block(expression: str, timezone: str, midnight: datetime) -> int:
    try:
        schedule = cron.parse(expression, timezone)
    except ImpossibleError:
        return 0
    return cron.SlotRange(schedule, midnight - MINUTE, midnight + _BLOCK).bits


def _tallies(slots: Sequence[Slots]) -> tuple[MinuteTally, dict[str, MinuteTally]]:
    """All slots counted, and those of each agent."""
    everything, of_agents = MinuteTally(), defaultdict[str, MinuteTally](MinuteTally)
    for (agent_id, bits), times in Counter((each.assignee_agent_id, bits) for each, bits in slots).items():
        of_agents[agent_id].add(bits, times)
    for tally in of_agents.values():
        everything.add_all(tally)
    return everything, of_agents


def _by_span(tally: MinuteTally, spans: Sequence[Span], first: datetime) -> list[int]:
    return [tally.total(*_window(span, first)) for span in spans]


def _count(bits: int, begin: int, end: int) -> int:
    return (bits >> begin & (1 << end - begin) - 1).bit_count()


def _window(span: Span, first: datetime) -> tuple[int, int]:
    return (span.start - first) // MINUTE, (span.end - first) // MINUTE


def _share(agent: Agent, fires: int) -> Share:
    return Share(agent, fires, runtime_of(agent.runtime_config).concurrent_runs_max)


def _crowd(
    minute: int,
    first: datetime,
    everything: MinuteTally,
    of_agents: Mapping[str, MinuteTally],
    shares: Sequence[Share],
) -> CrowdedMinute:
    there = (share._replace(fires=of_agents[share.agent.id].at(minute)) for share in shares)
    over = sorted((share for share in there if share.fires > share.at_once), key=lambda share: -share.fires)
    return CrowdedMinute(first + minute * MINUTE, everything.at(minute), over)


def _groups(
    slots: Sequence[Slots], first: datetime, spans: Sequence[Span], query: LoadQuery
) -> tuple[list[UpcomingGroup], Place | None]:
    """The rows after the place that was asked for, as many as are wanted, and where the list goes on, if it does."""
    groups: list[UpcomingGroup] = []
    left = query.rows_max
    for span in spans:
        if query.after is not None and span.end <= query.after.at:
            continue
        found = sorted(_within(slots, first, span))
        fires = sum(bits.bit_count() for _, _, bits, _ in found)
        if query.after is not None:
            found = [each for each in found if each[:2] > query.after]
        if found and left:
            groups.append(UpcomingGroup(span, fires, [_row(*each, span) for each in found[:left]]))
        if len(found) > left:
            last = groups[-1].rows[-1]
            return groups, Place(last.times[0], last.schedule.trigger_id)
        left -= len(found)
    return groups, None


def _within(slots: Sequence[Slots], first: datetime, span: Span) -> Iterator[tuple[datetime, str, int, LiveSchedule]]:
    """The first slot in a span, trigger, slots as bits from the span's start, and schedule, of each that has any."""
    begin, end = _window(span, first)
    window = (1 << end - begin) - 1
    at = [span.start + minute * MINUTE for minute in range(end - begin)]
    for schedule, bits in slots:
        if within := bits >> begin & window:
            yield at[(within & -within).bit_length() - 1], schedule.trigger_id, within, schedule


def _row(_first: datetime, _trigger_id: str, bits: int, schedule: LiveSchedule, span: Span) -> UpcomingRow:
    last = span.start + (bits.bit_length() - 1) * MINUTE
    return UpcomingRow(schedule, bits.bit_count(), list(_first_times(bits, span.start)), last)


def _first_times(bits: int, start: datetime) -> Iterator[datetime]:
    for _ in range(TIMES_OF_A_ROW_MAX):
        lowest = bits & -bits
        if not lowest:
            return
        yield start + (lowest.bit_length() - 1) * MINUTE
        bits ^= lowest


def _minute(instant: datetime) -> datetime:
    return EPOCH + (instant - EPOCH) // MINUTE * MINUTE
