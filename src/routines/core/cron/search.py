"""From minutes on a clock's face to instants: what a zone's changes of offset do to a schedule, as in Debian's cron.

Which minutes match is never decided here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from routines.core.cron.expression import CronError

if TYPE_CHECKING:
    from datetime import tzinfo

    from routines.core.cron.schedule import Schedule

MINUTE = timedelta(minutes=1)
_BEGINNING = datetime.min.replace(tzinfo=UTC)
CALENDAR_CYCLE_YEARS = 400  # the Gregorian calendar, weekdays included, repeats itself after these


def slot_after(schedule: Schedule, instant: datetime) -> datetime:
    """The first slot strictly later than `instant`; both aware, in UTC and on whole minutes.

    The rule is that of cron(8) in Debian: a job at a fixed time runs once for each of its wall-clock minutes, right
    after the gap if it is skipped, at the first if it is repeated; a job with wildcards goes by the clock's face alone.
    CronError if there is none in 400 years, because the zone skips every minute that matches. OverflowError if there is
    none before the year 10000.
    """
    return _fixed_slot_after(schedule, instant) if schedule.fixed_time else _wildcard_slot_after(schedule, instant)


def _fixed_slot_after(schedule: Schedule, instant: datetime) -> datetime:
    """The first slot after `instant` when each match has one: where it is first shown, or where it is leapt over."""
    wall = instant.astimezone(schedule.zone)
    while True:
        wall = schedule.match_after(wall)
        slot = _showing(wall, _BEGINNING) or _leap_over(wall)
        if slot > instant:  # else the clock went back, and shows again what has had its slot
            return slot


def _wildcard_slot_after(schedule: Schedule, instant: datetime) -> datetime:
    """The first instant at which the zone's clock shows a minute that matches."""
    wall = instant.astimezone(schedule.zone)
    slot = _first_showing(schedule, wall, instant)
    again = _instant(wall.replace(fold=1))
    if again > instant:  # the clock goes back over this minute, and over earlier ones
        goes_back = _change(schedule.zone, instant, again)
        if slot > goes_back:
            slot = _first_showing(schedule, goes_back.astimezone(schedule.zone) - MINUTE, instant)
    return slot


def _first_showing(schedule: Schedule, wall: datetime, instant: datetime) -> datetime:
    """When, after `instant`, the clock shows the first match later than `wall` that is not skipped."""
    while wall.year <= instant.year + CALENDAR_CYCLE_YEARS:
        wall = schedule.match_after(wall)
        if slot := _showing(wall, instant):
            return slot
        wall = max(wall, _leap_over(wall).astimezone(schedule.zone) - MINUTE)
    raise CronError(
        f"Cron expression {schedule.expression!r} can never happen in {schedule.timezone}: "
        "its minutes are those that daylight saving skips; choose another hour, or another zone such as 'UTC'"
    )


def _showing(wall: datetime, after: datetime) -> datetime | None:
    """The first instant later than `after` at which the zone's clock shows `wall`, or None if it skips it."""
    for _ in ("first time", "second time"):
        instant = _instant(wall)
        if instant > after and (instant.astimezone(wall.tzinfo) - wall) // MINUTE == 0:
            return instant
        wall = wall.replace(fold=1)
    return None


def _leap_over(wall: datetime) -> datetime:
    """The first instant after the leap in which the zone's clock skips `wall`."""
    return _change(wall.tzinfo, _instant(wall.replace(fold=1)), _instant(wall.replace(fold=0)))


def _instant(wall: datetime) -> datetime:
    """The UTC minute in which the zone's clock comes to `wall`.

    At a change its fold chooses the offset, 0 the one before, 1 the one after. Offsets of long ago had odd seconds:
    the first whole UTC minute is the slot.
    """
    instant = wall.astimezone(UTC)
    return instant + timedelta(seconds=60 - instant.second) if instant.second else instant


def _change(zone: tzinfo | None, before: datetime, after: datetime) -> datetime:
    """The first minute later than `before` with the offset of `after`, by bisection; one change lies between."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > MINUTE:
        middle = before + (after - before) // MINUTE // 2 * MINUTE
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
