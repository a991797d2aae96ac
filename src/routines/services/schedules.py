"""What a change of a routine or trigger does to its schedule: what is due fires as it was, then it moves on.

Shared by the use cases of routines, triggers and agents; the scheduler itself is in `dispatch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from routines.core import cron
from routines.core.model import Routine, RoutineStatus, Trigger, TriggerKind
from routines.dispatch.slots import settle_due
from routines.services.context import Context
from routines.storage.database import Transaction
from routines.storage.queries import triggers


def settle_before_change(
    context: Context, transaction: Transaction, changing: Sequence[Trigger], now: datetime
) -> None:
    """Fire what is due of these triggers by the schedules that they have had up to now."""
    due = [each.id for each in changing if each.next_run_at is not None and each.next_run_at <= now]
    if due:
        settle_due(transaction, due, now, context.grace, context.ids)


def scheduled(trigger: Trigger, status: RoutineStatus, now: datetime) -> Trigger:
    """The trigger with its next slot from now on, or with none while it must not fire; others than schedules as is.

    Slots before now are decided: for a time in which nothing could fire, nothing is made up for.
    """
    if trigger.kind is not TriggerKind.SCHEDULE:
        return trigger
    decided = now if trigger.slots_decided_until is None else max(now, trigger.slots_decided_until)
    following = None
    if is_live(trigger, status):
        following = cron.next_after(cron.parse(trigger.cron_expression or "", trigger.timezone or ""), decided)
    return replace(trigger, slots_decided_until=decided, next_run_at=following)


def is_live(trigger: Trigger, status: RoutineStatus) -> bool:
    """True while a schedule's slots are due: it is enabled and its routine active."""
    return trigger.enabled and status is RoutineStatus.ACTIVE


def keep_history(
    context: Context, transaction: Transaction, trigger: Trigger, now: datetime, *, live: bool, reason: str
) -> None:
    """Keep what the schedule is from now on, and tell the scheduler once that is on disk."""
    if trigger.kind is not TriggerKind.SCHEDULE:
        return
    triggers.record_schedule(transaction.connection, context.ids.new(now), trigger, at=now, live=live, reason=reason)
    transaction.after_commit(lambda: context.notice_slot(trigger.next_run_at))


def move_with_routine(
    context: Context, transaction: Transaction, before: Routine, after: Routine, now: datetime
) -> None:
    """Let a routine's schedules follow its change of status."""
    if before.status is after.status:
        return
    changing = triggers.of_routines(transaction.connection, [before.id])
    settle_before_change(context, transaction, changing, now)
    for current in triggers.of_routines(transaction.connection, [before.id]):
        moved = scheduled(current, after.status, now)
        triggers.change(transaction.connection, moved)
        keep_history(
            context, transaction, moved, now, live=is_live(moved, after.status), reason=f"routine {after.status.value}"
        )
