"""Promises of `routines.core.cron` for any expression, zone and instant, held against a plain walk over every minute.

Nothing of the engine is used by the walk: it reads the fields by itself and keeps a virtual clock as cron(8) does.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from routines.core import cron
from routines.core.instants import EPOCH
from routines.core.zones import ZONE_NAMES, zone

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WARM_UP = 3 * HOUR  # longer than any clock below is ever put back

# Minutes at which the clocks of a zone change, in UTC; the zones that never change theirs have any instant.
CHANGES = {
    "UTC": ["2026-01-01 00:00"],
    "Asia/Kolkata": ["2026-01-01 18:30"],
    "Europe/Berlin": ["2026-03-29 01:00", "2026-10-25 01:00"],
    "America/New_York": ["2026-03-08 07:00", "2026-11-01 06:00"],
    "Australia/Lord_Howe": ["2026-04-04 15:00", "2026-10-03 15:30"],  # half an hour
    "Pacific/Apia": ["2011-12-30 10:00", "2012-03-31 14:00"],  # the first skips a whole day
    "Africa/Casablanca": ["2026-02-15 02:00", "2026-03-22 02:00"],  # back first, for Ramadan
    "America/Sao_Paulo": ["2018-02-18 02:00", "2018-11-04 03:00"],  # at midnight
    "Asia/Beirut": ["2026-03-28 22:00", "2026-10-24 21:00"],  # at midnight
    "Africa/Cairo": ["2014-05-15 22:00", "2014-06-26 21:00", "2014-07-31 22:00"],  # a pause in summer, for Ramadan
    "Antarctica/Troll": ["2026-03-29 01:00", "2026-10-25 01:00"],  # two hours
}
CLOCK_CHANGES = [(name, datetime.fromisoformat(text).replace(tzinfo=UTC)) for name in CHANGES for text in CHANGES[name]]

WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def numbers(text: str, first: int, last: int, names: tuple[str, ...] = ()) -> set[int]:
    """What a valid field stands for."""

    def number(word: str) -> int:
        return names.index(word.upper()) + first if word.upper() in names else int(word)

    found: set[int] = set()
    for item in text.split(","):
        values, _, step = item.partition("/")
        start, _, end = values.partition("-")
        low = first if start == "*" else number(start)
        high = number(end) if end else last if start == "*" or step else low
        found.update(range(low, high + 1, int(step or 1)))
    return found


@dataclass
class Walk:
    """The slots of an expression in a zone, found by looking at each minute."""

    expression: str
    timezone: str

    def __post_init__(self) -> None:
        minute, hour, day, month, weekday = self.expression.split()
        self.minutes, self.hours = numbers(minute, 0, 59), numbers(hour, 0, 23)
        self.days, self.months = numbers(day, 1, 31), numbers(month, 1, 12, MONTHS)
        self.weekdays = {number % 7 for number in numbers(weekday, 0, 7, WEEKDAYS)}
        self.either_day = not (day.startswith("*") or weekday.startswith("*"))
        self.fixed_time = not (minute.startswith("*") or hour.startswith("*"))

    def matches(self, face: datetime) -> bool:
        """True if a clock that shows `face` meets all fields."""
        days = (face.day in self.days, face.isoweekday() % 7 in self.weekdays)
        return (
            face.minute in self.minutes
            and face.hour in self.hours
            and face.month in self.months
            and (any(days) if self.either_day else all(days))
        )

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The slots in (start, end]; both on whole UTC minutes."""
        now = start - WARM_UP
        virtual = self.face(now)
        while now < end:
            now += MINUTE
            face = self.face(now)
            fires = not self.fixed_time and self.matches(face)
            while virtual < face:  # stands still while the clock repeats itself, catches up when it leaps
                virtual += MINUTE
                fires |= self.fixed_time and self.matches(virtual)
            if fires and now > start:
                yield now

    def face(self, instant: datetime) -> datetime:
        """What a clock in the zone shows."""
        return instant.astimezone(zone(self.timezone)).replace(tzinfo=None)


@st.composite
def items(draw: st.DrawFn, first: int, last: int, names: tuple[str, ...]) -> str:
    low = draw(st.integers(first, last))
    high = draw(st.integers(low, last))
    step = draw(st.integers(1, last + 2))
    start = draw(st.sampled_from([str(low), f"{low:02}", *names[low - first : low - first + 1]]))
    return draw(
        st.sampled_from(["*", start, f"{start}-{high}", f"*/{step}", f"{start}/{step}", f"{start}-{high}/{step}"])
    )


def field(first: int, last: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(items(first, last, names), min_size=1, max_size=3).map(",".join)


hours_of_change = st.sampled_from(["0", "1", "2", "3", "23", "0-3", "1,2", "*/2", "22-23"])


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Any valid expression, but one whose date never comes."""
    expression = " ".join(
        draw(each)
        for each in (
            field(0, 59),
            hours_of_change | field(0, 23),
            st.just("*") | field(1, 31),
            st.just("*") | field(1, 12, MONTHS),
            st.just("*") | field(0, 7, WEEKDAYS),
        )
    )
    walk = Walk(expression, "UTC")
    assume(walk.either_day or min(walk.days) <= max(monthrange(2024, month)[1] for month in walk.months))
    return expression


timezones = st.sampled_from(sorted(CHANGES))
instants = st.timedeltas(timedelta(days=5 * 365), timedelta(days=180 * 365)).map(lambda age: EPOCH + age)  # to 2149
lengths = st.timedeltas(timedelta(0), 900 * DAY)
thorough = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(("timezone", "change"), CLOCK_CHANGES)
def test_the_changes_named_here_are_changes(timezone: str, change: datetime) -> None:
    before, after = (at.astimezone(zone(timezone)).utcoffset() for at in (change - MINUTE, change))
    assert (before == after) == (timezone in {"UTC", "Asia/Kolkata"})


@thorough
@given(expressions(), st.sampled_from(CLOCK_CHANGES), st.data())
def test_around_a_change_the_slots_are_those_of_the_walk(
    expression: str, zone_and_change: tuple[str, datetime], data: st.DataObject
) -> None:
    timezone, change = zone_and_change
    start, end = change - 4 * HOUR, change + 4 * HOUR
    expected = list(Walk(expression, timezone).between(start, end))
    schedule = cron.parse(expression, timezone)
    assert list(cron.between(schedule, start, end)) == expected
    # Each answer depends on its instant alone, wherever a sequence was begun.
    after = data.draw(st.integers(0, 8 * 60 - 1).map(lambda minutes: start + minutes * MINUTE), label="after")
    later = [slot for slot in expected if slot > after]
    slot = cron.next_after(schedule, after)
    assert slot == later[0] if later else slot > end


@thorough
@given(expressions(), timezones, instants)
def test_anywhere_the_slots_of_a_day_are_those_of_the_walk(expression: str, timezone: str, instant: datetime) -> None:
    start = instant.replace(second=0, microsecond=0)
    end = start + 12 * HOUR
    found = list(cron.between(cron.parse(expression, timezone), start, end))
    assert found == list(Walk(expression, timezone).between(start, end))


@thorough
@given(expressions(), st.sampled_from(sorted(ZONE_NAMES)), instants)
def test_there_is_always_a_next_slot_and_each_is_later(expression: str, timezone: str, instant: datetime) -> None:
    schedule = cron.parse(expression, timezone)
    sequence = [instant]
    for _ in range(5):
        sequence.append(cron.next_after(schedule, sequence[-1]))
    assert all(earlier < later for earlier, later in pairwise(sequence))
    assert all(slot.tzinfo is UTC and not slot.second and not slot.microsecond for slot in sequence[1:])
    assert list(cron.between(schedule, instant, sequence[-1])) == sequence[1:]


@thorough
@given(expressions(), timezones, instants, st.floats(0, 1))
def test_no_slot_lies_between_an_instant_and_the_next(
    expression: str, timezone: str, instant: datetime, share: float
) -> None:
    schedule = cron.parse(expression, timezone)
    slot = cron.next_after(schedule, instant)
    assert cron.next_after(schedule, instant + (slot - instant) * share * 0.999) == slot


def assert_counted_and_reversed(slots: cron.SlotRange, expected: list[datetime]) -> None:
    """Holds the ways through a range against its slots as `next_after` tells them."""
    assert list(slots) == expected
    assert len(slots) == len(expected)
    assert list(reversed(slots)) == expected[::-1]
    begin = slots.start.replace(second=0, microsecond=0) + MINUTE
    assert slots.bits == sum(1 << (slot - begin) // MINUTE for slot in expected)


def one_by_one(schedule: cron.Schedule, start: datetime, end: datetime, most: int) -> list[datetime]:
    """The slots in (start, end], each asked for by itself, and `most` at most."""
    found: list[datetime] = []
    slot = cron.next_after(schedule, start)
    while slot <= end and len(found) < most:
        found.append(slot)
        slot = cron.next_after(schedule, slot)
    return found


@thorough
@given(
    expressions(),
    st.sampled_from(CLOCK_CHANGES),
    st.timedeltas(-26 * HOUR, 2 * HOUR),  # to within an hour that comes twice
    st.timedeltas(timedelta(0), 26 * HOUR),
)
def test_around_a_change_a_range_is_counted_and_read_backwards_as_its_slots_are(
    expression: str, zone_and_change: tuple[str, datetime], begin: timedelta, end: timedelta
) -> None:
    timezone, change = zone_and_change
    schedule = cron.parse(expression, timezone)
    expected = one_by_one(schedule, change + begin, change + end, 52 * 60)
    assert_counted_and_reversed(cron.SlotRange(schedule, change + begin, change + end), expected)


@thorough
@given(expressions(), st.sampled_from(sorted(ZONE_NAMES)) | timezones, instants, lengths)
def test_anywhere_a_range_is_counted_and_read_backwards_as_its_slots_are(
    expression: str, timezone: str, start: datetime, length: timedelta
) -> None:
    schedule = cron.parse(expression, timezone)
    expected = one_by_one(schedule, start, start + length, 400)
    end = expected[-1] if len(expected) == 400 else start + length
    assert_counted_and_reversed(cron.SlotRange(schedule, start, end), expected)


@thorough
@given(expressions(), st.sampled_from(sorted(ZONE_NAMES)) | timezones, instants, lengths, lengths)
def test_a_range_has_the_slots_of_its_parts(
    expression: str, timezone: str, start: datetime, first_length: timedelta, second_length: timedelta
) -> None:
    middle = start + first_length
    end = middle + second_length
    whole, first, second = (
        cron.SlotRange(cron.parse(expression, timezone), *part)
        for part in ((start, end), (start, middle), (middle, end))
    )
    assert len(whole) == len(first) + len(second)
    backwards = list(islice(reversed(whole), 30))
    assert backwards == list(islice(chain(reversed(second), reversed(first)), 30))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(ZONE_NAMES)), instants, lengths)
def test_every_minute_is_as_many_slots_as_minutes_in_any_zone(timezone: str, at: datetime, length: timedelta) -> None:
    start = at.replace(second=0, microsecond=0)
    assert len(cron.SlotRange(cron.parse("* * * * *", timezone), start, start + length)) == length // MINUTE


@settings(max_examples=30, deadline=None)
@given(expressions(), timezones)
def test_the_text_is_kept(expression: str, timezone: str) -> None:
    schedule = cron.parse(expression, timezone)
    assert (schedule.expression, schedule.timezone) == (expression, timezone)


near_misses = st.text("0123456789*,-/ \t@LW#?~JANSUNdaily\0\n\u0661", max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.text() | near_misses | st.lists(near_misses, min_size=5, max_size=5).map(" ".join), timezones | st.text())
def test_any_text_is_a_schedule_or_a_refusal(expression: str, timezone: str) -> None:
    try:
        schedule = cron.parse(expression, timezone)
    except (cron.CronError, cron.ZoneError) as refusal:
        refusal.sentence.encode()
    else:
        assert schedule.expression == expression
        assert cron.next_after(schedule, datetime(2026, 1, 1, tzinfo=UTC))
