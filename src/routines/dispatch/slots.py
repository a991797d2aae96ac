"""Due slots on their way to fires: what became due, what fires of it, and when the trigger is next.

The arithmetic (`plan`) needs no database; `settle` writes what was planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import structlog

from routines.clock import Ids
from routines.core import cron, strict_json
from routines.core.errors import RoutinesError
from routines.core.fires import Finish, Fire, RoutineState, slot_cause
from routines.core.instants import iso
from routines.core.limits import CATCH_UP_RUNS_MAX, SETTLED_SLOTS_CACHED_MAX
from routines.core.model import SCHEDULER, CatchUpPolicy, RunStatus, Source
from routines.core.policies import AscendingSlots, Dropped, DueSlots, settle_slots
from routines.dispatch.dispatcher import dispatch
from routines.storage.database import DueTrigger, Move, Transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of one due trigger: its fires, in order, and its next slot (None: it cannot be told)."""

    trigger: DueTrigger
    fires: tuple[Fire, ...]
    next_run_at: datetime | None


def plan(trigger: DueTrigger, now: datetime, grace: timedelta) -> Plan:
    """What is to become of a trigger's slots up to `now`; never raises for what is wrong with the trigger.

    A schedule that cannot be read (a zone that time zone data no longer has, say) gets one failed run in place of
    its slot and no next one.
    """
    try:
        settled, following = _settled(
            trigger.cron_expression,
            trigger.timezone,
            trigger.slots_decided_until,
            trigger.next_run_at,
            trigger.catch_up_policy,
            now,
            grace,
        )
    except RoutinesError as error:
        return _unreadable(trigger, error.sentence)
    except Exception as error:
        log.exception("schedule_cannot_be_read", trigger_id=trigger.id)
        return _unreadable(trigger, f"The schedule cannot be read: {type(error).__name__}")
    fires = [_slot_fire(trigger, slot) for slot in settled.fire]
    if settled.dropped is not None:
        fires.insert(0, _dropped_fire(trigger, settled.dropped, grace))
    return Plan(trigger, tuple(fires), following)


def _unreadable(trigger: DueTrigger, reason: str) -> Plan:
    return Plan(trigger, (_verdict(trigger, trigger.next_run_at, RunStatus.FAILED, reason),), None)


@lru_cache(maxsize=SETTLED_SLOTS_CACHED_MAX)
def _settled(
    expression: str,
    timezone: str,
    decided_until: datetime,
    slot: datetime,
    policy: CatchUpPolicy,
    now: datetime,
    grace: timedelta,
) -> tuple[DueSlots, datetime]:
    """What becomes of the undecided slots up to `now`, the first of which is `slot`, and the slot that follows.

    The triggers of a burst are alike in all of this, so that it is told once for most of them.
    """
    schedule = cron.parse(expression, timezone)
    following = cron.next_after(schedule, max(now, decided_until))
    due = _due_slots(schedule, decided_until, slot, following, now)
    return settle_slots(due, now=now, grace=grace, policy=policy), following


def _due_slots(
    schedule: cron.Schedule, decided_until: datetime, slot: datetime, following: datetime, now: datetime
) -> AscendingSlots:
    """The undecided slots up to `now`; nearly always it is the one that was waited for, which costs two look-ups."""
    if cron.next_after(schedule, decided_until) == slot and cron.next_after(schedule, slot) == following:
        return (slot,)
    return cron.SlotRange(schedule, decided_until, now)


def _slot_fire(trigger: DueTrigger, slot: datetime) -> Fire:
    return Fire(trigger.routine_id, Source.SCHEDULE, SCHEDULER, slot_cause(trigger.id, slot), trigger.id, slot=slot)


def _verdict(trigger: DueTrigger, slot: datetime, status: RunStatus, reason: str, details: str | None = None) -> Fire:
    return Fire(
        trigger.routine_id,
        Source.SCHEDULE,
        SCHEDULER,
        slot_cause(trigger.id, slot),
        trigger.id,
        slot=slot,
        verdict=Finish(status, reason),
        details=details,
    )


def _dropped_fire(trigger: DueTrigger, dropped: Dropped, grace: timedelta) -> Fire:
    """The one record of an outage: how many slots were dropped, from when to when, and why."""
    if trigger.catch_up_policy is CatchUpPolicy.SKIP_MISSED:
        why = f"older than the misfire grace of {grace.total_seconds():g} s, and the catch-up policy is skip_missed"
    else:
        why = f"only the latest {CATCH_UP_RUNS_MAX} missed slots of an outage are enqueued"
    slots = "1 slot" if dropped.count == 1 else f"{dropped.count} slots"
    reason = f"Missed {slots} from {iso(dropped.first)} to {iso(dropped.last)}: {why}"
    details = {"count": dropped.count, "from": iso(dropped.first), "to": iso(dropped.last)}
    fire = _verdict(trigger, dropped.last, RunStatus.SKIPPED, reason, strict_json.dumps(details))
    return fire._replace(missed=dropped.count)


def settle(
    transaction: Transaction,
    plans: Sequence[Plan],
    routines: Mapping[str, RoutineState],
    now: datetime,
    ids: Ids,
    *,
    all_new: bool = False,
) -> None:
    """Fire what is planned of claimed triggers and move them on, in the transaction that claimed them.

    Slots after `slots_decided_until` are `all_new` as far as anybody knows; should one not be, the set is refused.
    """
    fires = [fire for each in plans for fire in each.fires]
    moves = [Move(each.trigger.id, max(now, each.trigger.slots_decided_until), each.next_run_at) for each in plans]
    for receipt in dispatch(transaction, fires, now, ids, routines=routines, moves=moves, all_new=all_new):
        if receipt.error is not None:  # a slot is never refused; without its record it must not be passed over
            raise receipt.error


def settle_due(transaction: Transaction, trigger_ids: Sequence[str], now: datetime, grace: timedelta, ids: Ids) -> None:
    """Fire the slots of these triggers that are due before the caller changes them.

    A slot that was due a moment ago belongs to the schedule as it was; without this, a change in the moment between
    a slot and its claim would lose it.
    """
    claimed = transaction.hot.claim(trigger_ids)
    plans = [plan(trigger, now, grace) for trigger in claimed.triggers if trigger.next_run_at <= now]
    if plans:
        settle(transaction, plans, claimed.routines, now, ids)
