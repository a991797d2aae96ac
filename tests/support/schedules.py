"""Hourly routines, the clock set to a slot, and what became of the slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from support.clock import SECOND
from support.service import Company, Service, ok

GRACE = 60 * SECOND
"""The misfire grace that a service has by default."""
MILLISECOND = timedelta(milliseconds=1)
ONE_PM = datetime(2026, 3, 2, 13, tzinfo=UTC)
"""The first hourly slot after tests begin."""

Json = dict[str, Any]


def schedule(expression: str = "0 * * * *", **fields: object) -> Json:
    """The body of a schedule trigger; hourly unless told otherwise."""
    return {"kind": "schedule", "cronExpression": expression, **fields}


def hourly(company: Company, **fields: object) -> Json:
    """A routine that fires each hour and makes an issue each time, but for `fields`."""
    return company.routine(**{"concurrencyPolicy": "always_enqueue", "triggers": [schedule()], **fields})


def tick_at(service: Service, instant: datetime) -> None:
    """Fire what is due at an instant, which may lie before the clock's."""
    service.clock.at = instant
    service.tick()


def slots(company: Company, routine: Json, status: str = "issue_created") -> list[str]:
    """The slots of a routine's runs of that status, in the order in which they were recorded."""
    return [run["scheduledFor"] for run in reversed(company.runs(routine["id"])) if run["status"] == status]


def only_trigger(company: Company, routine: Json) -> Json:
    """The trigger of a routine that has one."""
    trigger: Json
    (trigger,) = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"]
    return trigger
