"""A schedule in an editor: its fields in a form, and the preview of what it means and when it fires.

What it means, when it fires and what may surprise is told by the services, by the engine that fires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from routines.core.cron import CronError, ZoneError
from routines.core.cron.explanation import Explanation
from routines.core.errors import InvalidError, RoutinesError
from routines.core.model import Trigger
from routines.core.zones import zone
from routines.web.form import Form
from routines.web.times import When, when
from routines.web.views.cron_form import CronForm, Every, cron_form, expression

OF_FIRST_TRIGGER = "triggers.0."
"""What stands before a field's name where a routine is created with its trigger."""


@dataclass(frozen=True, slots=True)
class PreviewedFire:
    """A fire that is to come, on the schedule's clock and on the viewer's."""

    there: When
    here: When


@dataclass(frozen=True, slots=True)
class Preview:
    """What a schedule means, or the `problem` for which it means nothing."""

    problem: str = ""
    expression: str = ""
    words: str = ""
    timezone: str = ""
    fires: Sequence[PreviewedFire] = ()
    warnings: Sequence[str] = ()


def read_cron(form: Form) -> CronForm:
    """What the form says of a schedule; one of which nobody said how often is read as text."""
    every = form.text("every")
    return CronForm(
        every=Every(every) if every in set(Every) else Every.CRON,
        minutes=form.text("everyMinutes"),
        minute=form.text("minute"),
        time=form.text("time"),
        weekdays=frozenset(form.every("weekday")),
        day=form.text("dayOfMonth"),
        expression=form.text("cronExpression"),
    )


def cron_fields(schedule: CronForm, timezone: str) -> dict[str, list[str]]:
    """The fields of a form that says this."""
    return {
        "every": [schedule.every],
        "everyMinutes": [schedule.minutes],
        "minute": [schedule.minute],
        "time": [schedule.time],
        "weekday": sorted(schedule.weekdays),
        "dayOfMonth": [schedule.day],
        "cronExpression": [schedule.expression],
        "timezone": [timezone],
    }


def schedule_body(form: Form, before: Trigger | None = None) -> dict[str, Any]:
    """The schedule as a body of the API; where it says the same as before, in the words that it had."""
    schedule = read_cron(form)
    text = expression(schedule)
    if before is not None and schedule.every is not Every.CRON:
        had = before.cron_expression or ""
        text = had if expression(cron_form(had)) == text else text
    return {"cronExpression": text, "timezone": form.text("timezone")}


def preview_of(explained: Explanation, text: str, form: Form, now: datetime, viewer: ZoneInfo) -> Preview:
    """What an expression means in the zone that the form names; the warnings are the explanation's."""
    own = zone(form.text("timezone"))
    return Preview(
        expression=text,
        words=explained.words,
        timezone=own.key or "",
        fires=[PreviewedFire(when(at, now, own), when(at, now, viewer)) for at in explained.times],
        warnings=explained.warnings,
    )


def mark(form: Form, refusal: RoutinesError) -> Form:
    """The form with what was wrong with it, that of a schedule or of a routine's first trigger at its field."""
    form.refused(refusal)
    form.faults.update(faults_of(refusal))
    if form.faults and not form.problem:
        form.problem = refusal.sentence
    return form


def faults_of(refusal: RoutinesError) -> Mapping[str, str]:
    """What is wrong, by the name of its field in the form."""
    if isinstance(refusal, CronError):
        return {"cronExpression": refusal.sentence}
    if isinstance(refusal, ZoneError):
        return {"timezone": refusal.sentence}
    if isinstance(refusal, InvalidError):
        named = ((".".join(map(str, fault.path)), fault.message) for fault in refusal.faults)
        return {name.removeprefix(OF_FIRST_TRIGGER): message for name, message in named}
    return {}
