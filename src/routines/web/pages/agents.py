"""Agents: the list, one with its keys and heartbeats, waking, pausing and dismissing it.

Hiring and changing are `hiring`'s; how an agent is started is `heartbeat`'s.
"""

from __future__ import annotations

import json

from fastapi import APIRouter, Response

from routines.core.errors import RoutinesError
from routines.core.model import AdapterType, Agent, AgentKey, AgentStatus, HeartbeatStatus
from routines.http.auth import Authentication
from routines.http.call import PathId, canonical_id, validated
from routines.http.schemas.agents import KeyCreate
from routines.http.schemas.heartbeats import HeartbeatFilters
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.views.agents import agent_row, kind_name, month_name, spent
from routines.web.views.heartbeats import heartbeat_row

AGENTS_PAGE = 100  # lines of the list
HEARTBEATS_PAGE = 20  # of one agent, below everything else that is to be said of it
WAITING_MAX = 5  # queued heartbeats of which it is said what they wait for

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/agents")
def list_agents(page: BoardPage, company_id: PathId) -> Response:
    """A company's agents, each with what it has on its hands."""
    after = canonical_id(page.query("after")) if page.query("after") else None
    found = page.use.workloads.of_company(page.actor, company_id, AGENTS_PAGE, after)
    return page.show(
        "agents.html",
        company_id=company_id,
        section="agents",
        agents=[agent_row(each) for each in found.workloads],
        month=month_name(found.month),
        after=found.after,
        is_first=after is None,
    )


@router.get("/agents/{agent_id}")
def show_agent(page: BoardPage, agent_id: PathId) -> Response:
    """Everything of an agent."""
    return _agent_page(page, agent_id, page.form)


@router.post("/agents/{agent_id}/wake")
def wake_agent(page: BoardPage, agent_id: PathId) -> Response:
    """Wake an agent now."""

    def wake() -> None:
        page.use.heartbeats.invoke(page.actor, agent_id, _no_more)

    return page.act(wake, f"/agents/{agent_id}", "The agent is woken. Its heartbeat is below.")


@router.post("/agents/{agent_id}/pause")
def pause_agent(page: BoardPage, agent_id: PathId) -> Response:
    """Pause an agent."""
    notice = "The agent is paused. Fires go on making issues, which wait for it."
    return page.act(lambda: page.use.agents.pause(page.actor, agent_id, _no_more), f"/agents/{agent_id}", notice)


@router.post("/agents/{agent_id}/resume")
def resume_agent(page: BoardPage, agent_id: PathId) -> Response:
    """Let an agent work again."""
    notice = "The agent works again."
    return page.act(lambda: page.use.agents.resume(page.actor, agent_id, _no_more), f"/agents/{agent_id}", notice)


@router.post("/agents/{agent_id}/terminate")
def terminate_agent(page: BoardPage, agent_id: PathId) -> Response:
    """Dismiss an agent for good."""
    notice = "The agent is terminated, its keys are revoked, and its routines are paused."
    return page.act(lambda: page.use.agents.terminate(page.actor, agent_id, _no_more), f"/agents/{agent_id}", notice)


@router.post("/agents/{agent_id}/keys")
def create_key(page: BoardPage, agent_id: PathId) -> Response:
    """Make a key, and show its token this once."""
    try:
        body = page.form.filled("name")
        new = page.use.agents.create_key(page.actor, agent_id, lambda: validated(KeyCreate, body).command())
    except RoutinesError as refusal:
        return _agent_page(page, agent_id, page.form.refused(refusal))
    agent = page.use.agents.get(page.actor, agent_id).agent
    authentication: Authentication = page.request.app.state.authentication
    return page.show(
        "agent_key.html",
        company_id=agent.company_id,
        section="agents",
        agent=agent,
        key=new.key,
        token=new.token,
        service=authentication.public_url,
    )


@router.post("/agents/{agent_id}/keys/{key_id}/revoke")
def revoke_key(page: BoardPage, agent_id: PathId, key_id: PathId) -> Response:
    """Make a key worthless."""

    def revoke() -> None:
        page.use.agents.revoke_key(page.actor, agent_id, key_id, _no_more)

    return page.act(revoke, f"/agents/{agent_id}", "The key is revoked.")


@router.post("/agents/{agent_id}/secret")
def show_secret(page: BoardPage, agent_id: PathId) -> Response:
    """The signing secret of an agent that is called; only when somebody asks for it, and on no page that is kept."""
    agent = page.use.agents.get(page.actor, agent_id).agent
    secret = _signing_secret(agent)
    if secret is None:
        return page.go(f"/agents/{agent.id}", problem="This agent has no signing secret.")
    return page.show("agent_secret.html", company_id=agent.company_id, section="agents", agent=agent, secret=secret)


def _signing_secret(agent: Agent) -> str | None:
    if agent.adapter_type is not AdapterType.HTTP:
        return None
    secret = json.loads(agent.adapter_config).get("secret")
    return secret if isinstance(secret, str) and secret else None


def _no_more() -> None:
    """These buttons say nothing more."""


def _agent_page(page: Page, agent_id: str, form: Form) -> Response:
    detail = page.use.agents.get(page.actor, agent_id)
    agent = detail.agent
    of_agent = {"agentId": agent.id, "limit": HEARTBEATS_PAGE + 1}
    before = {"before": page.query("before")} if page.query("before") else {}
    beats = page.use.workloads.search(
        page.actor, agent.company_id, validated(HeartbeatFilters, of_agent | before).command()
    ).heartbeats
    queued = validated(HeartbeatFilters, of_agent | {"limit": WAITING_MAX, "status": HeartbeatStatus.QUEUED.value})
    waiting = page.use.workloads.search(page.actor, agent.company_id, queued.command()).heartbeats
    return page.show(
        "agent.html",
        company_id=agent.company_id,
        section="agents",
        about=agent.id,
        agent=agent,
        chain=detail.chain_of_command,
        kind=kind_name(agent.adapter_type),
        is_started=agent.adapter_type is not AdapterType.NONE,
        is_terminated=agent.status is AgentStatus.TERMINATED,
        at_rest=agent.status is AgentStatus.PAUSED or agent.status_reason is not None,
        has_secret=_signing_secret(agent) is not None,
        month=month_name(detail.month),
        usage=detail.usage,
        spent=spent(agent, detail.usage.cost_micros),
        hand=page.use.workloads.of_agent(page.actor, agent.id),
        timer=None if agent.next_heartbeat_at is None else page.when(agent.next_heartbeat_at),
        made=page.when(agent.created_at),
        waiting=[heartbeat_row(each, page.when) for each in waiting],
        heartbeats=[heartbeat_row(each, page.when) for each in beats[:HEARTBEATS_PAGE]],
        older=beats[HEARTBEATS_PAGE - 1].heartbeat.run.id if len(beats) > HEARTBEATS_PAGE else None,
        is_first=not before,
        keys=[_key(page, each) for each in page.use.agents.keys(page.actor, agent.id)],
        form=form,
    )


def _key(page: Page, key: AgentKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "made": page.when(key.created_at),
        "revoked": None if key.revoked_at is None else page.when(key.revoked_at),
    }
