"""The first page of a company as people read it: the day in one sentence, then in numbers, and routines as rows.

What happened is the services' to tell; here it gets its words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from routines.core.model import IssueInBrief, RoutineStatus, RunStatus
from routines.services.overview import LOOKS_MAX, Day, FireCounts, ShownRoutine, Trouble
from routines.storage.queries.overview import AgentInError, RoutineHeld, RunInBrief
from routines.web.times import When
from routines.web.views.runs import Outcome, RunRow, in_a_line, outcome, run_row, why

REASON_CHARACTERS_MAX = 100  # of the reason on a mark: what a pointer can hold over it, forty times thirty of them


@dataclass(frozen=True, slots=True)
class Tally:
    """How many fires became one thing; missed ones are slots."""

    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """A failed or missed run: of which routine, and its line; `url` is empty where the routine is deleted."""

    url: str
    title: str
    run: RunRow


@dataclass(frozen=True, slots=True)
class DayView:
    """The last day; `kind` is the colour of the sentence, and `more_…` say that not all is shown."""

    sentence: str
    kind: str
    tallies: list[Tally]
    troubles: list[TroubleRow]
    more_troubles: bool
    all_troubles: bool
    held: list[RoutineHeld]
    more_held: bool
    agents: list[AgentInError]
    more_agents: bool


class Mark(NamedTuple):
    """A run as one mark of a strip."""

    id: str
    outcome: Outcome
    told: str


@dataclass(frozen=True, slots=True)
class RoutineRow:
    """A routine's line."""

    id: str
    title: str
    status: RoutineStatus
    pause_reason: str | None
    agent_id: str
    agent: str
    agent_status: str
    next: When | None
    last: When | None
    marks: list[Mark]
    summary: str
    issue: IssueInBrief | None


def day_view(
    day: Day, now: datetime, zone: ZoneInfo, when: Callable[[datetime], When], troubles_max: int = LOOKS_MAX
) -> DayView:
    """The day as it is shown, with so many failed and missed runs.

    `when` shows an instant to the viewer, whose clock stands in `zone`.
    """
    fires = day.counts.fires
    numbers = {
        Outcome.COMPLETED: fires.get(RunStatus.COMPLETED, 0),
        Outcome.OPEN: fires.get(RunStatus.ISSUE_CREATED, 0),
        Outcome.COALESCED: fires.get(RunStatus.COALESCED, 0),
        Outcome.SKIPPED: fires.get(RunStatus.SKIPPED, 0),
        Outcome.MISSED: day.counts.missed,
        Outcome.FAILED: fires.get(RunStatus.FAILED, 0),
    }
    bad = numbers[Outcome.MISSED] or numbers[Outcome.FAILED] or day.overdue
    return DayView(
        sentence=_day_in_words(day, _since(day.since, now, zone)),
        kind="problem" if bad else "warning" if day.agents or day.held else "",
        tallies=[Tally(kind, count) for kind, count in numbers.items()],
        troubles=[_trouble(each, when) for each in day.troubles[:troubles_max]],
        more_troubles=len(day.troubles) > troubles_max,
        all_troubles=troubles_max > LOOKS_MAX,
        held=day.held[:LOOKS_MAX],
        more_held=len(day.held) > LOOKS_MAX,
        agents=day.agents[:LOOKS_MAX],
        more_agents=len(day.agents) > LOOKS_MAX,
    )


def _trouble(each: Trouble, when: Callable[[datetime], When]) -> TroubleRow:
    run, routine = run_row(each.run, when), each.routine
    if routine is None:
        return TroubleRow("", "A routine that is gone", run)
    if routine.is_deleted:
        return TroubleRow("", f"{routine.title} (deleted)", run)
    return TroubleRow(f"/routines/{each.run.run.routine_id}/runs/{run.id}", routine.title, run)


def _day_in_words(day: Day, since: str) -> str:
    """Whether everything ran, in one or two sentences."""
    counts = day.counts
    failed = counts.fires.get(RunStatus.FAILED, 0)
    wrong = [
        _counted(counts.missed, "slot was missed", "slots were missed"),
        _counted(failed, "run failed", "runs failed"),
    ]
    first = f"{_and(wrong)} since {since}" if any(wrong) else _what_ran(counts, since)
    overdue = _counted(day.overdue, "slot is due and not decided", "slots are due and not decided")
    at_rest = [
        f"{overdue}: no scheduler is at work" if overdue else "",
        _counted(len(day.agents), "agent is in error", "agents are in error", LOOKS_MAX),
        _counted(len(day.held), "routine was paused by the service", "routines were paused by the service", LOOKS_MAX),
    ]
    return f"{first}. {_and(at_rest)}." if any(at_rest) else f"{first}."


def _what_ran(counts: FireCounts, since: str) -> str:
    others = _counted(counts.others, "other fire", "other fires")
    if counts.slots == 0:
        ran = f"Everything ran: {others} since {since}, and no slot was due"
        return ran if others else f"Nothing was due since {since}"
    ran = f"{counts.slots_fired:,} of {counts.slots:,} {'slot' if counts.slots == 1 else 'slots'} since {since}"
    further = f", and {others}" if others else ""
    if counts.slots_skipped == 0:
        return f"Everything ran: {ran}{further}"
    skipped = _counted(counts.slots_skipped, "was skipped", "were skipped")
    return f"Nothing failed and nothing was missed: {ran}{further}; {skipped}"


def _since(since: datetime, now: datetime, zone: ZoneInfo) -> str:
    there, today = since.astimezone(zone), now.astimezone(zone).date()
    is_yesterday = there.date() == today - timedelta(days=1)
    return f"{'yesterday' if is_yesterday else f'{there:%A}'} {there:%H:%M}"


def _counted(number: int, one: str, several: str, shown_max: int | None = None) -> str:
    if number == 0:
        return ""
    if shown_max is not None and number > shown_max:
        return f"more than {shown_max} {several}"
    return f"{number:,} {one if number == 1 else several}"


def _and(parts: list[str]) -> str:
    """What there is of these in a row, from a capital on."""
    said = [part for part in parts if part]
    text = " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
    return text[:1].upper() + text[1:]


def routine_row(
    each: ShownRoutine,
    joined: Mapping[str, str],
    when: Callable[[datetime], When],
    local: Callable[[datetime], str],
) -> RoutineRow:
    """A routine as its line shows it; `joined` has the identifiers of issues by id.

    `when` shows an instant to the viewer, `local` only its time on the viewer's clock.
    """
    routine = each.routine
    marks = [_mark(run, joined, local) for run in each.last_runs]
    return RoutineRow(
        id=routine.id,
        title=routine.title,
        status=routine.status,
        pause_reason=routine.pause_reason,
        agent_id=routine.agent_id,
        agent=routine.agent_name,
        agent_status=routine.agent_status.value,
        next=None if routine.next_run_at is None else when(routine.next_run_at),
        last=None if routine.last_triggered_at is None else when(routine.last_triggered_at),
        marks=marks,
        summary=summary([mark.outcome for mark in marks]),
        issue=each.active_issue,
    )


def _mark(run: RunInBrief, joined: Mapping[str, str], local: Callable[[datetime], str]) -> Mark:
    reason = why(run, joined.get(run.linked_issue_id or ""), local)
    short = reason if len(reason) <= REASON_CHARACTERS_MAX else f"{reason[: REASON_CHARACTERS_MAX - 1]}…"
    became = outcome(run)
    return Mark(run.id, became, in_a_line(became, local(run.triggered_at), short))


def summary(outcomes: Sequence[Outcome]) -> str:
    """A strip in words, for those who do not see it: `Last 30 runs: 28 completed, 1 failed, 1 open`."""
    if not outcomes:
        return "No runs yet"
    counts = Counter(outcomes)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in Outcome if counts[kind])
    return f"Last {len(outcomes)} {'run' if len(outcomes) == 1 else 'runs'}: {told}"
