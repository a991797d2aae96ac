"""What becomes of a fire and of a due slot, decided as data.

The dispatcher writes what is decided here; nothing here reads a clock or a database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Reversible, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from routines.core.errors import ConflictError, ForbiddenError, RoutinesError
from routines.core.fires import CREATE_ISSUE, Decision, Finish, Fire, Join, Refuse, RoutineState
from routines.core.lifecycle import ROUTINE_IS_ARCHIVED
from routines.core.limits import CATCH_UP_RUNS_MAX
from routines.core.model import (
    AgentStatus,
    CatchUpPolicy,
    CompanyStatus,
    ConcurrencyPolicy,
    ProjectStatus,
    RoutineStatus,
    RunStatus,
    Source,
)

TRIGGER_NOT_ACTIVE = "Routine trigger is not active"
TRIGGER_DISABLED = "The trigger is disabled; it fires again once `enabled` is true"
JOINED_STATUS = {
    ConcurrencyPolicy.COALESCE_IF_ACTIVE: RunStatus.COALESCED,
    ConcurrencyPolicy.SKIP_IF_ACTIVE: RunStatus.SKIPPED,
}
_JOIN = {policy: Join(status) for policy, status in JOINED_STATUS.items()}
SUPPRESSIBLE = frozenset({Source.SCHEDULE, Source.WEBHOOK})


def decide(fire: Fire, state: RoutineState) -> Decision:
    """What becomes of a fire of a routine in that state: first what forbids it, then its concurrency policy."""
    if fire.verdict is not None:
        return fire.verdict
    refusal = _refusal(fire, state)
    if refusal is not None:
        return Refuse(refusal)
    suppressed = _suppressed_by(state) if fire.source in SUPPRESSIBLE else None
    if suppressed is not None:
        return Finish(RunStatus.SKIPPED, suppressed)
    if state.agent_status is AgentStatus.TERMINATED:
        return Finish(RunStatus.FAILED, f"Agent {state.assignee_agent_id} is terminated; reassign the routine")
    if state.open_issue is None or state.concurrency_policy is ConcurrencyPolicy.ALWAYS_ENQUEUE:
        return CREATE_ISSUE
    return _JOIN[state.concurrency_policy]


def _refusal(fire: Fire, state: RoutineState) -> RoutinesError | None:
    """A webhook needs an active routine and an enabled trigger; a manual run a routine that is not archived.

    A schedule is never refused: its slot was claimed while it was due, so it must leave a record.
    """
    if fire.source is Source.WEBHOOK:
        if state.status is not RoutineStatus.ACTIVE:
            why = f"The routine is {state.status.value}; only an active one is fired by its webhooks"
            return ConflictError(TRIGGER_NOT_ACTIVE, why=why)
        return None if fire.trigger_enabled else ConflictError(TRIGGER_NOT_ACTIVE, why=TRIGGER_DISABLED)
    if fire.source is not Source.SCHEDULE:
        if fire.actor.agent_id not in {None, state.assignee_agent_id}:  # reassigned since the caller was checked
            return ForbiddenError("An agent cannot run a routine that is assigned to another agent")
        if state.status is RoutineStatus.ARCHIVED:
            return ConflictError(ROUTINE_IS_ARCHIVED)
        if not fire.trigger_enabled:
            return ConflictError(TRIGGER_NOT_ACTIVE)
    return None


def _suppressed_by(state: RoutineState) -> str | None:
    """`paused` or `archived` when the company or the project suppresses schedules and webhooks, else None."""
    if state.company_status is not CompanyStatus.ACTIVE:
        return state.company_status.value
    if state.project_status is not ProjectStatus.ACTIVE:
        return state.project_status.value
    return None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Missed slots that will never fire: how many, and the first and last of them."""

    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class DueSlots:
    """What becomes of a schedule's due slots: those to fire, in order, and those dropped."""

    fire: tuple[datetime, ...]
    dropped: Dropped | None


def is_missed(slot: datetime, now: datetime, grace: timedelta) -> bool:
    """True once a slot is older than the misfire grace within which it still fires."""
    return now - slot > grace


class AscendingSlots(Sized, Reversible[datetime], Protocol):
    """Slots in order of time: a tuple of them, or a `SlotRange`, which tells of its ends and its length for little."""


def settle_slots(due: AscendingSlots, *, now: datetime, grace: timedelta, policy: CatchUpPolicy) -> DueSlots:
    """Divide due slots (none later than `now`) into those that fire and those that are dropped.

    Slots within the grace fire under either policy. Of the missed ones `enqueue_missed_with_cap` fires the latest
    `CATCH_UP_RUNS_MAX`, `skip_missed` none; the rest are dropped. Of these, which may be very many, only the first
    and the last are looked at.
    """
    kept_max = CATCH_UP_RUNS_MAX if policy is CatchUpPolicy.ENQUEUE_MISSED_WITH_CAP else 0
    fire: deque[datetime] = deque()
    kept = 0
    for slot in reversed(due):
        if is_missed(slot, now, grace):
            if kept == kept_max:
                return DueSlots(tuple(fire), Dropped(len(due) - len(fire), first=next(iter(due)), last=slot))
            kept += 1
        fire.appendleft(slot)
    return DueSlots(tuple(fire), None)
