"""A parsed schedule and its calendar: which minutes on the face of a clock match the five fields.

Zones, and what daylight saving does to such minutes, are in `search`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

from routines.core.cron.expression import CronError, fields
from routines.core.zones import zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_MINUTES_OF_HOUR = 60
_MINUTES_OF_DAY = 24 * _MINUTES_OF_HOUR
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # CronSim wants a start, which reading its fields does not depend on


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression with its zone, each kept as given; equal when both texts are.

    `fixed_time` tells cron(8)'s two kinds of job apart: neither the minute nor the hour field starts with `*`.
    """

    expression: str
    timezone: str
    zone: ZoneInfo = field(repr=False, compare=False)
    fixed_time: bool = field(repr=False, compare=False)
    # CronSim's own iteration carries state and ticks in steps of at most an hour; here it is only read, so that threads
    # share it and a year is crossed in microseconds.
    _calendar: CronSim = field(repr=False, compare=False)
    _hours: tuple[int, ...] = field(repr=False, compare=False)
    _minutes: tuple[int, ...] = field(repr=False, compare=False)
    _months: tuple[int, ...] = field(repr=False, compare=False)

    @classmethod
    def read(cls, expression: str, timezone: str) -> Schedule:
        """The schedule that two texts describe, or a `CronError` or `ZoneError` that says which part is wrong."""
        texts = fields(expression)
        try:
            calendar = CronSim(" ".join(texts), _ANY_TIME)
        except CronSimError as error:  # all that is left for it to refuse
            raise CronError(
                f"Cron expression {expression!r} can never happen: no month in {texts[3]!r} has a day in {texts[2]!r}"
            ) from error
        return cls(
            expression=expression,
            timezone=timezone,
            zone=zone(timezone),
            fixed_time=not (texts[0].startswith("*") or texts[1].startswith("*")),
            _calendar=calendar,
            _hours=tuple(sorted(calendar.hours)),
            _minutes=tuple(sorted(calendar.minutes)),
            _months=tuple(sorted(calendar.months)),
        )

    def match_after(self, wall: datetime) -> datetime:
        """The first minute later than `wall` that matches all fields, on a clock that is never changed.

        `wall` is the time in the schedule's zone, the answer too, with fold 0; the zone may skip or repeat it.
        OverflowError if there is none before the year 10000.
        """
        day, hour, minute = wall.date(), wall.hour, wall.minute
        if self._matches(day):
            if hour in self._calendar.hours and minute < self._minutes[-1]:
                return self._at(day, hour, _above(minute, self._minutes))
            if hour < self._hours[-1]:
                return self._at(day, _above(hour, self._hours), self._minutes[0])
        return self._at(self._day_after(day), self._hours[0], self._minutes[0])

    def count_matches(self, after: datetime, until: datetime) -> int:
        """How many minutes later than `after` and not later than `until` match, on a clock that is never changed.

        Both are times in the schedule's zone, on whole minutes.
        """
        days = sum(self._matches(date.fromordinal(ordinal)) for ordinal in range(after.toordinal(), until.toordinal()))
        return days * self._matches_a_day + self._matches_of_its_day(until) - self._matches_of_its_day(after)

    def matches_as_bits(self, after: datetime, until: datetime) -> int:
        """The minutes that `count_matches` counts, as a number: bit 0 is the first minute later than `after`."""
        minutes = sum(1 << minute for minute in self._minutes)
        day = sum(minutes << hour * _MINUTES_OF_HOUR for hour in self._hours)
        first = after.toordinal()
        bits = 0
        for ordinal in range(first, until.toordinal() + 1):
            if self._matches(date.fromordinal(ordinal)):
                bits |= day << (ordinal - first) * _MINUTES_OF_DAY
        begin = after.hour * _MINUTES_OF_HOUR + after.minute + 1
        return bits >> begin & (1 << (until - after) // _MINUTE) - 1

    def matches_backwards(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The minutes that `count_matches` counts, from the last to the first, each with fold 0."""
        for ordinal in range(until.toordinal(), after.toordinal() - 1, -1):
            day = date.fromordinal(ordinal)
            if not self._matches(day):
                continue
            begin = self._matches_of_its_day(after) if day == after.date() else 0
            end = self._matches_of_its_day(until) if day == until.date() else self._matches_a_day
            for index in range(end - 1, begin - 1, -1):
                hour, minute = divmod(index, len(self._minutes))
                yield self._at(day, self._hours[hour], self._minutes[minute])

    @property
    def _matches_a_day(self) -> int:
        """How many minutes match on a day that does."""
        return len(self._hours) * len(self._minutes)

    def _matches_of_its_day(self, wall: datetime) -> int:
        """How many minutes of that day match, from midnight to the time itself."""
        if not self._matches(wall.date()):
            return 0
        hours = bisect_left(self._hours, wall.hour)
        minutes = bisect_right(self._minutes, wall.minute) if wall.hour in self._calendar.hours else 0
        return hours * len(self._minutes) + minutes

    def _at(self, day: date, hour: int, minute: int) -> datetime:
        return datetime.combine(day, time(hour, minute), self.zone)

    def _day_after(self, day: date) -> date:
        day += _DAY
        while not self._matches(day):
            if day.month in self._calendar.months:
                day += _DAY
            elif day.month < self._months[-1]:
                day = date(day.year, _above(day.month, self._months), 1)
            else:
                day = date(day.year, 12, 31) + _DAY
        return day

    def _matches(self, day: date) -> bool:
        return day.month in self._calendar.months and self._calendar.match_day(day)


def _above(number: int, ascending: tuple[int, ...]) -> int:
    return ascending[bisect_right(ascending, number)]
