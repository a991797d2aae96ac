"""A schedule in words for the person who writes it: what it says, when it fires next, and what may surprise.

The times are those of the engine that fires; the words are `cron-descriptor`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cron_descriptor import Options, get_description  # type: ignore[import-untyped]  # it ships no types

from routines.core.cron.expression import FIELDS, fields
from routines.core.cron.schedule import Schedule
from routines.core.cron.search import MINUTE, slot_after

_AHEAD = timedelta(days=366)  # in which each change of a zone's clock is met once
_DAY = timedelta(days=1)
_MINUTES, _HOURS, _DAYS_OF_MONTH, _MONTHS, _DAYS_OF_WEEK = range(len(FIELDS))
_LENGTHS = {_MINUTES: (60, "hour"), _HOURS: (24, "day")}
_SHORTEST_MONTH_DAYS = 28


class Explanation(NamedTuple):
    """What a schedule says, its next slots, and a sentence for each thing about it that may surprise."""

    words: str
    times: list[datetime]
    warnings: list[str]


def explain(schedule: Schedule, after: datetime, count: int) -> Explanation:
    """The schedule in words, its `count` slots after an aware instant, and warnings for the year that follows it."""
    texts = fields(schedule.expression)
    times, at = [], after.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(count):
        at = slot_after(schedule, at)
        times.append(at)
    warnings = [
        *_either_day(texts),
        *_uneven_steps(texts),
        *_days_not_in_each_month(texts),
        *_rare(times, after),
        *([] if texts[_HOURS] == "*" else _clock_changes(schedule, after)),
    ]
    return Explanation(_words(texts), times, warnings)


def _words(texts: list[str]) -> str:
    options = Options()
    options.use_24hour_time_format = True
    options.verbose = False
    return str(get_description(" ".join(texts), options))


def _either_day(texts: list[str]) -> Iterator[str]:
    if not texts[_DAYS_OF_MONTH].startswith("*") and not texts[_DAYS_OF_WEEK].startswith("*"):
        yield (
            f"Day of month {texts[_DAYS_OF_MONTH]} and day of week {texts[_DAYS_OF_WEEK]} are both set: "
            "it fires on days that are either, not only on those that are both"
        )


def _uneven_steps(texts: list[str]) -> Iterator[str]:
    """`*/7` reads like "every seven", and begins anew with each hour or day."""
    for index, (length, unit) in _LENGTHS.items():
        head, _, step = texts[index].partition("/")
        if head == "*" and step and length % int(step):
            last = (length - 1) // int(step) * int(step)
            if last:
                name = FIELDS[index].title
                yield f"Every {step} {name}s begins anew each {unit}: after {name} {last} comes {name} 0"


def _days_not_in_each_month(texts: list[str]) -> Iterator[str]:
    days = texts[_DAYS_OF_MONTH]
    late = [int(day) for day in days.split(",") if day.isdigit() and int(day) > _SHORTEST_MONTH_DAYS]
    if late and texts[_MONTHS] == "*":
        yield f"Months without a day {' or '.join(map(str, late))} are passed over"


def _rare(times: list[datetime], after: datetime) -> Iterator[str]:
    if times and times[0] - after > _AHEAD:
        yield f"It does not fire within a year: the next time is on {times[0]:%Y-%m-%d}"


def _clock_changes(schedule: Schedule, after: datetime) -> Iterator[str]:
    """What daylight saving does to it, as in Debian's cron(8), at each change of the year that follows."""
    for change in _changes(schedule, after):
        before, then = _offset(schedule, change - MINUTE), _offset(schedule, change)
        start, end = sorted(change.replace(tzinfo=None) + offset for offset in (before, then))
        if not schedule.count_matches(start - MINUTE, end - MINUTE):
            continue
        span = f"On {start:%Y-%m-%d} the clock in {schedule.timezone}"
        if then > before:
            what = f"what is due then fires at {end:%H:%M}" if schedule.fixed_time else "nothing fires then"
            yield f"{span} skips {start:%H:%M} to {end:%H:%M}: {what}"
        else:
            what = "it fires the first time only" if schedule.fixed_time else "it fires both times"
            yield f"{span} shows {start:%H:%M} to {end:%H:%M} twice: {what}"


def _changes(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """The first minutes, in UTC, of each new offset of the schedule's zone."""
    day = after.astimezone(UTC).replace(second=0, microsecond=0)
    end = day + _AHEAD
    while day < end:
        following = day + _DAY
        if _offset(schedule, day) != _offset(schedule, following):
            low, high = day, following
            while high - low > MINUTE:
                middle = low + (high - low) // 2 // MINUTE * MINUTE
                low, high = (middle, high) if _offset(schedule, middle) == _offset(schedule, low) else (low, middle)
            yield high
        day = following


def _offset(schedule: Schedule, instant: datetime) -> timedelta:
    return instant.astimezone(schedule.zone).utcoffset() or timedelta(0)
