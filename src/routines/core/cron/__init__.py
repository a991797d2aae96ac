"""The one cron engine of the service: parse an expression once, then ask for the slots after an instant or between two.

What is due, late or missed is decided elsewhere; here is no clock, and `after` is always an argument.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from routines.core.cron.expression import CronError
from routines.core.cron.schedule import Schedule
from routines.core.cron.search import MINUTE, slot_after
from routines.core.cron.slot_range import SlotRange
from routines.core.instants import EPOCH
from routines.core.limits import CRON_SCHEDULES_CACHED_MAX, CRON_SLOTS_CACHED_MAX
from routines.core.zones import ZoneError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CronError", "Schedule", "SlotRange", "ZoneError", "between", "next_after", "parse"]

# By then tzdata's lists of changes have ended and each zone repeats one rule for ever: a slot after this instant means
# that there will always be another.
_SETTLED = datetime(2100, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=CRON_SCHEDULES_CACHED_MAX)
def parse(expression: str, timezone: str) -> Schedule:
    """A schedule that always has a next slot, its texts kept as given.

    `expression` has the five fields of crontab(5) or is a macro such as `@daily`; `timezone` is an IANA name. CronError
    for what is not such an expression or can never happen, ZoneError for what is not such a name.
    """
    schedule = Schedule.read(expression, timezone)
    slot_after(schedule, _SETTLED)
    return schedule


def next_after(schedule: Schedule, after: datetime) -> datetime:
    """The first slot strictly later than `after`, an aware instant; the slot is in UTC, on a whole minute.

    Daylight saving as Debian's cron(8): a job at a fixed time whose minute is skipped has its slot right after the gap,
    one whose minute comes twice at the first; jobs with wildcards follow elapsed time. OverflowError only where the
    answer would lie outside the years 1 to 9999.
    """
    return _slot_after_minute(schedule, (after - EPOCH) // MINUTE)


def between(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """The slots later than `start` and not later than `end`, both aware, one at a time and in order."""
    return iter(SlotRange(schedule, start, end))  # past the cache: many slots would push out what bursts share


@lru_cache(maxsize=CRON_SLOTS_CACHED_MAX)
def _slot_after_minute(schedule: Schedule, minutes: int) -> datetime:
    """The first slot later than that many minutes since the epoch: in a burst, many triggers ask this alike."""
    return slot_after(schedule, EPOCH + minutes * MINUTE)
