"""Promises of `routines.core.cron` as case tables: what is read, what is refused, when the slots are.

The same promises for any expression, zone and instant are in `test_cron_properties`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from routines.core import cron
from routines.core.errors import ImpossibleError
from routines.core.limits import CRON_EXPRESSION_CHARACTERS_MAX
from routines.core.zones import ZONE_NAMES, zone

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = timedelta(minutes=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(expression: str, timezone: str, after: str) -> Iterator[str]:
    """All slots after an instant, as texts such as `2026-01-01 09:00`, in UTC."""
    schedule = cron.parse(expression, timezone)
    slot = instant(after)
    while True:
        slot = cron.next_after(schedule, slot)
        yield f"{slot:%Y-%m-%d %H:%M}"


# The year 2026 starts on a Thursday.
READ = [
    ("* * * * *", ["2026-01-01 00:01", "2026-01-01 00:02"]),
    ("*/15 * * * *", ["2026-01-01 00:15", "2026-01-01 00:30"]),
    ("*/25 * * * *", ["2026-01-01 00:25", "2026-01-01 00:50", "2026-01-01 01:00"]),
    ("*/90 * * * *", ["2026-01-01 01:00", "2026-01-01 02:00"]),  # a step past the end leaves the first, as in cron(8)
    ("10-20/5 * * * *", ["2026-01-01 00:10", "2026-01-01 00:15", "2026-01-01 00:20", "2026-01-01 01:10"]),
    ("40/15 * * * *", ["2026-01-01 00:40", "2026-01-01 00:55", "2026-01-01 01:40"]),
    ("40-40/15 * * * *", ["2026-01-01 00:40", "2026-01-01 01:40"]),
    ("5,1-3,*/30 * * * *", [f"2026-01-01 00:{minute:02}" for minute in (1, 2, 3, 5, 30)]),
    ("00 09 01 02 *", ["2026-02-01 09:00", "2027-02-01 09:00"]),
    (" \t0  9\t* * *\t ", ["2026-01-01 09:00", "2026-01-02 09:00"]),
    ("0 9 * * 1-5", ["2026-01-01 09:00", "2026-01-02 09:00", "2026-01-05 09:00"]),
    ("0 9 * * mon-FRI", ["2026-01-01 09:00", "2026-01-02 09:00", "2026-01-05 09:00"]),
    ("0 9 * * Tue-5/2", ["2026-01-01 09:00", "2026-01-06 09:00"]),
    ("0 9 * * 0", ["2026-01-04 09:00", "2026-01-11 09:00"]),
    ("0 9 * * 7", ["2026-01-04 09:00", "2026-01-11 09:00"]),
    ("0 9 * * Sun", ["2026-01-04 09:00", "2026-01-11 09:00"]),
    ("0 9 * * 5-7", ["2026-01-02 09:00", "2026-01-03 09:00", "2026-01-04 09:00", "2026-01-09 09:00"]),
    ("0 9 * * 0-7", ["2026-01-01 09:00", "2026-01-02 09:00", "2026-01-03 09:00", "2026-01-04 09:00"]),
    ("0 9 1 jul,DEC *", ["2026-07-01 09:00", "2026-12-01 09:00", "2027-07-01 09:00"]),
    ("0 0 30 2,4 *", ["2026-04-30 00:00", "2027-04-30 00:00"]),
    ("@hourly", ["2026-01-01 01:00", "2026-01-01 02:00"]),
    ("@daily", ["2026-01-02 00:00", "2026-01-03 00:00"]),
    ("@midnight", ["2026-01-02 00:00", "2026-01-03 00:00"]),
    ("@weekly", ["2026-01-04 00:00", "2026-01-11 00:00"]),
    ("@monthly", ["2026-02-01 00:00", "2026-03-01 00:00"]),
    ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
    (" @Annually ", ["2027-01-01 00:00", "2028-01-01 00:00"]),
]


@pytest.mark.parametrize(("expression", "expected"), READ)
def test_the_standard_dialect_is_read(expression: str, expected: list[str]) -> None:
    assert list(islice(slots(expression, "UTC", "2026-01-01"), len(expected))) == expected


DAY_FIELDS = [
    ("0 9 13 * 5", ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]),  # both restricted: either will do
    ("0 9 13,* * 5", ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"]),  # restricted too: no star in front
    ("0 9 *,13 * 5", ["2026-01-02", "2026-01-09", "2026-01-16", "2026-01-23"]),
    ("0 9 */2 * 5", ["2026-01-09", "2026-01-23", "2026-02-13", "2026-02-27"]),  # a star in front: both must match
    ("0 9 13 * */2", ["2026-01-13", "2026-06-13", "2026-08-13", "2026-09-13"]),
    ("0 0 31 2 1", ["2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23"]),  # the Mondays, whatever the day
]


@pytest.mark.parametrize(("expression", "expected"), DAY_FIELDS)
def test_day_fields_are_ored_when_neither_starts_with_a_star(expression: str, expected: list[str]) -> None:
    days = (slot[:10] for slot in slots(expression, "UTC", "2026-01-01 12:00"))
    assert list(islice(days, len(expected))) == expected


REFUSED = [
    # junk in a field, which the sentence repeats
    ("1x * * * *", "'1x'"),
    ("1-2-3 * * * *", "'1-2-3'"),
    ("*/0 * * * *", "'*/0'"),
    ("*/00 * * * *", "'*/00'"),
    ("*/ * * * *", "'*/'"),
    ("/5 * * * *", "'/5'"),
    ("1/2/3 * * * *", "'1/2/3'"),
    ("*/mon * * * *", "'*/mon'"),
    ("*-5 * * * *", "'*-5'"),
    ("** * * * *", "'**'"),
    ("*5 * * * *", "'*5'"),
    ("-5 * * * *", "'-5'"),
    ("5- * * * *", "'5-'"),
    ("+5 * * * *", "'+5'"),
    ("1.5 * * * *", "'1.5'"),
    ("1e1 * * * *", "'1e1'"),
    ("1_0 * * * *", "'1_0'"),
    ("0~9 * * * *", "'0~9'"),
    ("H * * * *", "'H'"),
    ("1,,2 * * * *", "'' in '1,,2'"),
    (", * * * *", "'' in ','"),
    ("* * * * 1,", "'' in '1,'"),
    # out of bounds
    ("60 * * * *", "0-59"),
    ("0,30,60 * * * *", "'60' in '0,30,60'"),
    ("50-70 * * * *", "0-59"),
    ("60/5 * * * *", "0-59"),
    ("* 24 * * *", "0-23"),
    ("* * 0 * *", "1-31"),
    ("* * 32 * *", "1-31"),
    ("* * * 0 *", "1-12"),
    ("* * * 13 *", "1-12"),
    ("* * * * 8", "0-7"),
    (f"{'9' * 200} * * * *", "0-59"),
    # backwards
    ("30-10 * * * *", "'30-59,0-10'"),
    ("* 22-6 * * *", "'22-23,0-6'"),
    ("* * * NOV-FEB *", "'11-12,1-2'"),
    ("* * * * fri-mon", "'5-7,0-1'"),
    # names in the wrong place, or wrong
    ("* * * * Monday", "'Monday'"),
    ("* * * * JAN", "'JAN'"),
    ("* * * MON *", "'MON'"),
    ("* MON * * *", "'MON'"),
    ("* * JAN * *", "'JAN'"),
    # extensions of other systems
    ("* * L * *", "'L'"),
    ("* * LW * *", "'LW'"),
    ("* * 15W * *", "'15W'"),
    ("* * * * 5L", "'5L'"),
    ("* * * * 5#2", "'5#2'"),
    ("* * ? * *", "'?'"),
    ("@reboot", "@daily"),
    ("@every 5m", "@daily"),
    ("@", "@daily"),
    ("@daily *", "'@daily *'"),
    ("@daily 0 0 * * *", "five fields"),
    # another number of fields
    ("", "five fields"),
    (" \t ", "five fields"),
    ("daily", "five fields"),
    ("* * * *", "it has 4"),
    ("0 * * * * *", "it has 6"),
    ("0 0 1 1 * 2026", "it has 6"),
    # dates that never come
    ("0 0 31 2 *", "'31'"),
    ("0 0 30 feb *", "'feb'"),
    ("0 0 30,31 2 *", "'30,31'"),
    ("0 0 31 4,6,9,11 *", "'4,6,9,11'"),
    ("0 0 31 2 */2", "can never happen"),
    # other characters
    ("\u0665 * * * *", "ASCII"),
    ("\uff15 * * * *", "ASCII"),
    ("* * * * \u017fun", "ASCII"),  # in upper case it would be SUN
    ("0\u00a09 * * *", "ASCII"),
    ("0\u20039 * * *", "ASCII"),
    ("0 9 * * *\n", "one line"),
    ("0 9\n* * *", "one line"),
    ("0 9\x1c* * *", r"'\x1c'"),
    ("0 9 * * *\0", r"'\x00'"),
    ("\ud800 * * * *", r"'\ud800'"),
]


@pytest.mark.parametrize(("expression", "said"), REFUSED)
def test_anything_else_is_refused_with_its_wrong_part(expression: str, said: str) -> None:
    with pytest.raises(cron.CronError) as refusal:
        cron.parse(expression, "UTC")
    assert said in refusal.value.sentence
    refusal.value.sentence.encode()


def test_a_refusal_is_of_what_cannot_be() -> None:
    assert issubclass(cron.CronError, ImpossibleError)
    assert issubclass(cron.ZoneError, ImpossibleError)


def test_an_expression_has_a_length_that_lists_every_minute_and_no_more() -> None:
    every_minute = ",".join(map(str, range(60))) + " * * * *"
    padded = every_minute.ljust(CRON_EXPRESSION_CHARACTERS_MAX)
    assert cron.parse(padded, "UTC").expression == padded
    for longer in (padded + " ", "1" * 1_000_000):
        with pytest.raises(cron.CronError, match=str(CRON_EXPRESSION_CHARACTERS_MAX)) as refusal:
            cron.parse(longer, "UTC")
        assert len(refusal.value.sentence) < 200


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(cron.ZoneError, match="Mars/Olympus"):
        cron.parse("0 9 * * *", "Mars/Olympus")


@pytest.mark.parametrize("expression", [" 00  9\t* jan MON-5 ", "@Daily", "5-5/15 */5 1 1 7"])
def test_the_text_is_kept_byte_for_byte(expression: str) -> None:
    schedule = cron.parse(expression, "Europe/Berlin")
    assert (schedule.expression, schedule.timezone) == (expression, "Europe/Berlin")


def test_midnight_comes_within_a_day_in_every_zone() -> None:
    now = instant("2026-05-06 07:08")
    for name in ZONE_NAMES:
        slot = cron.next_after(cron.parse("0 0 * * *", name), now)
        assert now < slot <= now + timedelta(days=1), name
        assert slot.astimezone(zone(name)).hour == 0, name


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", "1892-03-01", ["1896-02-29 00:00", "1904-02-29 00:00"]),
        ("0 0 29 2 *", "2092-03-01", ["2096-02-29 00:00", "2104-02-29 00:00"]),
        ("0 0 29 2 */7", "2088-01-01", ["2088-02-29 00:00", "2128-02-29 00:00"]),  # a Sunday, 40 years apart
        ("59 23 31 12 *", "1999-12-31 23:58", ["1999-12-31 23:59", "2000-12-31 23:59"]),
    ],
)
def test_rare_dates_come(expression: str, after: str, expected: list[str]) -> None:
    assert list(islice(slots(expression, "UTC", after), len(expected))) == expected


# Each change of a clock, in UTC: Berlin 2026-03-29 01:00 and 2026-10-25 01:00; Lord Howe, by half an hour, 2026-04-04
# 15:00 and 2026-10-03 15:30; Sao Paulo, at midnight, 2018-02-18 02:00 and 2018-11-04 03:00; Apia skipped a whole day at
# 2011-12-30 10:00; Troll leaps two hours at 2026-03-29 01:00.
CLOCK_CHANGES = [
    # fixed times: a skipped minute right after the gap, once, whatever else falls there
    ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),
    ("10,50 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:10"]),
    ("0,30 2-3 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-29 01:30"]),
    ("10,40 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", ["2026-10-03 15:30", "2026-10-03 15:40"]),
    ("0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00", ["2018-11-04 03:00", "2018-11-05 02:00"]),
    ("0 12 * * *", "Pacific/Apia", "2011-12-29 23:00", ["2011-12-30 10:00", "2011-12-30 22:00"]),
    ("0 12 30 12 *", "Pacific/Apia", "2011-01-01", ["2011-12-30 10:00", "2012-12-29 22:00"]),
    ("0 1,2 * * *", "Antarctica/Troll", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-29 23:00"]),
    # fixed times: a repeated minute once, at the first
    ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
    ("30 2 * * *", "Europe/Berlin", "2026-10-25 01:15", ["2026-10-26 01:30"]),
    ("0 3 * * *", "Europe/Berlin", "2026-10-24 12:00", ["2026-10-25 02:00", "2026-10-26 02:00"]),
    ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00", ["2026-04-04 14:45", "2026-04-05 15:15"]),
    ("30 23 * * *", "America/Sao_Paulo", "2018-02-17 12:00", ["2018-02-18 01:30", "2018-02-19 02:30"]),
    (
        "0-59 0-23 * * *",
        "America/Nuuk",
        "2023-10-29 01:10",
        ["2023-10-29 01:11"],
    ),  # zoneinfo sees a fold, no clock changes
    ("0-59 12 * * *", "America/New_York", "1883-11-18 17:01", ["1883-11-18 17:03"]),  # back from 12:03:58 to 12:00
    # wildcards: what the clock shows, so not at all or twice
    ("*/30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-30 00:00", "2026-03-30 00:30"]),
    ("*/30 * * * *", "Europe/Berlin", "2026-03-29 00:15", ["2026-03-29 00:30", "2026-03-29 01:00"]),
    ("@hourly", "Europe/Berlin", "2026-10-25 00:00", ["2026-10-25 01:00", "2026-10-25 02:00"]),
    (
        "*/30 2 * * *",
        "Europe/Berlin",
        "2026-10-24 12:00",
        ["2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30", "2026-10-26 01:00"],
    ),
    ("* 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00", ["2018-11-05 02:00", "2018-11-05 02:01"]),
    ("*/40 1 * * *", "Australia/Lord_Howe", "2026-04-04 13:50", ["2026-04-04 14:00", "2026-04-04 14:40"]),
    ("*/40 1 * * *", "Australia/Lord_Howe", "2026-04-04 14:40", ["2026-04-04 15:10", "2026-04-05 14:30"]),
    ("0 */6 * * *", "Pacific/Apia", "2011-12-30 04:00", ["2011-12-30 10:00", "2011-12-30 16:00"]),
]


@pytest.mark.parametrize(("expression", "timezone", "after", "expected"), CLOCK_CHANGES)
def test_changes_of_the_clock_are_met_as_in_debian_s_cron(
    expression: str, timezone: str, after: str, expected: list[str]
) -> None:
    assert list(islice(slots(expression, timezone, after), len(expected))) == expected


@pytest.mark.parametrize(
    ("expression", "timezone"), [("* 2 8-14 3 */7", "America/New_York"), ("*/5 0 8-14 3 */7", "America/Havana")]
)
def test_wildcards_only_within_an_hour_that_is_always_skipped_are_refused(expression: str, timezone: str) -> None:
    with pytest.raises(cron.CronError, match=timezone):
        cron.parse(expression, timezone)
    assert cron.parse(expression, "UTC")


def test_a_slot_is_strictly_later_and_in_utc() -> None:
    schedule = cron.parse("*/5 * * * *", "Asia/Kolkata")
    slot = instant("2026-01-01 00:05")
    for after in (slot - 5 * MINUTE, slot - MINUTE, slot - timedelta(microseconds=1)):
        assert cron.next_after(schedule, after) == slot
        assert cron.next_after(schedule, after.astimezone(zone("America/New_York"))).tzinfo is UTC
    assert cron.next_after(schedule, slot) == slot + 5 * MINUTE
    assert cron.next_after(schedule, slot + timedelta(seconds=59)) == slot + 5 * MINUTE


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        cron.next_after(cron.parse("* * * * *", "UTC"), datetime(2026, 1, 1))  # noqa: DTZ001 - the case


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_only_the_end_of_the_calendar_has_no_next_slot(timezone: str) -> None:
    schedule = cron.parse("@daily", timezone)
    assert cron.next_after(schedule, instant("9999-12-28")) < instant("9999-12-30")
    with pytest.raises(OverflowError):
        cron.next_after(schedule, instant("9999-12-31 23:59"))


def test_between_takes_its_end_and_leaves_out_its_start() -> None:
    schedule = cron.parse("@hourly", "UTC")
    found = cron.between(schedule, instant("2026-01-01 01:00"), instant("2026-01-01 04:00"))
    assert [slot.hour for slot in found] == [2, 3, 4]


def test_between_is_lazy_and_may_be_empty() -> None:
    schedule = cron.parse("* * * * *", "UTC")
    start = instant("2026-01-01")
    assert next(cron.between(schedule, start, instant("9000-01-01"))) == start + MINUTE
    assert not list(cron.between(schedule, start, start))
    assert not list(cron.between(schedule, start, start - MINUTE))


# All in zones whose clocks change in between; what a fixed time makes of a change is told above.
RANGES = [
    ("* * * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 12:00", 1440),
    ("* * * * *", "Europe/Berlin", "1976-01-01", "2026-01-01", 18_263 * 1440),
    ("0-59 0-23 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 12:00", 1440),
    ("0-59 0-23 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 12:00", 1380),
    ("0-59 0-23 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 02:30", 60),  # starts, and ends, in the hours
    ("0-59 0-23 * * *", "Europe/Berlin", "2026-10-25 01:10", "2026-10-25 01:50", 0),  # that 02:00 to 03:00 is shown in
    ("*/5 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 12:00", 24),
    ("*/5 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 12:00", 0),
    ("0-59/5 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 12:00", 1),
    ("0 9 * * 1-5", "America/New_York", "2026-01-01 14:00", "2027-01-01 14:00", 261),
    ("0 12 * * *", "Pacific/Apia", "2011-12-29 00:00", "2011-12-31 00:00", 3),  # a day that never was has its slot
    ("*/30 12 * * *", "Pacific/Apia", "2011-12-29 00:00", "2011-12-31 00:00", 4),  # but none of those with a wildcard
    ("0 0 29 2 *", "UTC", "1999-01-01", "2026-01-01", 7),
]


@pytest.mark.parametrize(("expression", "timezone", "start", "end", "count"), RANGES)
def test_a_range_is_counted(expression: str, timezone: str, start: str, end: str, count: int) -> None:
    assert len(cron.SlotRange(cron.parse(expression, timezone), instant(start), instant(end))) == count


def test_a_range_is_read_backwards_lazily_from_its_end() -> None:
    slots = cron.SlotRange(cron.parse("*/20 9 * * 1-5", "UTC"), instant("2026-01-01"), instant("2026-02-02 09:20:30"))
    assert [f"{slot:%d %H:%M}" for slot in islice(reversed(slots), 4)] == [
        "02 09:20",
        "02 09:00",
        "30 09:40",
        "30 09:20",
    ]
    assert next(iter(slots)) == instant("2026-01-01 09:00")


@pytest.mark.parametrize("length", [0 * MINUTE, -MINUTE, -1000 * MINUTE, timedelta(seconds=59)])
def test_a_range_without_a_slot_is_empty(length: timedelta) -> None:
    start = instant("2026-01-01")
    slots = cron.SlotRange(cron.parse("* * * * *", "Europe/Berlin"), start, start + length)
    assert (len(slots), list(slots), list(reversed(slots))) == (0, [], [])


def test_schedules_are_equal_when_their_texts_are() -> None:
    first, again = (cron.parse.__wrapped__("@daily", "UTC") for _ in range(2))
    assert first == again
    assert len({first, again, cron.parse("0 0 * * *", "UTC"), cron.parse("@daily", "Etc/UTC")}) == 3
