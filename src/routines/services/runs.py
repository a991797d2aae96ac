"""The use cases of looking at runs: those of a routine by what became of them, and one with everything around it.

How a fire becomes a run is in `dispatch`; the API's own list is with the routines.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from routines.core.errors import NotFoundError
from routines.core.limits import RECENT_RUNS
from routines.core.model import Actor, Routine, Run
from routines.services.context import Body, Context, visible_routine
from routines.services.routines import RunWithLinks, linked
from routines.storage.queries import runs
from routines.storage.queries.runs import RunQuery

RUN_NOT_FOUND = "Routine run not found"


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """A routine, and those of its runs that were asked for."""

    routine: Routine
    runs: list[RunWithLinks]


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with everything around it; of the runs that joined it, the first."""

    routine: Routine
    run: RunWithLinks
    joined: Run | None
    joined_by: list[RunWithLinks]


@dataclass(frozen=True, slots=True)
class Runs:
    """The use cases of looking at runs."""

    context: Context

    def search(self, actor: Actor, routine_id: str, query: Body[RunQuery]) -> FoundRuns:
        """A routine's runs that agree with a query, newest first, without their payloads."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            return FoundRuns(routine, linked(connection, runs.search(connection, routine.id, query())))

    def get(self, actor: Actor, routine_id: str, run_id: str) -> RunDetail:
        """One run of a routine; `NotFoundError` for another routine's, as for one that there is not."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            run = runs.of_ids(connection, [run_id]).get(run_id)
            if run is None or run.routine_id != routine.id:
                raise NotFoundError(RUN_NOT_FOUND)
            others = runs.of_ids(connection, [run.coalesced_into_run_id]) if run.coalesced_into_run_id else {}
            return RunDetail(
                routine=routine,
                run=linked(connection, [run])[0],
                joined=others.get(run.coalesced_into_run_id or ""),
                joined_by=self._joined_by(connection, run),
            )

    @staticmethod
    def _joined_by(connection: Connection, run: Run) -> list[RunWithLinks]:
        return (
            []
            if run.linked_issue_id is None
            else linked(connection, runs.joined_to(connection, run, limit=RECENT_RUNS))
        )
