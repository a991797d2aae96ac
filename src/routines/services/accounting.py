"""Accounting for the past: which slots of a schedule were due in a range, and what became of each.

It reads what the schedule was at each time and the runs that there are; nothing is fired or changed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from routines.core import cron
from routines.core.model import Run
from routines.storage.queries import runs, triggers
from routines.storage.queries.triggers import ScheduleChange


@dataclass(frozen=True, slots=True)
class AccountedSlot:
    """A slot that was due, and the run that tells what became of it: its own, or the one of the outage it fell into.

    `run` is None only for a slot that is due but not decided yet, or whose run is older than history is kept.
    """

    slot: datetime
    run: Run | None


def account(connection: Connection, trigger_id: str, start: datetime, end: datetime) -> list[AccountedSlot]:
    """Every slot of a schedule in (start, end] that was due, in order, and what became of it.

    A slot was due if the schedule, as it was in that minute, was live. The caller reads up to the present at most.
    """
    history = triggers.schedule_history(connection, trigger_id, end)
    slots = list(_due(history, start, end)) if history else []
    own = runs.by_slot(connection, trigger_id, start, end)
    outages = runs.outages(connection, trigger_id, start)
    return [AccountedSlot(slot, own.get(slot) or _outage_of(slot, outages)) for slot in slots]


def _due(history: Sequence[ScheduleChange], start: datetime, end: datetime) -> Iterator[datetime]:
    """The slots that were due, stretch by stretch of what the schedule was."""
    endings = [*(change.at for change in history[1:]), end]
    for change, ending in zip(history, endings, strict=True):
        if change.live and ending > start:
            schedule = cron.parse(change.cron_expression, change.timezone)
            yield from cron.between(schedule, max(start, change.at), min(ending, end))


def _outage_of(slot: datetime, outages: Sequence[tuple[datetime, datetime, Run]]) -> Run | None:
    return next((run for first, last, run in outages if first <= slot <= last), None)
