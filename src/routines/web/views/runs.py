"""Runs as people read them: what became of each, why, and what it came from and led to.

What becomes of a fire is decided in `core.policies`; here it only gets its words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from routines.core.model import IssueInBrief, Run, RunStatus, Source, TriggerInBrief, TriggerKind
from routines.services.routines import RunWithLinks
from routines.storage.queries.runs import RunQuery
from routines.web.times import When, as_told, length

SUPPRESSED = frozenset({"paused", "archived"})
"""The `failureReason` of a fire that a company or project held back, which was that."""


ANOTHER_ISSUE = "another issue"


class Became(Protocol):
    """A run, as far as what became of it is concerned."""

    @property
    def source(self) -> Source:
        """What made it."""
        ...

    @property
    def status(self) -> RunStatus:
        """How it is stored."""
        ...

    @property
    def failure_reason(self) -> str | None:
        """What it says of why."""
        ...

    @property
    def details(self) -> str | None:
        """The outage that it records, if it records one."""
        ...


class Outcome(StrEnum):
    """What became of a run, as its mark shows it: a missed one is a skipped one that records an outage."""

    COMPLETED = "completed"
    OPEN = "open"
    COALESCED = "coalesced"
    SKIPPED = "skipped"
    MISSED = "missed"
    FAILED = "failed"


_ON_TIME = timedelta(seconds=2)  # a slot that fires within them is as good as punctual
_ORIGINS = {
    Source.SCHEDULE: "Its schedule was due",
    Source.WEBHOOK: "A delivery came in at its webhook",
    Source.API: "It was run by a call of the API",
    Source.MANUAL: "It was run by hand",
}
_OUTCOMES = {
    RunStatus.ISSUE_CREATED: Outcome.OPEN,
    RunStatus.COMPLETED: Outcome.COMPLETED,
    RunStatus.COALESCED: Outcome.COALESCED,
    RunStatus.SKIPPED: Outcome.SKIPPED,
    RunStatus.FAILED: Outcome.FAILED,
}


def query(outcome: str, limit: int, before: str | None) -> RunQuery:
    """A page of runs of one outcome, as the services are asked for it; of every outcome for any other word."""
    if outcome not in set(Outcome):
        return RunQuery(limit, before)
    if outcome == Outcome.MISSED:
        return RunQuery(limit, before, of_outage=True)
    status = next(status for status, each in _OUTCOMES.items() if each == outcome)
    return RunQuery(limit, before, status, of_outage=False)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run's line: when, what made it, what became of it and why, and what it points to."""

    id: str
    when: When
    slot: When | None
    source: str
    trigger: str
    outcome: Outcome
    reason: str
    issue: IssueInBrief | None
    payload: str | None

    @property
    def told(self) -> str:
        """All of it in a line, for a mark."""
        return in_a_line(self.outcome, self.when.local, self.reason)


def run_row(each: RunWithLinks, when: Callable[[datetime], When]) -> RunRow:
    """A run as its line shows it; `when` shows an instant to the viewer."""
    run = each.run
    return RunRow(
        id=run.id,
        when=when(run.triggered_at),
        slot=None if run.scheduled_for is None else when(run.scheduled_for),
        source=run.source.value,
        trigger="" if each.trigger is None else trigger_name(each.trigger),
        outcome=outcome(run),
        reason=reason(each, when),
        issue=each.linked_issue,
        payload=run.trigger_payload,
    )


def in_a_line(became: Outcome, local: str, why: str) -> str:
    """What became of a run, when, and why."""
    return f"{became.value} · {local} · {why}" if why else f"{became.value} · {local}"


def outcome(run: Became) -> Outcome:
    """What became of a run."""
    return Outcome.MISSED if run.details is not None else _OUTCOMES[run.status]


def reason(each: RunWithLinks, when: Callable[[datetime], When]) -> str:
    """Why a run became what it became, in a sentence without its full stop; empty where there is nothing to explain."""
    issue = None if each.linked_issue is None else each.linked_issue.identifier
    return why(each.run, issue, lambda instant: when(instant).local)


def why(run: Became, issue: str | None, local: Callable[[datetime], str]) -> str:
    """As `reason`, of a run that points to the issue with that identifier; `local` shows an instant to the viewer."""
    if run.failure_reason in SUPPRESSED and run.source in {Source.SCHEDULE, Source.WEBHOOK}:
        return f"The company or the project was {run.failure_reason}"
    if run.failure_reason is not None:
        return as_told(run.failure_reason, local)
    if run.status is RunStatus.COALESCED:
        return f"{issue or ANOTHER_ISSUE} was open, so this fire joined it"
    if run.status is RunStatus.SKIPPED:
        return f"{issue or ANOTHER_ISSUE} was open, and the policy is to skip"
    return ""


def origin(run: Run, when: Callable[[datetime], When]) -> str:
    """What made a run, in a sentence without its full stop."""
    if run.details is not None:
        return "It records slots that were dropped after an outage"
    if run.scheduled_for is None:
        return _ORIGINS[run.source]
    late = run.triggered_at - run.scheduled_for
    slot = f"Its slot, {when(run.scheduled_for).local}, was due"
    return slot if late < _ON_TIME else f"{slot}, and fired {length(late)} late"


def result(each: RunWithLinks, when: Callable[[datetime], When]) -> str:
    """What a run made, in a sentence without its full stop."""
    if each.run.status in {RunStatus.COALESCED, RunStatus.SKIPPED} or each.run.linked_issue_id is None:
        return reason(each, when)
    if each.linked_issue is None:
        return "It made an issue, which is not kept any more"
    state = each.linked_issue.status.value.replace("_", " ")
    return f"It made {each.linked_issue.identifier}, which is {state} now"


def trigger_name(trigger: TriggerInBrief) -> str:
    """A trigger in a word or two: its label, or what it is."""
    if trigger.label:
        return trigger.label
    return trigger.cron_expression or "" if trigger.kind is TriggerKind.SCHEDULE else trigger.kind.value
