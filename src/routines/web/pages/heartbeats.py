"""Heartbeats: all of a company, and one: how it went, and what the agent printed, while it runs too.

Starting and ending them is `heartbeat`'s.
"""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Response
from starlette.responses import PlainTextResponse

from routines.core.model import HeartbeatStatus
from routines.http.call import PathId, validated
from routines.http.schemas.heartbeats import HeartbeatFilters
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.rendering import options
from routines.web.security import SECURITY_HEADERS
from routines.web.views.agents import money
from routines.web.views.heartbeats import bytes_in_words, duration, heartbeat_row, is_over

HEARTBEATS_PAGE = 50  # lines of the list
AGENTS_MAX = 500  # to choose from
# Of what was printed a page shows this much; escaped, a byte may become five, and a page is to stay under 300 kB.
HEAD_BYTES_MAX = 12 * 1024
TAIL_BYTES_MAX = 40 * 1024

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/heartbeats")
def list_heartbeats(page: BoardPage, company_id: PathId) -> Response:
    """A company's heartbeats, newest first, of one agent or in one status if that is wanted."""
    page.company(company_id)
    chosen = {name: page.query(name) for name in ("status", "agentId") if page.query(name)}
    before = {"before": page.query("before")} if page.query("before") else {}
    wanted = validated(HeartbeatFilters, {**chosen, **before, "limit": HEARTBEATS_PAGE + 1}).command()
    looked = page.use.workloads.search(page.actor, company_id, wanted)
    found, back_to = looked.heartbeats, looked.looked_back_to
    last = found[HEARTBEATS_PAGE - 1].heartbeat.run if len(found) > HEARTBEATS_PAGE else back_to
    agents = page.use.workloads.of_company(page.actor, company_id, AGENTS_MAX).workloads
    return page.show(
        "heartbeats.html",
        company_id=company_id,
        section="agents",
        heartbeats=[heartbeat_row(each, page.when) for each in found[:HEARTBEATS_PAGE]],
        statuses=options(HeartbeatStatus),
        agents=[(each.agent.id, each.agent.name) for each in agents],
        chosen=chosen,
        older=None if last is None else urlencode({**chosen, "before": last.id}),
        looked_back_to=None if back_to is None else page.when(back_to.created_at),
        newest=urlencode(chosen) if before else None,
    )


@router.get("/heartbeat-runs/{run_id}")
def show_heartbeat(page: BoardPage, run_id: PathId) -> Response:
    """A heartbeat, and what it printed."""
    each = page.use.workloads.heartbeat(page.actor, run_id)
    run = each.heartbeat.run
    log = page.use.heartbeats.log_ends(page.actor, run_id, head_bytes_max=HEAD_BYTES_MAX, tail_bytes_max=TAIL_BYTES_MAX)
    return page.show(
        "heartbeat.html",
        company_id=run.company_id,
        section="agents",
        about=run.id,
        run=run,
        row=heartbeat_row(each, page.when),
        waiting_for=each.heartbeat.waiting_for,
        started=None if run.started_at is None else page.when(run.started_at),
        ended=None if run.finished_at is None else page.when(run.finished_at),
        waited=None if run.started_at is None else duration(run.started_at - run.created_at),
        cost=money(run.cost_micros),
        log=log,
        left_out=bytes_in_words(log.left_out),
        is_over=is_over(run.status),
    )


@router.get("/heartbeat-runs/{run_id}/log")
def show_log(page: BoardPage, run_id: PathId) -> Response:
    """All that was kept of what a heartbeat printed, as plain text."""
    return PlainTextResponse(_whole_log(page, run_id), headers=SECURITY_HEADERS)


@router.post("/heartbeat-runs/{run_id}/cancel")
def cancel_heartbeat(page: BoardPage, run_id: PathId) -> Response:
    """End a heartbeat."""

    def cancel() -> None:
        page.use.heartbeats.cancel(page.actor, run_id, lambda: None)

    return page.act(cancel, f"/heartbeat-runs/{run_id}", "The heartbeat is cancelled; one that runs ends in a moment.")


def _whole_log(page: Page, run_id: str) -> str:
    """Part after part, each as much as one reply of the API holds, until nothing more was kept."""
    text, place = "", 0
    while True:
        part = page.use.heartbeats.log(page.actor, run_id, lambda: place)  # noqa: B023 - it is called at once
        if part.after == place:
            return text
        if part.start > place:
            text += f"\n[{bytes_in_words(part.start - place)} were not kept]\n"
        text += part.content
        place = part.after
