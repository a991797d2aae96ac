"""Heartbeats over HTTP: section 6 of the contract, and an agent's own word of how one ended."""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.http.call import Caller, PathId, reply, reply_list
from routines.http.operation import operation
from routines.http.schemas.heartbeats import (
    HeartbeatCompletion,
    HeartbeatFilters,
    HeartbeatReply,
    LogFilters,
    LogReply,
)
from routines.http.services import UseCases

router = APIRouter(tags=["heartbeats"])


@router.get(
    "/companies/{company_id}/heartbeat-runs",
    **operation(reply=list[HeartbeatReply], query=HeartbeatFilters, errors=(404,)),
)
def list_heartbeats(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List a company's heartbeats, queued ones included, newest first."""
    found = use.heartbeats.search(call.actor, company_id, call.query(HeartbeatFilters, HeartbeatFilters.command))
    return reply_list([HeartbeatReply.of(each) for each in found])


@router.get("/heartbeat-runs/{run_id}", **operation(reply=HeartbeatReply, errors=(404,)))
def get_heartbeat(call: Caller, use: UseCases, run_id: PathId) -> Response:
    """Get a heartbeat."""
    return reply(200, HeartbeatReply.of(use.heartbeats.get(call.actor, run_id)))


@router.get("/heartbeat-runs/{run_id}/log", **operation(reply=LogReply, query=LogFilters, errors=(404,)))
def get_heartbeat_log(call: Caller, use: UseCases, run_id: PathId) -> Response:
    """Get what a heartbeat has printed, from a place on."""
    return reply(200, LogReply.of(use.heartbeats.log(call.actor, run_id, call.query(LogFilters, LogFilters.command))))


@router.post("/heartbeat-runs/{run_id}/cancel", **operation(reply=HeartbeatReply, errors=(400, 404, 409, 415)))
def cancel_heartbeat(call: Caller, use: UseCases, run_id: PathId) -> Response:
    """End a heartbeat."""
    return reply(200, HeartbeatReply.of(use.heartbeats.cancel(call.actor, run_id, call.no_body)))


@router.post(
    "/heartbeat-runs/{run_id}/complete",
    **operation(reply=HeartbeatReply, body=HeartbeatCompletion, errors=(404, 409)),
)
def complete_heartbeat(call: Caller, use: UseCases, run_id: PathId) -> Response:
    """Tell how a heartbeat ended that was started by HTTP, with its run token."""
    ended = use.heartbeats.complete(call.actor, run_id, call.body(HeartbeatCompletion, HeartbeatCompletion.command))
    return reply(200, HeartbeatReply.of(ended))
