"""What fires next, what became of each slot, and schedules explained, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.http.call import Caller, PathId, reply, reply_list
from routines.http.operation import operation
from routines.http.schemas.outlook import (
    CronExplain,
    ExplanationReply,
    RangeFilters,
    SlotHealthReply,
    UpcomingFilters,
    UpcomingReply,
)
from routines.http.services import UseCases

router = APIRouter(tags=["outlook"])


@router.post("/cron/explain", **operation(reply=ExplanationReply, body=CronExplain, errors=(422,)))
def explain_cron(call: Caller, use: UseCases) -> Response:
    """Explain a schedule: in words, its next times, and what may surprise."""
    return reply(200, ExplanationReply.of(use.outlook.explain(call.body(CronExplain, CronExplain.command))))


@router.get(
    "/companies/{company_id}/upcoming",
    **operation(reply=list[UpcomingReply], query=UpcomingFilters, errors=(404, 422)),
)
def list_upcoming(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List the slots that come next in a company, in order."""
    found = use.outlook.upcoming(call.actor, company_id, call.query(UpcomingFilters, UpcomingFilters.command))
    return reply_list([UpcomingReply.of(each) for each in found])


@router.get(
    "/routines/{routine_id}/health", **operation(reply=list[SlotHealthReply], query=RangeFilters, errors=(404, 422))
)
def get_routine_health(call: Caller, use: UseCases, routine_id: PathId) -> Response:
    """List every slot of a routine that was due, and what became of it."""
    found = use.outlook.health(call.actor, routine_id, call.query(RangeFilters, RangeFilters.command))
    return reply_list([SlotHealthReply.of(each) for each in found])
