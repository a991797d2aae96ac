"""What a database says became of every slot, run, issue and heartbeat, and which of the service's promises that breaks.

It is read past the service, and each finding is a sentence that says what was lost or doubled.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine, Row, Table, create_engine, select
from sqlalchemy.pool import NullPool

from routines.core import cron
from routines.core.instants import iso
from routines.core.model import AT_REST, AgentStatus, HeartbeatStatus, IssueStatus, RunStatus, Source, TriggerKind
from routines.storage import schema

K = TypeVar("K")
FINDINGS_SHOWN_MAX = 20
CLOCKS_DIFFER = timedelta(seconds=1)
"""A slot that near to a change of its schedule may have been decided just before it by another server's clock."""
RUN_OF_ISSUE = {IssueStatus.DONE: RunStatus.COMPLETED, IssueStatus.CANCELLED: RunStatus.FAILED}
CLOSED = RUN_OF_ISSUE.keys()


def engine_of(database_url: str) -> Engine:
    """A way to the database beside the service."""
    return create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)


@dataclass(frozen=True)
class Outage:
    """A run that stands for slots that were dropped."""

    first: datetime
    last: datetime
    count: int


class Ledger:
    """All rows of a database at one moment."""

    def __init__(self, database_url: str) -> None:
        engine = engine_of(database_url)
        with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")

            def rows(table: Table) -> Sequence[Row[Any]]:
                return connection.execute(select(table)).all()

            self.companies = rows(schema.companies)
            self.routines = rows(schema.routines)
            self.triggers = rows(schema.triggers)
            self.schedule_changes = rows(schema.schedule_changes)
            self.runs = rows(schema.runs)
            self.issues = rows(schema.issues)
            self.wake_ups = rows(schema.wake_ups)
            self.agents = rows(schema.agents)
            self.heartbeat_runs = rows(schema.heartbeat_runs)
            self.issue_counters = rows(schema.issue_counters)
        engine.dispose()
        self.run_of_id = {run.id: run for run in self.runs}
        self._issue_of_run = {issue.origin_run_id: issue for issue in self.issues if issue.origin_run_id}

    def findings(self) -> list[str]:
        """Every broken promise, or none."""
        return [
            *self._lost_and_doubled_slots(),
            *self._runs_and_issues(),
            *self._identifiers(),
            *self._wake_ups(),
            *self._heartbeats(),
        ]

    def fired_slots(self) -> list[Row[Any]]:
        """The runs of slots, but for those that stand for dropped ones."""
        return [run for run in self.runs if run.source is Source.SCHEDULE and run.details is None]

    def two_open_issues(self) -> Iterator[str]:
        """Routines that fire only while idle and yet have two open issues, where nobody reopened one."""
        waiting = {each.id for each in self.routines if each.concurrency_policy.value != "always_enqueue"}
        opened = Counter(issue.origin_id for issue in self.issues if issue.status not in CLOSED)
        for routine_id in waiting:
            if opened[routine_id] > 1:
                yield f"doubled: routine {routine_id} has {opened[routine_id]} open issues"

    def _lost_and_doubled_slots(self) -> Iterator[str]:
        fired: defaultdict[str, Counter[datetime]] = defaultdict(Counter)
        dropped: defaultdict[str, list[Outage]] = defaultdict(list)
        for run in self.runs:
            if run.source is Source.SCHEDULE and run.details is None:
                fired[run.trigger_id][run.scheduled_for] += 1
            elif run.source is Source.SCHEDULE:
                details = json.loads(run.details)
                first, last = (datetime.fromisoformat(details[name]) for name in ("from", "to"))
                dropped[run.trigger_id].append(Outage(first, last, details["count"]))
        changes: defaultdict[str, list[Row[Any]]] = defaultdict(list)
        for change in sorted(self.schedule_changes, key=lambda change: (change.at, change.id)):
            changes[change.trigger_id].append(change)
        for trigger in self.triggers:
            if trigger.kind is TriggerKind.SCHEDULE:
                history = changes[trigger.id]
                yield from _slots_of(trigger, history, fired[trigger.id], dropped[trigger.id])

    def _runs_and_issues(self) -> Iterator[str]:
        yield from (f"left: run {run.id} is received" for run in self.runs if run.status.value == "received")
        yield from _twice("cause", (f"{run.routine_id} {run.cause}" for run in self.runs))
        yield from _twice("origin run", (issue.origin_run_id for issue in self.issues if issue.origin_run_id))
        for run in self.runs:
            issue = self._issue_of_run.get(run.id)
            made_one = run.status in {RunStatus.ISSUE_CREATED, RunStatus.COMPLETED}
            if made_one and (issue is None or run.linked_issue_id != issue.id):
                yield f"lost: run {run.id} is {run.status.value} and its issue {run.linked_issue_id} is not there"
            if run.coalesced_into_run_id is not None and run.coalesced_into_run_id not in self._issue_of_run:
                yield f"lost: run {run.id} joined {run.coalesced_into_run_id}, which has no issue"
        for issue in self.issues:
            if issue.origin_run_id is None:
                continue
            origin = self.run_of_id.get(issue.origin_run_id)
            wanted = RUN_OF_ISSUE.get(issue.status, RunStatus.ISSUE_CREATED)
            if origin is None:
                yield f"doubled: issue {issue.identifier} has no run"
            elif origin.status is not wanted or origin.linked_issue_id != issue.id:
                yield f"torn: issue {issue.identifier} is {issue.status.value} and its run {origin.status.value}"

    def _identifiers(self) -> Iterator[str]:
        yield from _twice("identifier", (f"{issue.company_id} {issue.identifier}" for issue in self.issues))
        last = {counter.company_id: counter.last_number for counter in self.issue_counters}
        numbers: defaultdict[str, set[int]] = defaultdict(set)
        for issue in self.issues:
            numbers[issue.company_id].add(int(issue.identifier.rpartition("-")[2]))
        for company_id, last_number in last.items():
            # A batch that was rolled back leaves a gap; what nobody may have is a number that was not given yet.
            if unknown := sorted(number for number in numbers[company_id] if number > last_number):
                yield f"torn: company {company_id} has given {last_number} numbers, and there are {unknown[:9]}"

    def _wake_ups(self) -> Iterator[str]:
        waiting = {(wake_up.issue_id, wake_up.agent_id) for wake_up in self.wake_ups}
        by_issue = Counter(wake_up.issue_id for wake_up in self.wake_ups)
        running = {run.issue_id for run in self.heartbeat_runs if run.status is HeartbeatStatus.RUNNING}
        last = {run.issue_id: run.status for run in sorted(self.heartbeat_runs, key=lambda run: run.id)}
        cancelled = {issue_id for issue_id, status in last.items() if status is HeartbeatStatus.CANCELLED}
        alive = {agent.id for agent in self.agents if agent.status is not AgentStatus.TERMINATED}
        open_issues = {issue.id for issue in self.issues if issue.status not in CLOSED}
        for issue_id in by_issue.keys() - open_issues - {None}:
            yield f"doubled: a wake-up waits for issue {issue_id}, which is closed or not there"
        for issue in self.issues:
            fresh = issue.status is IssueStatus.TODO and issue.started_at is None and issue.assignee_agent_id in alive
            awaits_somebody = issue.id in running | cancelled or (issue.id, issue.assignee_agent_id) in waiting
            if fresh and not awaits_somebody:
                yield f"lost: nobody is woken for issue {issue.identifier}"
            if by_issue[issue.id] > 1:
                yield f"doubled: {by_issue[issue.id]} wake-ups wait for issue {issue.identifier}"

    def _heartbeats(self) -> Iterator[str]:
        yield from _twice("heartbeat", (each.id for each in (*self.wake_ups, *self.heartbeat_runs)))
        running = [run for run in self.heartbeat_runs if run.status is HeartbeatStatus.RUNNING]
        yield from _twice("running heartbeat of issue", (run.issue_id for run in running if run.issue_id))
        at_work = {run.agent_id for run in running}
        for agent in self.agents:
            if agent.status not in AT_REST and (agent.status is AgentStatus.RUNNING) != (agent.id in at_work):
                yield f"torn: agent {agent.name} is {agent.status.value}, and its heartbeats say otherwise"
        for run in self.heartbeat_runs:
            is_over = run.finished_at is not None
            if is_over != (run.status is not HeartbeatStatus.RUNNING) or is_over != (run.lease_expires_at is None):
                yield f"torn: heartbeat {run.id} is {run.status.value}, and when it ended or its lease say otherwise"


def _slots_of(
    trigger: Row[Any], history: Sequence[Row[Any]], fired: Counter[datetime], dropped: Sequence[Outage]
) -> Iterator[str]:
    """What is wrong with the slots of one schedule, up to the instant until which they are decided."""
    if not history:
        yield f"lost: schedule {trigger.id} has no history"
        return
    due = set(_due(trigger, history))
    for slot in sorted(due):
        outages = sum(outage.first <= slot <= outage.last for outage in dropped)
        if fired[slot] + outages == 0:
            yield f"lost: slot {iso(slot)} of {trigger.id} has no run, decided until {iso(trigger.slots_decided_until)}"
        if fired[slot] + outages > 1:
            yield f"doubled: slot {iso(slot)} of {trigger.id} has {fired[slot]} runs and {outages} outages"
    for slot in fired.keys() - due:
        if fired[slot] > 1 or not any(abs(change.at - slot) <= CLOCKS_DIFFER for change in history):
            yield f"doubled: slot {iso(slot)} of {trigger.id} fired {fired[slot]} times and was not due"
    for outage in dropped:
        covered = sum(outage.first <= slot <= outage.last for slot in due)
        if covered != outage.count:
            span = f"{iso(outage.first)} to {iso(outage.last)}"
            yield f"lost: an outage of {trigger.id} from {span} says {outage.count} slots, and {covered} were due"


def _due(trigger: Row[Any], history: Sequence[Row[Any]]) -> Iterator[datetime]:
    endings = [*(change.at for change in history[1:]), trigger.slots_decided_until]
    for change, ending in zip(history, endings, strict=True):
        if change.live:
            yield from cron.between(cron.parse(change.cron_expression, change.timezone), change.at, ending)


def _twice(what: str, keys: Iterable[K]) -> Iterator[str]:
    for key, times in Counter(keys).items():
        if times > 1:
            yield f"doubled: {what} {key} is there {times} times"


def shown(findings: Iterable[str]) -> str:
    """Findings for a failure's message, the first of them if they are many."""
    found = list(findings)
    more = len(found) - FINDINGS_SHOWN_MAX
    return "\n".join([*found[:FINDINGS_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])])
