"""The first run: what a routine is, and company, project, agent and first routine in one short form.

Each is made by the use case that the API has too. All of the form is checked before anything is made; if a step is
refused all the same, what was made before it is said, and is not made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from routines.core.adapters import faults
from routines.core.errors import Fault, ImpossibleError, InvalidError, RoutinesError
from routines.core.model import AdapterType
from routines.core.zones import ZoneError
from routines.http.call import NOBODY, validated
from routines.http.schemas.agents import AgentCreate
from routines.http.schemas.common import RequestModel
from routines.http.schemas.companies import CompanyCreate, ProjectCreate
from routines.http.schemas.routines import RoutineCreate
from routines.services.outlook import ExplainQuery
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute

BAD_REQUEST = 400
SAMPLE_COMMAND = """\
curl -fsS -X PATCH "$PAPERCLIP_API_URL/api/issues/$PAPERCLIP_TASK_ID" \\
  -H "Authorization: Bearer $PAPERCLIP_API_KEY" -H "Content-Type: application/json" \\
  -d '{"status": "done", "comment": "Hello from the first agent."}'"""
"""Does the least that an agent can do: it closes its issue, with a comment."""
DEFAULTS = {
    "companyName": "My company",
    "projectName": "First project",
    "agentName": "Ada",
    "adapterType": AdapterType.PROCESS.value,
    "command": SAMPLE_COMMAND,
    "title": "Say hello",
    "description": "",
    "schedule": "0 9 * * *",
    "cronExpression": "",
}
SCHEDULES = [
    ("0 9 * * *", "every day at 9:00"),
    ("0 9 * * 1-5", "Monday to Friday at 9:00"),
    ("0 9 * * 1", "Mondays at 9:00"),
    ("0 * * * *", "every hour"),
    ("*/15 * * * *", "every 15 minutes"),
    ("", "only when somebody runs it"),
]
STARTED = "Press Run now: the service starts {agent}, and the run is completed once its issue is closed."
NEXT = {
    AdapterType.NONE: "Make a key on the page of {agent} for the agent to ask for its work with, then press Run now: "
    "the issue waits in its inbox.",
    AdapterType.CLAUDE_LOCAL: STARTED,
    AdapterType.CODEX_LOCAL: STARTED,
    AdapterType.PROCESS: STARTED,
}
"""What to do once all is made, for the kinds of agents that are offered here."""
MADE = ("companyId", "projectId", "agentId")

router = APIRouter(route_class=PageRoute)


@router.get("/welcome")
def welcome(page: BoardPage) -> Response:
    """What a routine is, and the form that makes the first one."""
    return _welcome_page(page, Form.of({**DEFAULTS, "timezone": page.zone.key}), {})


@router.post("/welcome")
def begin(page: BoardPage) -> Response:
    """Make all of it, in the order in which one needs the other; then show the routine."""
    form = page.form
    form.faults = _faults(page)
    if form.faults:
        form.status, form.problem = BAD_REQUEST, "Please look at what is marked below."
        return _welcome_page(page, form, form.filled(*MADE))
    made = form.filled(*MADE)
    try:
        routine_id = _make(page, made)
    except RoutinesError as refusal:
        form.refused(refusal)
        return _welcome_page(page, form, made)
    then = NEXT[AdapterType(form.text("adapterType"))].format(agent=form.text("agentName"))
    return page.go(f"/routines/{routine_id}", f"{form.text('title')} was made. {then}")


def _make(page: Page, made: dict[str, str]) -> str:
    """Make what `made` does not have the id of yet, note each there, and return the routine's id."""
    actor, use, form = page.actor, page.use, page.form
    if "companyId" not in made:
        made["companyId"] = use.companies.create(actor, validated(CompanyCreate, _company(form)).command).id
    company_id = made["companyId"]
    if "projectId" not in made:
        made["projectId"] = use.projects.create(actor, company_id, validated(ProjectCreate, _project(form)).command).id
    if "agentId" not in made:
        made["agentId"] = use.agents.create(actor, company_id, validated(AgentCreate, _agent(form)).command).id
    routine = validated(RoutineCreate, _routine(form, made["projectId"], made["agentId"]))
    return use.routines.create(actor, company_id, routine.command).routine.id


def _company(form: Form) -> dict[str, Any]:
    return {"name": form.text("companyName")}


def _project(form: Form) -> dict[str, Any]:
    return {"name": form.text("projectName")}


def _agent(form: Form) -> dict[str, Any]:
    kind = form.text("adapterType")
    config = {"command": form.text("command")} if kind == AdapterType.PROCESS else {}
    return {"name": form.text("agentName"), "adapterType": kind, "adapterConfig": config}


def _routine(form: Form, project_id: str, agent_id: str) -> dict[str, Any]:
    expression = _expression(form)
    schedule = {"kind": "schedule", "cronExpression": expression, "timezone": form.text("timezone")}
    return {
        "title": form.text("title"),
        **form.filled("description"),
        "projectId": project_id,
        "assigneeAgentId": agent_id,
        "triggers": [schedule] if expression else [],
    }


def _expression(form: Form) -> str:
    """The expression that was written, or else the one that was chosen."""
    return form.text("cronExpression") or form.text("schedule")


def _faults(page: Page) -> dict[str, str]:
    """What is wrong with the form, by its fields."""
    form = page.form
    found = {
        **_faults_of(CompanyCreate, _company(form), {"name": "companyName"}),
        **_faults_of(ProjectCreate, _project(form), {"name": "projectName"}),
        **_faults_of(AgentCreate, _agent(form), {"name": "agentName"}),
        **_faults_of(RoutineCreate, _routine(form, NOBODY, NOBODY), {}),
    }
    if not found:
        kind = AdapterType(form.text("adapterType"))
        if kind not in NEXT:
            return {"adapterType": "Choose one of these; the agent can be given another kind later"}
        found = _by_field(faults(kind, _agent(form)["adapterConfig"]), {})
        if kind is AdapterType.PROCESS and not form.text("command"):
            found["command"] = "Write the command that does the work, or choose another kind of agent"
    if not found and (expression := _expression(form)):
        try:
            page.use.outlook.explain(lambda: ExplainQuery(expression, form.text("timezone"), 1, None))
        except ImpossibleError as error:
            found["timezone" if isinstance(error, ZoneError) else "cronExpression"] = error.sentence
    return found


def _faults_of(model: type[RequestModel], content: dict[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    try:
        validated(model, content)
    except InvalidError as error:
        return _by_field(error.faults, names)
    return {}


def _by_field(found: tuple[Fault, ...] | list[Fault], names: Mapping[str, str]) -> dict[str, str]:
    """Faults by the form's names of their fields, which are the last steps of the ways to them."""
    fields = {fault: str(fault.path[-1]) for fault in found}
    return {names.get(field, field): fault.message for fault, field in fields.items()}


def _welcome_page(page: Page, form: Form, made: Mapping[str, str]) -> Response:
    return page.show("welcome.html", form=form, schedules=SCHEDULES, made=made)
