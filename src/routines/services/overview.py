"""The use cases of a company's first page: what became of the last day, what needs a look, and its routines in pages.

Nothing is changed here; one routine has use cases of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from routines.core.model import Actor, IssueInBrief, RunStatus, Source
from routines.services.context import Body, Context, company_of_path
from routines.services.routines import RunWithLinks, linked
from routines.storage.queries import agents, issues, overview
from routines.storage.queries.overview import (
    AgentInError,
    FiresCounted,
    Named,
    RoutineHeld,
    RoutineInBrief,
    RoutinesQuery,
    RoutineTitle,
    RunInBrief,
)

DAY = timedelta(days=1)
LOOKS_MAX = 8  # of each kind of what needs a look: a screen full; what is behind it is counted
TROUBLES_MAX = 100  # of those of one day, once one asks for all: what one can still look through
MARKS_MAX = 30  # the last runs of a routine, side by side
CHOICES_MAX = 200  # to choose from, of each kind: longer lists nobody reads, and the page would outgrow its bound
JOINED = frozenset({RunStatus.COALESCED, RunStatus.SKIPPED})


@dataclass(frozen=True, slots=True)
class FireCounts:
    """What became of the fires of a stretch of time; a run that records an outage stands for all its missed slots.

    `slots` are those that schedules had due, `slots_fired` those of them that made an issue or joined one.
    """

    fires: Mapping[RunStatus, int]
    missed: int
    slots: int
    slots_fired: int
    slots_skipped: int
    others: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A run that failed or records an outage, with the title of its routine; None if not even its mark is left."""

    run: RunWithLinks
    routine: RoutineTitle | None


@dataclass(frozen=True, slots=True)
class Day:
    """What became of the day before now, and what needs a look; `overdue` slots were due and nobody decided them.

    Of lists there is one entry more than is to be shown where there are more.
    """

    since: datetime
    counts: FireCounts
    overdue: int
    troubles: list[Trouble]
    held: list[RoutineHeld]
    agents: list[AgentInError]


@dataclass(frozen=True, slots=True)
class ShownRoutine:
    """A routine with its last runs, the oldest first, and its open execution issue."""

    routine: RoutineInBrief
    last_runs: list[RunInBrief]
    active_issue: IssueInBrief | None


@dataclass(frozen=True, slots=True)
class RoutinesPage:
    """A part of a company's routines, and how many agree with the filters in all.

    `joined` has the identifiers of the issues because of which runs made none of their own, by id.
    """

    routines: list[ShownRoutine]
    joined: Mapping[str, str]
    total: int
    offset: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What a company's routines can be filtered by."""

    agents: list[Named]
    projects: list[Named]


@dataclass(frozen=True, slots=True)
class Overview:
    """The use cases of a company's first page."""

    context: Context

    def day(self, actor: Actor, company_id: str, troubles_max: int = LOOKS_MAX) -> Day:
        """What became of a company's fires in the last 24 hours, and what needs a look.

        Of the runs that failed or record an outage, up to `troubles_max` are to be shown.
        """
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            now = self.context.clock.now()
            since = now - DAY
            counted = overview.fires_since(connection, company_id, since)
            counts = _counts(counted)
            in_trouble = counts.fires[RunStatus.FAILED] + sum(each.number for each in counted if each.details)
            wanted = min(in_trouble, troubles_max + 1)
            found = overview.troubles_since(connection, company_id, since, wanted) if wanted else []
            titles = overview.titles(connection, {run.routine_id for run in found}) if found else {}
            return Day(
                since=since,
                counts=counts,
                overdue=overview.overdue(connection, company_id, now - self.context.grace),
                troubles=[Trouble(each, titles.get(each.run.routine_id)) for each in linked(connection, found)],
                held=overview.held_routines(connection, company_id, LOOKS_MAX + 1),
                agents=overview.agents_in_error(connection, company_id, LOOKS_MAX + 1),
            )

    def routines(self, actor: Actor, company_id: str, query: Body[RoutinesQuery]) -> RoutinesPage:
        """A page of a company's routines, the last one that there is if it lies beyond the end."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            wanted = query()
            total = overview.count(connection, company_id, wanted.filters)
            offset = min(wanted.offset, max(0, total - 1) // wanted.limit * wanted.limit)
            shown = overview.page(connection, company_id, wanted.from_offset(offset))
            ids = [routine.id for routine in shown]
            runs = overview.last_runs(connection, ids, MARKS_MAX) if ids else {}
            joined = _joined_issues(runs)
            explaining = issues.of_ids(connection, list(joined)) if joined else {}
            active = issues.open_of_routines(connection, ids) if ids else {}
        found = [ShownRoutine(each, runs.get(each.id, []), active.get(each.id)) for each in shown]
        return RoutinesPage(found, {each.id: each.identifier for each in explaining.values()}, total, offset)

    def agent_names(self, actor: Actor, company_id: str, agent_ids: Collection[str]) -> dict[str, str]:
        """The names of these agents of a company by id."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            found = agents.of_ids(connection, agent_ids) if agent_ids else []
        return {agent.id: agent.name for agent in found if agent.company_id == company_id}

    def choices(self, actor: Actor, company_id: str) -> Choices:
        """The agents and projects by which a company's routines can be filtered, up to a bound."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return Choices(
                overview.agent_names(connection, company_id, CHOICES_MAX),
                overview.project_names(connection, company_id, CHOICES_MAX),
            )


def _counts(counted: Sequence[FiresCounted]) -> FireCounts:
    fires: Counter[RunStatus] = Counter()
    slots: Counter[RunStatus] = Counter()
    missed = others = 0
    for each in counted:
        if each.details is not None:
            missed += each.number * int(json.loads(each.details)["count"])
            continue
        fires[each.status] += each.number
        if each.source is Source.SCHEDULE:
            slots[each.status] += each.number
        else:
            others += each.number
    failed, skipped, due = slots[RunStatus.FAILED], slots[RunStatus.SKIPPED], slots.total()
    return FireCounts(
        fires=fires,
        missed=missed,
        slots=due + missed,
        slots_fired=due - failed - skipped,
        slots_skipped=skipped,
        others=others,
    )


def _joined_issues(runs: Mapping[str, list[RunInBrief]]) -> set[str]:
    """The issues that explain why runs made none of their own."""
    return {
        run.linked_issue_id
        for of_routine in runs.values()
        for run in of_routine
        if run.linked_issue_id is not None and run.status in JOINED
    }
