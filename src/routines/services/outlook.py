"""The use cases of looking ahead and back: a schedule explained, what fires next, and what became of each slot.

Nothing is changed here; times are those of the engine that fires.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from routines.core import cron
from routines.core.cron.explanation import Explanation, explain
from routines.core.errors import ImpossibleError
from routines.core.instants import iso
from routines.core.limits import (
    HEARTBEATS_MEASURED_MAX,
    SLOTS_ACCOUNTED_MAX,
    SLOTS_TAKEN_IN_MAX,
    UPCOMING_DAYS_MAX,
)
from routines.core.model import Actor, Run, RunStatus, Trigger, TriggerKind
from routines.services.accounting import AccountedSlot, account
from routines.services.agents import visible_agent
from routines.services.context import Body, Context, company_of_path, visible_routine
from routines.services.load import Load, LoadQuery, load
from routines.services.pace import PaceQuery, too_frequent
from routines.storage.queries import agents, heartbeat_runs, triggers
from routines.storage.queries.triggers import LiveSchedule


@dataclass(frozen=True, slots=True)
class ExplainQuery:
    """A schedule to be explained; its times are counted from `after`, or from now."""

    cron_expression: str
    timezone: str
    count: int
    after: datetime | None


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """A stretch of time; what is left out depends on the question."""

    start: datetime | None
    end: datetime | None
    limit: int


class UpcomingSlot(NamedTuple):
    """A slot that is to come, as things stand now."""

    at: datetime
    schedule: LiveSchedule


class SlotOutcome(StrEnum):
    """What became of a slot that was due."""

    FIRED = "fired"
    COALESCED = "coalesced"
    SKIPPED = "skipped"
    MISSED = "missed"
    FAILED = "failed"
    UNDECIDED = "undecided"


class SlotHealth(NamedTuple):
    """A slot that was due, what became of it, and why if it did not fire."""

    slot: datetime
    trigger_id: str
    outcome: SlotOutcome
    run_id: str | None
    issue_id: str | None
    reason: str | None


class RecentHealth(NamedTuple):
    """What became of the slots that were due in a stretch of time up to now."""

    back: timedelta
    slots: list[SlotHealth]


_LOOKED_BACK = (timedelta(days=7), timedelta(days=1), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Outlook:
    """The use cases of looking ahead and back."""

    context: Context

    def explain(self, query: Body[ExplainQuery]) -> Explanation:
        """A schedule in words, its next times, and what may surprise; raises `ImpossibleError` for one that is none."""
        wanted = query()
        schedule = cron.parse(wanted.cron_expression, wanted.timezone)
        return explain(schedule, wanted.after or self.context.clock.now(), wanted.count)

    def upcoming(self, actor: Actor, company_id: str, query: Body[RangeQuery]) -> list[UpcomingSlot]:
        """What fires next in a company, in order: from now, or a later instant, for a day unless asked otherwise."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            wanted = query()
            now = self.context.clock.now()
            start = now if wanted.start is None else max(now, wanted.start)
            end = start + timedelta(days=1) if wanted.end is None else wanted.end
            if end - start > timedelta(days=UPCOMING_DAYS_MAX):
                raise ImpossibleError(
                    f"{iso(end)} is more than {UPCOMING_DAYS_MAX} days after {iso(start)}; ask for less at once"
                )
            if start > now:
                live = triggers.live_of_company(connection, company_id)
            else:
                live = triggers.soonest_of_company(connection, company_id, now, wanted.limit)
        each = (_slots(schedule, start, end) for schedule in live)
        return list(islice(merge(*each, key=lambda slot: (slot.at, slot.schedule.trigger_id)), wanted.limit))

    def load(self, actor: Actor, company_id: str, query: LoadQuery) -> Load:
        """How much fires in a company from now on, by hour and agent, with its crowded minutes, and rows of a list."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            live = triggers.live_of_company(connection, company_id, agent_id=query.agent_id)
            known = {agent.id: agent for agent in agents.of_company(connection, company_id)}
        return load(live, known, query, self.context.clock.now())

    def too_frequent(self, actor: Actor, query: PaceQuery) -> str | None:
        """A sentence if a schedule is too frequent for an agent, as far as its last heartbeats tell."""
        with self.context.database.read() as connection:
            agent = visible_agent(connection, actor, query.agent_id)
            took = heartbeat_runs.lengths_of_agent(connection, agent.id, HEARTBEATS_MEASURED_MAX)
        schedule = cron.parse(query.cron_expression, query.timezone)
        return too_frequent(schedule, agent, took, query.concurrency_policy, self.context.clock.now())

    def health(self, actor: Actor, routine_id: str, query: Body[RangeQuery]) -> list[SlotHealth]:
        """One entry for each slot of a routine's schedules that was due after `start` and until `end`, in order.

        Up to now, and from a week before that unless asked otherwise. Raises `ImpossibleError` for more slots than one
        reply holds.
        """
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            wanted = query()
            now = self.context.clock.now()
            end = now if wanted.end is None else min(now, wanted.end)
            start = end - timedelta(days=7) if wanted.start is None else wanted.start
            schedules = _schedules_of(connection, routine.id) if start < end else []
            for trigger in schedules:
                count = _count(trigger, start, end)
                if count > SLOTS_ACCOUNTED_MAX:
                    raise ImpossibleError(
                        f"{trigger.cron_expression!r} has {count:,} slots from {iso(start)} to {iso(end)}; "
                        f"ask for at most {SLOTS_ACCOUNTED_MAX:,} at once"
                    )
            return _accounted(connection, schedules, start, end)

    def recent_health(self, actor: Actor, routine_id: str) -> RecentHealth:
        """As `health`, for as much of the last week as a person can take in: all of it, a day, or an hour."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            now = self.context.clock.now()
            schedules = _schedules_of(connection, routine.id)
            for back in _LOOKED_BACK:
                if sum(_count(each, now - back, now) for each in schedules) <= SLOTS_TAKEN_IN_MAX:
                    break
            return RecentHealth(back, _accounted(connection, schedules, now - back, now))


def _slots(schedule: LiveSchedule, start: datetime, end: datetime) -> Iterator[UpcomingSlot]:
    """The slots of one schedule; of one whose zone has gone there are none."""
    try:
        parsed = cron.parse(schedule.cron_expression, schedule.timezone)
    except ImpossibleError:
        return
    for at in cron.between(parsed, max(start, schedule.slots_decided_until), end):
        yield UpcomingSlot(at, schedule)


def _schedules_of(connection: Connection, routine_id: str) -> list[Trigger]:
    found = triggers.of_routines(connection, [routine_id])
    return [trigger for trigger in found if trigger.kind is TriggerKind.SCHEDULE]


def _count(trigger: Trigger, start: datetime, end: datetime) -> int:
    schedule = cron.parse(trigger.cron_expression or "", trigger.timezone or "")
    return len(cron.SlotRange(schedule, start, end))


def _accounted(
    connection: Connection, schedules: Sequence[Trigger], start: datetime, end: datetime
) -> list[SlotHealth]:
    each = (account(connection, trigger.id, start, end) for trigger in schedules)
    return sorted(_health(trigger.id, slot) for trigger, slots in zip(schedules, each, strict=True) for slot in slots)


def _health(trigger_id: str, accounted: AccountedSlot) -> SlotHealth:
    slot, run = accounted.slot, accounted.run
    if run is None:
        return SlotHealth(slot, trigger_id, SlotOutcome.UNDECIDED, None, None, "Due, and not decided yet")
    return SlotHealth(slot, trigger_id, _outcome(run), run.id, run.linked_issue_id, run.failure_reason)


def _outcome(run: Run) -> SlotOutcome:
    if run.status is RunStatus.SKIPPED and run.details is not None:
        return SlotOutcome.MISSED  # the one run of an outage, which covers all of its slots
    return {
        RunStatus.COALESCED: SlotOutcome.COALESCED,
        RunStatus.SKIPPED: SlotOutcome.SKIPPED,
        RunStatus.FAILED: SlotOutcome.FAILED,
    }.get(run.status, SlotOutcome.FIRED)
