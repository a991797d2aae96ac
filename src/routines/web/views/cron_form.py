"""Schedules as a form says them: how often, and when; made into an expression, and read from one where it can be.

Only the commonest schedules are here. What an expression means, and whether it is one, is `core.cron`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from routines.core.cron import CronError
from routines.core.cron.expression import FIELDS, fields
from routines.core.errors import Fault, InvalidError

EVERY_MINUTES = (1, 2, 3, 5, 10, 15, 20, 30)  # they divide the hour, so that none begins anew
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""In the order of a calendar; each one's number in an expression is its place, from 1, and Sunday's also 0."""
WORKING_DAYS = frozenset(range(1, 6))
ALL_DAYS = frozenset(range(1, 8))
_DAY_OF_WEEK = FIELDS[-1]
_EVERY_MINUTES = re.compile(r"\*(/(?P<every>\d+))? \* \* \* \*", re.ASCII)
_EACH_HOUR = re.compile(r"(?P<minute>\d+) \* \* \* \*", re.ASCII)
_AT_A_TIME = re.compile(r"(?P<minute>\d+) (?P<hour>\d+) (?P<day>\d+|\*) \* (?P<weekday>\S+)", re.ASCII)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(:00)?", re.ASCII)


class Every(StrEnum):
    """How often something fires, as the form has it; `cron` is everything that only an expression can say."""

    MINUTES = "minutes"
    HOUR = "hour"
    DAY = "day"
    WORKDAY = "workday"
    WEEK = "week"
    MONTH = "month"
    CRON = "cron"


@dataclass(frozen=True, slots=True)
class CronForm:
    """What such a form says; the fields that its `every` does not ask for are kept as they are, and mean nothing."""

    every: Every = Every.WORKDAY
    minutes: str = "15"
    minute: str = "0"
    time: str = "09:00"
    weekdays: frozenset[str] = frozenset({"1"})
    day: str = "1"
    expression: str = "0 9 * * 1-5"


def expression(form: CronForm) -> str:
    """The expression that the form stands for; `InvalidError` names the field that says nothing, or what cannot be."""
    if form.every is Every.CRON:
        return form.expression
    if form.every is Every.MINUTES:
        every = _number(form.minutes, "everyMinutes", 1, 59)
        return "* * * * *" if every == 1 else f"*/{every} * * * *"
    if form.every is Every.HOUR:
        return f"{_number(form.minute, 'minute', 0, 59)} * * * *"
    return f"{_time(form.time)} {_days(form)}"


def cron_form(text: str) -> CronForm:
    """The form that says the same as an expression, or the one that holds it as text."""
    as_text = CronForm(Every.CRON, expression=text)
    try:
        plain = " ".join(fields(text))
    except CronError:
        return as_text
    if found := _EVERY_MINUTES.fullmatch(plain):
        every = int(found["every"] or 1)
        return CronForm(Every.MINUTES, minutes=str(every), expression=text) if every in EVERY_MINUTES else as_text
    if found := _EACH_HOUR.fullmatch(plain):
        return CronForm(Every.HOUR, minute=str(int(found["minute"])), expression=text)
    if found := _AT_A_TIME.fullmatch(plain):
        form = CronForm(time=f"{int(found['hour']):02}:{int(found['minute']):02}", expression=text)
        return _on_its_days(form, found["day"], found["weekday"]) or as_text
    return as_text


def _on_its_days(form: CronForm, day: str, weekday: str) -> CronForm | None:
    """The form with the days that two fields say; None if it cannot say them."""
    if weekday == "*" and day.isdigit():
        return replace(form, every=Every.MONTH, day=str(int(day)))
    days = _numbers_of(weekday)
    if day != "*" or not days:
        return None
    if days in {WORKING_DAYS, ALL_DAYS}:
        return replace(form, every=Every.WORKDAY if days == WORKING_DAYS else Every.DAY)
    return replace(form, every=Every.WEEK, weekdays=frozenset(map(str, days)))


def _days(form: CronForm) -> str:
    """The last three fields."""
    if form.every is Every.WEEK:
        return f"* * {_weekdays(form.weekdays)}"
    if form.every is Every.MONTH:
        return f"{_number(form.day, 'dayOfMonth', 1, 31)} * *"
    return "* * *" if form.every is Every.DAY else "* * 1-5"


def _number(text: str, name: str, first: int, last: int) -> int:
    if not (text.isascii() and text.isdigit() and first <= int(text[:9]) <= last):
        raise InvalidError([Fault((name,), f"{text[:40]!r} is no whole number from {first} to {last}", "range")])
    return int(text)


def _time(text: str) -> str:
    """A time of day as the first two fields."""
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise InvalidError([Fault(("time",), f"{text[:40]!r} is no time of day, such as 09:00", "time")])
    return f"{int(parts[2])} {int(parts[1])}"


def _weekdays(chosen: frozenset[str]) -> str:
    known = {str(number) for number in range(1, len(WEEKDAYS) + 1)}
    if not chosen or chosen - known:
        raise InvalidError([Fault(("weekday",), "Choose at least one day of the week", "missing")])
    return ",".join("0" if number == "7" else number for number in sorted(chosen))


def _numbers_of(field: str) -> frozenset[int]:
    """The days that a field without steps names, Sunday as 7; none for one that it cannot read."""
    found: set[int] = set()
    for item in field.upper().split(","):
        if "/" in item:
            return frozenset()
        low, _, high = ("0-6" if item == "*" else item).partition("-")
        first = _DAY_OF_WEEK.number(low)
        last = _DAY_OF_WEEK.number(high) if high else first
        found.update(7 if number == 0 else number for number in range(first, last + 1))
    return frozenset(found)
