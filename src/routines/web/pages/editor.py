"""A routine's fields as a form: a new one with its first trigger, and one that is changed.

Triggers have a form of their own in `trigger_editor`; when a schedule fires is the engine's to say.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from routines.core.errors import Fault, InvalidError, NotFoundError, RoutinesError
from routines.core.model import (
    Agent,
    AgentStatus,
    CatchUpPolicy,
    ConcurrencyPolicy,
    Priority,
    ProjectStatus,
    Routine,
    RoutineStatus,
    TriggerKind,
)
from routines.http.call import NOBODY, PathId, canonical_id, validated
from routines.http.schemas.routines import RoutineCreate, RoutineUpdate
from routines.services.routines import CreatedRoutine
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.pages.trigger_editor import (
    CHOICES,
    NO_TRIGGER,
    TriggerOwner,
    new_trigger_fields,
    preview,
    secrets_page,
    trigger_body,
)
from routines.web.rendering import options
from routines.web.views.routine import CATCH_UP_IN_WORDS, CONCURRENCY_IN_WORDS
from routines.web.views.schedules import mark

REQUIRED = ("title", "assigneeAgentId", "projectId", "priority", "status", "concurrencyPolicy", "catchUpPolicy")
NULLABLE = ("description", "goalId")
CHANGEABLE = (*(name for name in REQUIRED if name != "status"), *NULLABLE, "parentIssueId")
"""What the form of a routine changes; for its status its page has buttons."""
WAS = "was-"
"""Begins the hidden field that holds what a field was shown with first."""

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/routines/new")
def new_routine(page: BoardPage, company_id: PathId) -> Response:
    """The form of a new routine; what the address names is filled in."""
    page.company(company_id)
    fields: dict[str, list[str]] = {
        "title": [page.query("title")],
        "assigneeAgentId": [page.query("assigneeAgentId")],
        "projectId": [page.query("projectId")],
        "priority": [Priority.MEDIUM],
        "status": [RoutineStatus.ACTIVE],
        "concurrencyPolicy": [ConcurrencyPolicy.COALESCE_IF_ACTIVE],
        "catchUpPolicy": [CatchUpPolicy.SKIP_MISSED],
        "kind": [TriggerKind.SCHEDULE],
        **new_trigger_fields(page),
    }
    return _page(page, company_id, Form(fields))


@router.post("/companies/{company_id}/routines/new")
def create_routine(page: BoardPage, company_id: PathId) -> Response:
    """Make a routine with its first trigger, or show what that would do."""
    page.company(company_id)
    if page.form.ticked("preview"):
        return _page(page, company_id, page.form)
    try:
        body = _body(page, company_id)
        made = page.use.routines.create(page.actor, company_id, lambda: validated(RoutineCreate, body).command())
    except RoutinesError as refusal:
        return _page(page, company_id, mark(page.form, refusal))
    return _made(page, made)


@router.get("/routines/{routine_id}/edit")
def edit_routine(page: BoardPage, routine_id: PathId) -> Response:
    """The form of a routine."""
    detail = page.use.routines.get(page.actor, routine_id)
    routine, parent = detail.routine, detail.parent_issue
    values = {
        "title": routine.title,
        "description": routine.description,
        "assigneeAgentId": routine.assignee_agent_id,
        "projectId": routine.project_id,
        "goalId": routine.goal_id,
        "parentIssueId": routine.parent_issue_id if parent is None else parent.identifier,
        "priority": routine.priority,
        "concurrencyPolicy": routine.concurrency_policy,
        "catchUpPolicy": routine.catch_up_policy,
    }
    form = Form.of({**values, **{f"{WAS}{name}": value for name, value in values.items()}})
    return _page(page, routine.company_id, form, routine)


@router.post("/routines/{routine_id}/edit")
def change_routine(page: BoardPage, routine_id: PathId) -> Response:
    """Change what was changed in the form, so that one that stood open for long overwrites nothing else."""
    routine = page.use.routines.get(page.actor, routine_id).routine
    try:
        body = _changes(page, routine.company_id)
        if not body:
            return page.go(f"/routines/{routine_id}", "Nothing was changed.")
        page.use.routines.update(page.actor, routine_id, lambda: validated(RoutineUpdate, body).command())
    except RoutinesError as refusal:
        return _page(page, routine.company_id, mark(page.form, refusal), routine)
    return page.go(f"/routines/{routine_id}", "The routine was changed.")


def _changes(page: Page, company_id: str) -> dict[str, Any]:
    """The fields that say something else than what they were shown with, as a body of the API."""
    form = page.form
    changed = [
        name
        for name in CHANGEABLE
        if form.ticked(name) and not (form.ticked(f"{WAS}{name}") and form.text(name) == form.text(f"{WAS}{name}"))
    ]
    body: dict[str, Any] = {name: form.text(name) or (None if name in NULLABLE else "") for name in changed}
    if "parentIssueId" in changed:
        body["parentIssueId"] = _parent_issue_id(page, company_id)
    return body


def _body(page: Page, company_id: str) -> dict[str, Any]:
    """The form of a new routine as a body of the API."""
    form = page.form
    required = {name: form.text(name) for name in REQUIRED if form.ticked(name)}
    body = {**required, **form.body(*NULLABLE), "parentIssueId": _parent_issue_id(page, company_id)}
    if form.text("kind") != NO_TRIGGER:
        body["triggers"] = [{"kind": form.text("kind"), **trigger_body(form, form.text("kind"))}]
    return body


def _parent_issue_id(page: Page, company_id: str) -> str | None:
    """The issue that is named by its identifier or id; none if none is."""
    name = page.form.text("parentIssueId")
    if not name:
        return None
    try:
        if canonical_id(name) != NOBODY:
            return page.use.issues.get(page.actor, canonical_id(name)).issue.id
        issue = page.use.issues.of_identifier(page.actor, company_id, name)
    except NotFoundError:
        issue = None
    if issue is None:
        message = f"No issue of this company is called {name[:40]!r}; write an identifier, such as 'ACM-12', or an id"
        raise InvalidError([Fault(("parentIssueId",), message, "unknown")])
    return issue.id


def _made(page: Page, made: CreatedRoutine) -> Response:
    said = f"The routine {made.routine.title} was made."
    for trigger, material in zip(made.triggers or (), made.secret_materials or (), strict=True):
        if material is not None:
            return secrets_page(page, made.routine, trigger, material, said)
    return page.go(f"/routines/{made.routine.id}", said)


def _page(page: Page, company_id: str, form: Form, routine: Routine | None = None) -> Response:
    agents = page.use.agents.of_company(page.actor, company_id)
    projects = page.use.projects.of_company(page.actor, company_id)
    chosen = form.text("assigneeAgentId"), form.text("projectId")
    agent_options = [(each.id, _agent_name(each)) for each in sorted(agents, key=_by_name) if _fits(each, chosen[0])]
    project_options = [
        (each.id, each.name if each.status is ProjectStatus.ACTIVE else f"{each.name} ({each.status.value})")
        for each in projects
        if each.status is not ProjectStatus.ARCHIVED or each.id == chosen[1]
    ]
    statuses = [each for each in RoutineStatus if each is not RoutineStatus.ARCHIVED or form.text("status") == each]
    only_agent = agent_options[0][0] if len(agent_options) == 1 else ""
    owner = TriggerOwner(chosen[0] or only_agent, form.text("concurrencyPolicy"))
    return page.show(
        "routine_edit.html",
        company_id=company_id,
        section="routines",
        about="" if routine is None else routine.id,
        form=form,
        shown_fields=CHANGEABLE,
        routine=routine,
        agents=agent_options,
        projects=project_options,
        goals=[(each.id, each.title) for each in page.use.goals.of_company(page.actor, company_id)],
        priorities=options(Priority),
        statuses=options(statuses),
        concurrency=CONCURRENCY_IN_WORDS,
        catch_up=CATCH_UP_IN_WORDS,
        choices=CHOICES,
        preview=None if routine is not None else preview(page, form, owner),
    )


def _fits(agent: Agent, chosen: str) -> bool:
    """True for an agent that can be given a routine, or has it."""
    return agent.status is not AgentStatus.TERMINATED or agent.id == chosen


def _by_name(agent: Agent) -> tuple[str, str]:
    return (agent.name.casefold(), agent.id)


def _agent_name(agent: Agent) -> str:
    named = agent.name if agent.title is None else f"{agent.name}, {agent.title}"
    return f"{named} ({agent.status.value})" if agent.status in {AgentStatus.PAUSED, AgentStatus.TERMINATED} else named
