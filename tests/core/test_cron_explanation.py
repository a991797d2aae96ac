"""What a schedule is said to mean, and what is warned of: by the engine that fires."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routines.core import cron
from routines.core.cron.explanation import explain

EITHER = (
    "Day of month 1 and day of week 5 are both set: it fires on days that are either, not only on those that are both"
)
NOW = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * 1-5", "At 09:00, Monday through Friday"),
        ("*/15 9-17 * * *", "Every 15 minutes, between 09:00 and 17:59"),
        ("0 0 1 * 5", "At 00:00, on day 1 of the month, or on Friday"),
        ("0 9 * * 7", "At 09:00, only on Sunday"),
        ("@daily", "At 00:00"),
    ],
)
def test_it_is_said_in_words(expression: str, words: str) -> None:
    assert explain(cron.parse(expression, "UTC"), NOW, 1).words == words


@pytest.mark.parametrize("expression", ["* * * * *", "30 2 * * *", "5/7 */3 1,15 * mon", "@hourly"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_the_times_are_those_that_fire(expression: str, zone: str) -> None:
    schedule = cron.parse(expression, zone)
    times, at = [], NOW
    for _ in range(50):
        at = cron.next_after(schedule, at)
        times.append(at)
    assert explain(schedule, NOW, 50).times == times


@pytest.mark.parametrize(
    ("expression", "zone", "warnings"),
    [
        ("0 9 * * *", "Europe/Berlin", []),
        ("*/15 * * * *", "Europe/Berlin", []),
        (
            "0 0 1 * 5",
            "UTC",
            [EITHER],
        ),
        ("*/7 * * * *", "UTC", ["Every 7 minutes begins anew each hour: after minute 56 comes minute 0"]),
        ("0 */5 * * *", "UTC", ["Every 5 hours begins anew each day: after hour 20 comes hour 0"]),
        ("0 0 30,31 * *", "UTC", ["Months without a day 30 or 31 are passed over"]),
        ("0 0 29 2 *", "UTC", ["It does not fire within a year: the next time is on 2028-02-29"]),
        (
            "30 2 * * *",
            "Europe/Berlin",
            [
                "On 2026-03-29 the clock in Europe/Berlin skips 02:00 to 03:00: what is due then fires at 03:00",
                "On 2026-10-25 the clock in Europe/Berlin shows 02:00 to 03:00 twice: it fires the first time only",
            ],
        ),
        (
            "*/20 2 * * *",
            "Europe/Berlin",
            [
                "On 2026-03-29 the clock in Europe/Berlin skips 02:00 to 03:00: nothing fires then",
                "On 2026-10-25 the clock in Europe/Berlin shows 02:00 to 03:00 twice: it fires both times",
            ],
        ),
    ],
)
def test_what_may_surprise_is_warned_of(expression: str, zone: str, warnings: list[str]) -> None:
    assert explain(cron.parse(expression, zone), NOW, 1).warnings == warnings


@pytest.mark.parametrize(("expression", "fires_at"), [("30 2 * * *", ["01:00"]), ("*/20 2 * * *", [])])
def test_the_warning_of_a_gap_is_what_happens(expression: str, fires_at: list[str]) -> None:
    start, end = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC)
    slots = cron.between(cron.parse(expression, "Europe/Berlin"), start, end)
    assert [f"{slot:%H:%M}" for slot in slots] == fires_at
