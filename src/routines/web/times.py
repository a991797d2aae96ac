"""Instants and lengths of time as a person reads them: in the viewer's zone, in words, and exactly in UTC.

Only how they are shown is decided here; what time it is, is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from routines.core.instants import iso

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class When:
    """An instant: from now in words, on the viewer's clock, exactly in UTC, and as a machine reads it."""

    relative: str
    local: str
    utc: str
    machine: str


def when(instant: datetime, now: datetime, zone: ZoneInfo) -> When:
    """An instant as it is shown at `now` to a viewer in that zone."""
    return When(
        relative=relative(instant, now),
        local=local(instant, now, zone),
        utc=f"{instant.isoformat(' ')[:19]} UTC",
        machine=iso(instant),
    )


def local(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """An instant on a clock in that zone, with the year if it is not this one: `Sun 22 Nov 15:35`.

    Long lists have thousands of them, and `strftime` is ten times slower.
    """
    return _local(instant.astimezone(zone), now.astimezone(zone).year)


def shown_locally(now: datetime, zone: ZoneInfo) -> Callable[[datetime], str]:
    """What `local` does for many instants at the same `now`."""
    year = now.astimezone(zone).year
    return lambda instant: _local(instant.astimezone(zone), year)


def _local(there: datetime, this_year: int) -> str:
    year = "" if there.year == this_year else f" {there.year}"
    clock = f"{there.hour:02}:{there.minute:02}"
    return f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]}{year} {clock}"


def as_told(sentence: str, local: Callable[[datetime], str]) -> str:
    """A sentence of the service with its instants, which are the wire's, on the viewer's clock as `local` shows it."""
    return _INSTANT.sub(lambda found: local(datetime.fromisoformat(found[0])), sentence)


def relative(instant: datetime, now: datetime) -> str:
    """How far an instant is from now, in the largest unit that fits: `in 5 min`, `2 h ago`, `now`."""
    seconds = round((instant - now).total_seconds())
    if seconds == 0:
        return "now"
    amount = length(timedelta(seconds=abs(seconds)))
    return f"in {amount}" if seconds > 0 else f"{amount} ago"


def length(duration: timedelta) -> str:
    """A length of time in the largest unit that fits."""
    seconds = round(duration.total_seconds())
    unit, size = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    return f"{seconds // size} {unit}"
