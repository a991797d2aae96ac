"""What the templates show, as ready text and marks: no template decides or computes anything.

Nothing is read here; the pages hand in what the services found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from routines.core.model import Company, RunStatus, Source
from routines.services.routines import ListedRoutine, RunWithLinks

WORDS = {
    RunStatus.ISSUE_CREATED: "open",
    RunStatus.COMPLETED: "completed",
    RunStatus.COALESCED: "coalesced",
    RunStatus.SKIPPED: "skipped",
    RunStatus.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class When:
    """An instant as a person reads it, and exactly."""

    relative: str
    exact: str


@dataclass(frozen=True, slots=True)
class RoutineRow:
    """A routine's line: what it is, when it is next, and what came of it last."""

    title: str
    status: str
    note: str
    next_run: When | None
    last_run: When | None
    last_word: str
    last_reason: str
    active_issue: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run's line in the day: what it was, what became of it and why."""

    title: str
    when: When
    source: str
    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class CompanyDay:
    """A company's day: how much became of what, its routines, and its runs."""

    name: str
    counts: list[tuple[str, int]]
    routines: list[RoutineRow]
    runs: list[RunRow]


def company_day(
    company: Company, routines: Sequence[ListedRoutine], runs: Sequence[RunWithLinks], now: datetime
) -> CompanyDay:
    """A company's last day for the page."""
    titles = {each.routine.id: each.routine.title for each in routines}
    counts = Counter(WORDS[each.run.status] for each in runs)
    return CompanyDay(
        name=company.name,
        counts=[(word, counts[word]) for word in WORDS.values() if counts[word]],
        routines=[_routine_row(each, now) for each in routines],
        runs=[
            RunRow(
                title=titles.get(each.run.routine_id, "a deleted routine"),
                when=when(each.run.triggered_at, now),
                source=each.run.source.value,
                word=WORDS[each.run.status],
                reason=reason(each),
            )
            for each in runs
        ],
    )


def _routine_row(listed: ListedRoutine, now: datetime) -> RoutineRow:
    upcoming = [each.next_run_at for each in listed.triggers if each.next_run_at is not None]
    last = listed.last_run
    return RoutineRow(
        title=listed.routine.title,
        status=listed.routine.status.value,
        note=listed.routine.pause_reason or "",
        next_run=when(min(upcoming), now) if upcoming else None,
        last_run=None if last is None else when(last.run.triggered_at, now),
        last_word="" if last is None else WORDS[last.run.status],
        last_reason="" if last is None else reason(last),
        active_issue="" if listed.active_issue is None else listed.active_issue.identifier,
    )


def reason(each: RunWithLinks) -> str:
    """Why a run became what it became, in words."""
    run = each.run
    issue = "" if each.linked_issue is None else each.linked_issue.identifier
    if run.failure_reason is not None:
        suppressed = run.status is RunStatus.SKIPPED and run.source in {Source.SCHEDULE, Source.WEBHOOK}
        return f"company or project {run.failure_reason}" if suppressed and run.details is None else run.failure_reason
    if run.status is RunStatus.COALESCED:
        return f"{issue} was open, so this fire joined it"
    if run.status is RunStatus.SKIPPED:
        return f"{issue} was open, and the policy is skip_if_active"
    return issue


def when(instant: datetime, now: datetime) -> When:
    """An instant relative to now in the largest fitting unit, and exactly in UTC."""
    seconds = round((instant - now).total_seconds())
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if size >= length:
            amount = f"{size // length} {unit}"
            break
    else:
        amount = f"{size} s"
    return When(f"in {amount}" if seconds >= 0 else f"{amount} ago", f"{instant:%Y-%m-%d %H:%M:%S} UTC")
