"""A routine in plain words: its policies, what keeps it from firing, and how its slots of the last week went.

What a policy does is decided in `core.policies`, and what became of a slot told by the services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from routines.core.deliveries import SKIPPED
from routines.core.limits import CATCH_UP_RUNS_MAX
from routines.core.model import (
    AgentStatus,
    CatchUpPolicy,
    Company,
    CompanyStatus,
    ConcurrencyPolicy,
    ProjectStatus,
    RoutineStatus,
)
from routines.services.outlook import RecentHealth, SlotHealth, SlotOutcome
from routines.services.routines import RoutineDetail
from routines.web.times import When, as_told

CONCURRENCY_IN_WORDS = {
    ConcurrencyPolicy.COALESCE_IF_ACTIVE: "While an execution issue is open, a fire joins it, with its payload.",
    ConcurrencyPolicy.SKIP_IF_ACTIVE: "While an execution issue is open, a fire is skipped, and recorded.",
    ConcurrencyPolicy.ALWAYS_ENQUEUE: "Every fire makes an issue, whatever is open.",
}
CATCH_UP_IN_WORDS = {
    CatchUpPolicy.SKIP_MISSED: "Slots missed in an outage are dropped; one run records which.",
    CatchUpPolicy.ENQUEUE_MISSED_WITH_CAP: (
        f"Of the slots missed in an outage the latest {CATCH_UP_RUNS_MAX} still fire; one run records the others."
    ),
}
UNFIRED = frozenset({SlotOutcome.SKIPPED, SlotOutcome.MISSED, SlotOutcome.FAILED, SlotOutcome.UNDECIDED})
UNFIRED_SHOWN_MAX = 10  # what one looks through; the rest is on the page of all runs


def notes(detail: RoutineDetail, company: Company) -> list[str]:
    """What keeps a routine from firing or its agent from working now, a sentence each."""
    routine, project, agent = detail.routine, detail.project, detail.assignee
    found = []
    if routine.status is RoutineStatus.PAUSED:
        why = f"{routine.pause_reason} " if routine.pause_reason else ""
        found.append(
            f"{why}While it is paused no schedule and no webhook fires, and nothing is made up for afterwards; "
            "a run by hand still works."
        )
    if routine.status is RoutineStatus.ARCHIVED:
        found.append("It is archived, which is the end: nothing fires it, and nothing of it can be changed.")
    if company.status is not CompanyStatus.ACTIVE:
        found.append(f"The company is {company.status.value}: each slot and each delivery is recorded as skipped.")
    if project is not None and project.status is not ProjectStatus.ACTIVE:
        found.append(f"Its project is {project.status.value}: each slot and each delivery is recorded as skipped.")
    if agent is not None and agent.status is AgentStatus.PAUSED:
        found.append(f"{agent.name} is paused: fires make issues, which wait until the agent is resumed.")
    if agent is not None and agent.status is AgentStatus.TERMINATED:
        found.append(f"{agent.name} is terminated: have another agent do it.")
    return found


@dataclass(frozen=True, slots=True)
class Unfired:
    """Slots that did not fire for one reason: the newest of them, and how many there are."""

    newest: When
    oldest: When
    count: int
    outcome: SlotOutcome
    reason: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """What became of the slots that were due: how many of each outcome, and those that did not fire, newest first."""

    since: str
    due: int
    counts: list[tuple[SlotOutcome, int]]
    unfired: list[Unfired]
    further: int
    problem: str = ""


def health(recent: RecentHealth, shown: Callable[[datetime], When]) -> Health:
    """What became of the slots of a stretch of time, as a page tells of it."""
    slots = recent.slots
    counted = Counter(each.outcome for each in slots)
    not_fired = [each for each in reversed(slots) if each.outcome in UNFIRED]
    groups = [list(group) for _, group in groupby(not_fired, lambda each: (each.run_id, each.outcome, each.trigger_id))]
    return Health(
        since="week" if recent.back.days > 1 else "day" if recent.back.days else "hour",
        due=len(slots),
        counts=[(outcome, counted[outcome]) for outcome in SlotOutcome if counted[outcome]],
        unfired=[_unfired(group, shown) for group in groups[:UNFIRED_SHOWN_MAX]],
        further=sum(map(len, groups[UNFIRED_SHOWN_MAX:])),
    )


def _unfired(group: Sequence[SlotHealth], shown: Callable[[datetime], When]) -> Unfired:
    first = group[0]
    reason = as_told(first.reason, lambda instant: shown(instant).local) if first.reason else ""
    return Unfired(
        newest=shown(first.slot),
        oldest=shown(group[-1].slot),
        count=len(group),
        outcome=first.outcome,
        reason=reason or (SKIPPED if first.issue_id else ""),
        run_id=first.run_id,
    )
