"""Hiring an agent and changing one: the form, and what it says as the API's own bodies.

How a configuration becomes fields and back is in `adapter_form`.
"""

from __future__ import annotations

import json

from fastapi import APIRouter, Response

from routines.core.errors import RoutinesError
from routines.core.model import AdapterType, Agent, AgentStatus
from routines.http.call import PathId, validated
from routines.http.schemas.agents import DEFAULT_ROLE, AgentCreate, AgentUpdate
from routines.web import adapter_form
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.views.agents import KINDS

SUPERIORS_MAX = 500  # agents to choose from; more are no list to choose from

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/agents/new")
def new_agent(page: BoardPage, company_id: PathId) -> Response:
    """The form for an agent to be hired."""
    shown = adapter_form.values_of(AdapterType.NONE, {}, {})
    form = Form.of({"role": DEFAULT_ROLE, "adapterType": AdapterType.PROCESS, **shown})
    return _form_page(page, company_id, form, None)


@router.post("/companies/{company_id}/agents/new")
def hire_agent(page: BoardPage, company_id: PathId) -> Response:
    """Hire an agent."""
    form = page.form
    kind = _kind(form)
    try:
        body = {
            "name": form.text("name"),
            **form.filled("role", "title", "capabilities", "reportsTo", "adapterType"),
            "adapterConfig": adapter_form.adapter_config(form, kind, kind, {}),
            "runtimeConfig": adapter_form.runtime_config(form, {}),
            "budgetMonthlyCents": adapter_form.cents(form.text("budget")),
        }
        hired = page.use.agents.create(page.actor, company_id, lambda: validated(AgentCreate, body).command())
    except RoutinesError as refusal:
        adapter_form.place_faults(form.refused(refusal), kind)
        return _form_page(page, company_id, form, None)
    return page.go(f"/agents/{hired.id}", f"Agent {hired.name} is hired.")


@router.get("/agents/{agent_id}/edit")
def edit_agent(page: BoardPage, agent_id: PathId) -> Response:
    """The form for changing an agent."""
    agent = page.use.agents.get(page.actor, agent_id).agent
    config, runtime = json.loads(agent.adapter_config), json.loads(agent.runtime_config)
    form = Form.of(
        {
            "name": agent.name,
            "role": agent.role,
            "title": agent.title,
            "capabilities": agent.capabilities,
            "reportsTo": agent.reports_to,
            "budget": adapter_form.dollars(agent.budget_monthly_cents),
            "adapterType": agent.adapter_type,
            **adapter_form.values_of(agent.adapter_type, config, runtime),
        }
    )
    return _form_page(page, agent.company_id, form, agent)


@router.post("/agents/{agent_id}/edit")
def change_agent(page: BoardPage, agent_id: PathId) -> Response:
    """Change an agent; what the form does not say anew stays as it is."""
    agent = page.use.agents.get(page.actor, agent_id).agent
    form = page.form
    kind = _kind(form)
    try:
        stored, runtime = json.loads(agent.adapter_config), json.loads(agent.runtime_config)
        body = {
            "name": form.text("name"),
            "role": form.text("role"),
            **form.body("title", "capabilities", "reportsTo", "adapterType"),
            "adapterConfig": adapter_form.adapter_config(form, kind, agent.adapter_type, stored),
            "runtimeConfig": adapter_form.runtime_config(form, runtime),
            "budgetMonthlyCents": adapter_form.cents(form.text("budget")),
        }
        page.use.agents.update(page.actor, agent_id, lambda: validated(AgentUpdate, body).command())
    except RoutinesError as refusal:
        adapter_form.place_faults(form.refused(refusal), kind)
        return _form_page(page, agent.company_id, form, agent)
    return page.go(f"/agents/{agent_id}", "The agent was changed.")


def _kind(form: Form) -> AdapterType:
    """The kind that is chosen; a word that is none is refused by the rules of the body."""
    text = form.text("adapterType")
    return AdapterType(text) if text in set(AdapterType) else AdapterType.NONE


def _form_page(page: Page, company_id: str, form: Form, agent: Agent | None) -> Response:
    others = page.use.workloads.of_company(page.actor, company_id, SUPERIORS_MAX).workloads
    superiors = [
        (each.agent.id, each.agent.name)
        for each in others
        if each.agent.status is not AgentStatus.TERMINATED and (agent is None or each.agent.id != agent.id)
    ]
    return page.show(
        "hiring.html",
        company_id=company_id,
        section="agents",
        about="" if agent is None else agent.id,
        form=form,
        agent=agent,
        kinds=KINDS,
        superiors=superiors,
    )
