"""What comes next as people read it: a heat map by hour, the crowded minutes, and rows of a list.

What fires when is counted in the services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil, sqrt
from zoneinfo import ZoneInfo

from routines.core.model import Agent
from routines.services.load import CrowdedMinute, Load, Span, UpcomingGroup, UpcomingRow
from routines.web.times import When

HEAT_MAX = 5
HOURS_OF_DAY = range(24)


@dataclass(frozen=True, slots=True)
class Cell:
    """A number in a heat map; `heat` is how much of the largest there, `crowded` how many minutes of it are."""

    fires: int
    heat: int
    crowded: int = 0


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A row of a heat map: an agent's, a day's, or that of all; a cell is None where the clock has no such hour."""

    name: str
    url: str
    total: int
    cells: Sequence[Cell | None]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Fires by hours or days; the columns are named."""

    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[HeatRow]


@dataclass(frozen=True, slots=True)
class ListedRow:
    """What one routine fires in a while: at which times, and for whom."""

    times: str
    count: int
    routine_id: str
    title: str
    agent_id: str
    agent: str


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """An hour or a day of the list."""

    name: str
    fires: int
    rows: Sequence[ListedRow]


@dataclass(frozen=True, slots=True)
class Crowd:
    """A crowded minute, and what it is crowded by, in a sentence without its full stop."""

    when: When
    said: str


def heat_of_day(load: Load, zone: ZoneInfo) -> HeatMap:
    """The hours of the coming day, for all agents and for each."""
    columns = [_hour_name(span.start, before, zone) for span, before in _with_before(load.hours)]
    rows = [HeatRow("All agents", "", load.total, _cells(load.fires, load.crowded))]
    return HeatMap("Fires in each hour", "Agent", columns, [*rows, *_agent_rows(load)])


def heats_of_week(load: Load, zone: ZoneInfo) -> list[HeatMap]:
    """The hours of the coming week by day, and its days by agent."""
    by_day: dict[date, dict[int, tuple[int, int]]] = {}
    for span, *counted in zip(load.hours, load.fires, load.crowded, strict=True):
        shown = span.start.astimezone(zone)
        hours = by_day.setdefault(shown.date(), {})
        fires, crowded = hours.get(shown.hour, (0, 0))  # an hour that comes twice is one here
        hours[shown.hour] = (fires + counted[0], crowded + counted[1])
    most = max((fires for hours in by_day.values() for fires, _ in hours.values()), default=0)
    rows = [
        HeatRow(
            _day_name(day),
            "",
            sum(fires for fires, _ in hours.values()),
            [_cell(*hours[hour], most) if hour in hours else None for hour in HOURS_OF_DAY],
        )
        for day, hours in by_day.items()
    ]
    hours_map = HeatMap("Fires in each hour", "Day", [f"{hour:02}" for hour in HOURS_OF_DAY], rows)
    days = [_day_name(span.start.astimezone(zone).date()) for span in load.spans]
    return [hours_map, HeatMap("Fires on each day", "Agent", days, _agent_rows(load))]


def crowds(load: Load, when: Callable[[datetime], When]) -> list[Crowd]:
    """The crowded minutes that are told, in order of time."""
    return [Crowd(when(each.at), _said(each)) for each in load.crowds]


def listed(
    groups: Iterable[UpcomingGroup], known: Mapping[str, Agent], zone: ZoneInfo, *, by_day: bool
) -> list[ListedGroup]:
    """The list as it is on a page."""
    return [
        ListedGroup(
            _day_name(group.span.start.astimezone(zone).date()) if by_day else _hour(group.span.start, zone),
            group.fires,
            [_listed_row(row, known, zone) for row in group.rows],
        )
        for group in groups
    ]


def _listed_row(row: UpcomingRow, known: Mapping[str, Agent], zone: ZoneInfo) -> ListedRow:
    agent_id = row.schedule.assignee_agent_id
    clock = [f"{at.astimezone(zone):%H:%M}" for at in row.times]
    times = ", ".join(clock)
    if row.fires > len(clock):
        times = f"{row.fires:,} times from {clock[0]} to {row.last.astimezone(zone):%H:%M}"
    agent = known.get(agent_id)
    return ListedRow(
        times=times,
        count=row.fires,
        routine_id=row.schedule.routine_id,
        title=row.schedule.title,
        agent_id=agent_id,
        agent="" if agent is None else agent.name,
    )


def _agent_rows(load: Load) -> list[HeatRow]:
    most = max((fires for each in load.agents for fires in each.fires), default=0)
    return [
        HeatRow(
            each.share.agent.name,
            f"/agents/{each.share.agent.id}",
            each.share.fires,
            [Cell(fires, _heat(fires, most)) for fires in each.fires],
        )
        for each in load.agents
    ]


def _cells(fires: Sequence[int], crowded: Sequence[int]) -> list[Cell]:
    most = max(fires, default=0)
    return [_cell(*each, most) for each in zip(fires, crowded, strict=True)]


def _cell(fires: int, crowded: int, most: int) -> Cell:
    return Cell(fires, _heat(fires, most), crowded)


def _heat(fires: int, most: int) -> int:
    """0 for none, and 1 to 5 by the root of the share, so that a few fires are seen beside an hour full of them."""
    return ceil(HEAT_MAX * sqrt(fires / most)) if fires else 0


def _said(minute: CrowdedMinute) -> str:
    """Such as: 42 fires, 30 of them for Ada, who works on 1 at a time."""
    shares = [
        f"{share.fires:,} of them for {share.agent.name}, who works on {share.at_once} at a time"
        for share in minute.shares
    ]
    return ", ".join([f"{minute.fires:,} fires", *shares])


def _with_before(spans: Sequence[Span]) -> Iterable[tuple[Span, Span | None]]:
    return zip(spans, [None, *spans], strict=False)


def _hour_name(start: datetime, before: Span | None, zone: ZoneInfo) -> str:
    """The hour on the viewer's clock; one that comes twice is told apart."""
    shown = start.astimezone(zone)
    again = before is not None and before.start.astimezone(zone).replace(minute=0, fold=0) == shown.replace(
        minute=0, fold=0
    )
    return f"{shown:%H} again" if again else f"{shown:%H}"


def _hour(start: datetime, zone: ZoneInfo) -> str:
    shown = start.astimezone(zone)
    return f"{_day_name(shown.date())} {shown:%H}:00"


def _day_name(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
