"""A schedule said by form is one expression, and an expression is shown in the form that says the same."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routines.core import cron
from routines.core.errors import InvalidError
from routines.web.views.cron_form import EVERY_MINUTES, CronForm, Every, cron_form, expression
from support.clock import DAY, MONDAY_NOON


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (CronForm(Every.MINUTES, minutes="1"), "* * * * *"),
        (CronForm(Every.MINUTES, minutes="15"), "*/15 * * * *"),
        (CronForm(Every.HOUR, minute="7"), "7 * * * *"),
        (CronForm(Every.DAY, time="09:05"), "5 9 * * *"),
        (CronForm(Every.WORKDAY, time="00:00"), "0 0 * * 1-5"),
        (CronForm(Every.WEEK, time="23:59", weekdays=frozenset("17")), "59 23 * * 1,0"),
        (CronForm(Every.MONTH, time="09:00", day="31"), "0 9 31 * *"),
        (CronForm(Every.CRON, expression="@yearly"), "@yearly"),
    ],
)
def test_a_form_is_an_expression_and_back(form: CronForm, text: str) -> None:
    assert expression(form) == text
    back = cron_form(text)
    assert back.every is form.every
    assert expression(back) == text


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("@daily", Every.DAY),
        ("@hourly", Every.HOUR),
        ("@weekly", Every.WEEK),
        ("@monthly", Every.MONTH),
        ("0 9 * * mon-fri", Every.WORKDAY),
        ("00 09 * * SUN", Every.WEEK),
        ("0 9 * * 0-6", Every.DAY),
        ("*/07 * * * *", Every.CRON),  # it begins anew each hour, which the form would hide
        ("0/15 * * * *", Every.CRON),
        ("0 9-17 * * *", Every.CRON),
        ("0 9 1 * 1", Every.CRON),
        ("0 9 1 1 *", Every.CRON),
        ("0 0-23 * * *", Every.CRON),
        ("0 9 * * */2", Every.CRON),
        ("no cron at all", Every.CRON),
    ],
)
def test_an_expression_is_shown_in_the_form_that_says_the_same(text: str, every: Every) -> None:
    form = cron_form(text)
    assert form.every is every
    assert form.expression == text


@pytest.mark.parametrize(
    ("form", "name"),
    [
        (CronForm(Every.MINUTES, minutes="0"), "everyMinutes"),
        (CronForm(Every.HOUR, minute="60"), "minute"),
        (CronForm(Every.HOUR, minute="\u0661"), "minute"),
        (CronForm(Every.DAY, time="24:00"), "time"),
        (CronForm(Every.DAY, time=""), "time"),
        (CronForm(Every.WEEK, weekdays=frozenset()), "weekday"),
        (CronForm(Every.WEEK, weekdays=frozenset({"8"})), "weekday"),
        (CronForm(Every.MONTH, day="32"), "dayOfMonth"),
    ],
)
def test_what_the_form_cannot_say_is_said_of_its_field(form: CronForm, name: str) -> None:
    with pytest.raises(InvalidError) as refused:
        expression(form)
    assert [fault.path for fault in refused.value.faults] == [(name,)]


numbers = st.integers(0, 59).map(str)
forms = st.builds(
    CronForm,
    every=st.sampled_from(sorted(set(Every) - {Every.CRON})),
    minutes=st.sampled_from(EVERY_MINUTES).map(str),
    minute=numbers,
    time=st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
    weekdays=st.frozensets(st.integers(1, 7).map(str), min_size=1),
    day=st.integers(1, 31).map(str),
)


@given(forms)
def test_every_form_is_a_schedule_that_is_read_back(form: CronForm) -> None:
    text = expression(form)
    cron.parse(text, "UTC")
    assert expression(cron_form(text)) in {text, text.replace("1,2,3,4,5", "1-5"), text.replace("1,2,3,4,5,6,0", "*")}


fields = st.sampled_from(["*", "0", "07", "*/5", "*/15", "1-3", "9"])
weekdays = st.sampled_from(["*", "0-6", "1-5", "mon-FRI", "7", "sun", "1,3,5", "5-7", "*/2"])


@given(st.builds("{} {} {} {} {}".format, fields, fields, st.sampled_from(["*", "1", "31"]), st.just("*"), weekdays))
def test_the_form_of_an_expression_fires_when_the_expression_does(text: str) -> None:
    schedules = (cron.parse(each, "Europe/Berlin") for each in (text, expression(cron_form(text))))
    first, second = (list(islice(cron.between(each, MONDAY_NOON, MONDAY_NOON + 60 * DAY), 300)) for each in schedules)
    assert first == second
