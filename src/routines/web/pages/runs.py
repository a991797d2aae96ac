"""Runs: all of a routine's, by what became of them, and one with everything around it.

Why a run became what it became is told in `views.runs`.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.core.limits import RECENT_RUNS, RUNS_PAGE_DEFAULT
from routines.core.model import ActorType, Run
from routines.http.call import NOBODY, PathId, canonical_id
from routines.services.heartbeats import Heartbeat
from routines.storage.queries.heartbeat_runs import HeartbeatQuery
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.pages.routine import agent_or_user
from routines.web.rendering import options
from routines.web.times import When
from routines.web.views import runs as views
from routines.web.views.activity import actor_in_words
from routines.web.views.payloads import outage, pretty
from routines.web.views.runs import Outcome, run_row

HEARTBEATS_SHOWN = 20

router = APIRouter(route_class=PageRoute)


@router.get("/routines/{routine_id}/runs")
def list_runs(page: BoardPage, routine_id: PathId) -> Response:
    """A routine's runs, newest first, of one outcome if that is asked for."""
    wanted, before = page.query("outcome"), canonical_id(page.query("before"))
    query = views.query(wanted, RUNS_PAGE_DEFAULT + 1, None if before == NOBODY else before)
    listed = page.use.runs.search(page.actor, routine_id, lambda: query)
    routine, found = listed.routine, listed.runs
    return page.show(
        "routine_runs.html",
        company_id=routine.company_id,
        section="routines",
        about=routine.id,
        routine=routine,
        rows=[run_row(each, page.when) for each in found[:RUNS_PAGE_DEFAULT]],
        older=found[RUNS_PAGE_DEFAULT - 1].run.id if len(found) > RUNS_PAGE_DEFAULT else "",
        is_first=before == NOBODY,
        outcomes=options(Outcome),
        wanted=wanted if wanted in set(Outcome) else "",
    )


@router.get("/routines/{routine_id}/runs/{run_id}")
def show_run(page: BoardPage, routine_id: PathId, run_id: PathId) -> Response:
    """One run."""
    detail = page.use.runs.detail(page.actor, routine_id, run_id)
    run = detail.run.run
    if run.actor_type is ActorType.AGENT:
        actor = agent_or_user(page, run.actor_id, None, {})
    else:
        actor = actor_in_words(run.actor_type, run.actor_id)
    return page.show(
        "routine_run.html",
        company_id=run.company_id,
        section="routines",
        about=run.linked_issue_id or routine_id,
        routine=detail.routine,
        detail=detail,
        run=run,
        row=run_row(detail.run, page.when),
        origin=views.origin(run, page.when),
        result=views.result(detail.run, page.when),
        actor=actor,
        payload=pretty(run.trigger_payload),
        outage=outage(run.details, page.when),
        joined=None if detail.joined is None else page.when(detail.joined.triggered_at),
        joined_by=[run_row(each, page.when) for each in detail.joined_by],
        joined_by_max=RECENT_RUNS,
        completed=None if run.completed_at is None else page.when(run.completed_at),
        heartbeats=_heartbeats(page, run),
    )


def _heartbeats(page: Page, run: Run) -> list[tuple[Heartbeat, When]]:
    """The newest heartbeats for the issue that a run points to, queued ones included."""
    if run.linked_issue_id is None:
        return []
    query = HeartbeatQuery(HEARTBEATS_SHOWN, issue_id=run.linked_issue_id)
    found = page.use.heartbeats.search(page.actor, run.company_id, lambda: query)
    return [(each, page.when(each.run.created_at)) for each in found]
