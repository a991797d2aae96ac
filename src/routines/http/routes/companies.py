"""Companies, projects and goals over HTTP: section 6 of the contract."""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.http.call import Caller, PathId, reply, reply_list
from routines.http.operation import operation
from routines.http.schemas.companies import (
    CompanyCreate,
    CompanyReply,
    CompanyUpdate,
    GoalCreate,
    GoalReply,
    GoalUpdate,
    ProjectCreate,
    ProjectReply,
    ProjectUpdate,
)
from routines.http.services import UseCases

router = APIRouter(tags=["companies"])


@router.get("/companies", **operation(reply=list[CompanyReply]))
def list_companies(call: Caller, use: UseCases) -> Response:
    """List the companies that the caller may see."""
    return reply_list([CompanyReply.written(each) for each in use.companies.every_company(call.actor)])


@router.post("/companies", **operation(status=201, reply=CompanyReply, body=CompanyCreate, errors=(409,)))
def create_company(call: Caller, use: UseCases) -> Response:
    """Create a company."""
    created = use.companies.create(call.actor, call.body(CompanyCreate, CompanyCreate.command))
    return reply(201, CompanyReply.written(created))


@router.get("/companies/{company_id}", **operation(reply=CompanyReply, errors=(404,)))
def get_company(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Get a company."""
    return reply(200, CompanyReply.written(use.companies.get(call.actor, company_id)))


@router.patch("/companies/{company_id}", **operation(reply=CompanyReply, body=CompanyUpdate, errors=(404, 409)))
def update_company(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Change a company."""
    updated = use.companies.update(call.actor, company_id, call.body(CompanyUpdate, CompanyUpdate.command))
    return reply(200, CompanyReply.written(updated))


@router.get("/companies/{company_id}/projects", **operation(reply=list[ProjectReply], errors=(404,)))
def list_projects(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List a company's projects."""
    return reply_list([ProjectReply.written(each) for each in use.projects.of_company(call.actor, company_id)])


@router.post(
    "/companies/{company_id}/projects",
    **operation(status=201, reply=ProjectReply, body=ProjectCreate, errors=(404,)),
)
def create_project(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Create a project."""
    created = use.projects.create(call.actor, company_id, call.body(ProjectCreate, ProjectCreate.command))
    return reply(201, ProjectReply.written(created))


@router.get("/projects/{project_id}", **operation(reply=ProjectReply, errors=(404,)))
def get_project(call: Caller, use: UseCases, project_id: PathId) -> Response:
    """Get a project."""
    return reply(200, ProjectReply.written(use.projects.get(call.actor, project_id)))


@router.patch("/projects/{project_id}", **operation(reply=ProjectReply, body=ProjectUpdate, errors=(404,)))
def update_project(call: Caller, use: UseCases, project_id: PathId) -> Response:
    """Change a project."""
    updated = use.projects.update(call.actor, project_id, call.body(ProjectUpdate, ProjectUpdate.command))
    return reply(200, ProjectReply.written(updated))


@router.get("/companies/{company_id}/goals", **operation(reply=list[GoalReply], errors=(404,)))
def list_goals(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List a company's goals."""
    return reply_list([GoalReply.written(each) for each in use.goals.of_company(call.actor, company_id)])


@router.post("/companies/{company_id}/goals", **operation(status=201, reply=GoalReply, body=GoalCreate, errors=(404,)))
def create_goal(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Create a goal."""
    created = use.goals.create(call.actor, company_id, call.body(GoalCreate, GoalCreate.command))
    return reply(201, GoalReply.written(created))


@router.get("/goals/{goal_id}", **operation(reply=GoalReply, errors=(404,)))
def get_goal(call: Caller, use: UseCases, goal_id: PathId) -> Response:
    """Get a goal."""
    return reply(200, GoalReply.written(use.goals.get(call.actor, goal_id)))


@router.patch("/goals/{goal_id}", **operation(reply=GoalReply, body=GoalUpdate, errors=(404,)))
def update_goal(call: Caller, use: UseCases, goal_id: PathId) -> Response:
    """Change a goal."""
    updated = use.goals.update(call.actor, goal_id, call.body(GoalUpdate, GoalUpdate.command))
    return reply(200, GoalReply.written(updated))
