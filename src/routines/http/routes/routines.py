"""Routines over HTTP, and their runs: section 1 of the contract."""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.http.call import Caller, PathId, nothing, reply, reply_list
from routines.http.operation import REPLAYED, operation
from routines.http.schemas.routines import (
    CreatedRoutineReply,
    ListedRoutineReply,
    RoutineCreate,
    RoutineDelete,
    RoutineDetailReply,
    RoutineFilters,
    RoutineReply,
    RoutineUpdate,
)
from routines.http.schemas.runs import ListedRun, RunCreate, RunFilters, RunReply
from routines.http.services import UseCases

router = APIRouter(tags=["routines"])


@router.get(
    "/companies/{company_id}/routines",
    **operation(reply=list[ListedRoutineReply], query=RoutineFilters, errors=(404,)),
)
def list_routines(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List a company's routines, most recently updated first."""
    found = use.routines.search(call.actor, company_id, call.query(RoutineFilters, RoutineFilters.command))
    return reply_list([ListedRoutineReply.of(each) for each in found])


@router.post(
    "/companies/{company_id}/routines",
    **operation(status=201, reply=CreatedRoutineReply | RoutineReply, body=RoutineCreate, errors=(404, 409, 422)),
)
def create_routine(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Create a routine, along with the triggers that the body names."""
    created = use.routines.create(call.actor, company_id, call.body(RoutineCreate, RoutineCreate.command))
    if created.triggers is None:
        return reply(201, RoutineReply.written(created.routine))
    return reply(201, CreatedRoutineReply.of(created))


@router.get("/routines/{routine_id}", **operation(reply=RoutineDetailReply, errors=(404,)))
def get_routine(call: Caller, use: UseCases, routine_id: PathId) -> Response:
    """Get a routine with everything around it."""
    return reply(200, RoutineDetailReply.of(use.routines.get(call.actor, routine_id)))


@router.patch("/routines/{routine_id}", **operation(reply=RoutineReply, body=RoutineUpdate, errors=(404, 409, 422)))
def update_routine(call: Caller, use: UseCases, routine_id: PathId) -> Response:
    """Change a routine."""
    updated = use.routines.update(call.actor, routine_id, call.body(RoutineUpdate, RoutineUpdate.command))
    return reply(200, RoutineReply.written(updated))


@router.delete("/routines/{routine_id}", **operation(status=204, query=RoutineDelete, errors=(404, 409, 415)))
def delete_routine(call: Caller, use: UseCases, routine_id: PathId) -> Response:
    """Delete a routine; its issues stay readable."""
    use.routines.delete(call.actor, routine_id, call.query(RoutineDelete, RoutineDelete.command))
    return nothing()


@router.post(
    "/routines/{routine_id}/run",
    **operation(status=202, reply=RunReply, body=RunCreate, errors=(404, 409), headers=REPLAYED),
)
def run_routine(call: Caller, use: UseCases, routine_id: PathId) -> Response:
    """Run a routine by hand."""
    fired = use.firing.run(call.actor, routine_id, call.body(RunCreate, RunCreate.command))
    headers = {"Idempotent-Replayed": "true"} if fired.replayed else None
    return reply(202, RunReply.written(fired.run), headers)


@router.get("/routines/{routine_id}/runs", **operation(reply=list[ListedRun], query=RunFilters, errors=(404,)))
def list_runs(call: Caller, use: UseCases, routine_id: PathId) -> Response:
    """List a routine's runs, newest first."""
    found = use.routines.runs(call.actor, routine_id, call.query(RunFilters, RunFilters.command))
    return reply_list([ListedRun.of(each) for each in found])


@router.get("/routines/{routine_id}/runs/{run_id}", **operation(reply=ListedRun, errors=(404,)))
def get_run(call: Caller, use: UseCases, routine_id: PathId, run_id: PathId) -> Response:
    """Get one run of a routine."""
    return reply(200, ListedRun.of(use.runs.get(call.actor, routine_id, run_id)))
