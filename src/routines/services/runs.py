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

    def get(self, actor: Actor, routine_id: str, run_id: str) -> RunWithLinks:
        """One run of a routine; `NotFoundError` for another routine's, as for one that there is not."""
        with self.context.database.read() as connection:
            return self._of(connection, visible_routine(connection, actor, routine_id), run_id)

    def detail(self, actor: Actor, routine_id: str, run_id: str) -> RunDetail:
        """One run of a routine with everything around it; raises as `get`."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            found = self._of(connection, routine, run_id)
            joined_id = found.run.coalesced_into_run_id
            others = {} if joined_id is None else runs.of_ids(connection, [joined_id])
            return RunDetail(
                routine=routine,
                run=found,
                joined=others.get(joined_id or ""),
                joined_by=self._joined_by(connection, found.run),
            )

    @staticmethod
    def _of(connection: Connection, routine: Routine, run_id: str) -> RunWithLinks:
        run = runs.of_ids(connection, [run_id]).get(run_id)
        if run is None or run.routine_id != routine.id:
            raise NotFoundError(RUN_NOT_FOUND)
        return linked(connection, [run])[0]

    @staticmethod
    def _joined_by(connection: Connection, run: Run) -> list[RunWithLinks]:
        return (
            []
            if run.linked_issue_id is None
            else linked(connection, runs.joined_to(connection, run, limit=RECENT_RUNS))
        )
