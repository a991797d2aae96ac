"""Agents and their keys over HTTP: section 6 of the contract."""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.http.call import Caller, PathId, nothing, reply, reply_list
from routines.http.operation import operation
from routines.http.schemas.agents import (
    AgentCreate,
    AgentDetailReply,
    AgentReply,
    AgentUpdate,
    KeyCreate,
    KeyReply,
    NewKeyReply,
)
from routines.http.schemas.heartbeats import HeartbeatReply
from routines.http.schemas.issues import InboxIssue
from routines.http.services import UseCases

router = APIRouter(tags=["agents"])


@router.get("/companies/{company_id}/agents", **operation(reply=list[AgentReply], errors=(404,)))
def list_agents(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List a company's agents."""
    return reply_list([AgentReply.of(each, call.actor) for each in use.agents.of_company(call.actor, company_id)])


@router.post(
    "/companies/{company_id}/agents",
    **operation(status=201, reply=AgentReply, body=AgentCreate, errors=(404, 422)),
)
def create_agent(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Hire an agent."""
    created = use.agents.create(call.actor, company_id, call.body(AgentCreate, AgentCreate.command))
    return reply(201, AgentReply.of(created, call.actor))


@router.get("/agents/me", **operation(reply=AgentDetailReply))
def get_myself(call: Caller, use: UseCases) -> Response:
    """Get the calling agent."""
    return reply(200, AgentDetailReply.detailed(use.agents.myself(call.actor), call.actor))


@router.get("/agents/me/inbox-lite", **operation(reply=list[InboxIssue]))
def get_inbox(call: Caller, use: UseCases) -> Response:
    """List what the calling agent has to do, the most urgent first."""
    myself = use.agents.myself(call.actor)
    return reply_list([InboxIssue.written(each) for each in use.issues.inbox(myself.agent.id)])


@router.get("/agents/{agent_id}", **operation(reply=AgentDetailReply, errors=(404,)))
def get_agent(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """Get an agent."""
    return reply(200, AgentDetailReply.detailed(use.agents.get(call.actor, agent_id), call.actor))


@router.patch("/agents/{agent_id}", **operation(reply=AgentReply, body=AgentUpdate, errors=(404, 409, 422)))
def update_agent(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """Change an agent."""
    updated = use.agents.update(call.actor, agent_id, call.body(AgentUpdate, AgentUpdate.command))
    return reply(200, AgentReply.of(updated, call.actor))


@router.post(
    "/agents/{agent_id}/heartbeat/invoke", **operation(status=202, reply=HeartbeatReply, errors=(400, 404, 409, 415))
)
def invoke_heartbeat(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """Wake an agent now."""
    return reply(202, HeartbeatReply.of(use.heartbeats.invoke(call.actor, agent_id, call.no_body)))


_MOVE = operation(reply=AgentReply, errors=(400, 404, 409, 415))


@router.post("/agents/{agent_id}/pause", **_MOVE)
def pause_agent(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """Pause an agent: its issues wait in its inbox."""
    return reply(200, AgentReply.of(use.agents.pause(call.actor, agent_id, call.no_body), call.actor))


@router.post("/agents/{agent_id}/resume", **_MOVE)
def resume_agent(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """Let an agent work again."""
    return reply(200, AgentReply.of(use.agents.resume(call.actor, agent_id, call.no_body), call.actor))


@router.post("/agents/{agent_id}/terminate", **_MOVE)
def terminate_agent(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """Dismiss an agent for good; its routines are paused."""
    return reply(200, AgentReply.of(use.agents.terminate(call.actor, agent_id, call.no_body), call.actor))


@router.get("/agents/{agent_id}/keys", **operation(reply=list[KeyReply], errors=(404,)))
def list_keys(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """List an agent's keys, without their tokens."""
    return reply_list([KeyReply.written(each) for each in use.agents.keys(call.actor, agent_id)])


@router.post("/agents/{agent_id}/keys", **operation(status=201, reply=NewKeyReply, body=KeyCreate, errors=(404, 409)))
def create_key(call: Caller, use: UseCases, agent_id: PathId) -> Response:
    """Make a key for an agent; its token is shown this once."""
    return reply(
        201, NewKeyReply.of(use.agents.create_key(call.actor, agent_id, call.body(KeyCreate, KeyCreate.command)))
    )


@router.delete("/agents/{agent_id}/keys/{key_id}", **operation(status=204, errors=(400, 404, 415)))
def revoke_key(call: Caller, use: UseCases, agent_id: PathId, key_id: PathId) -> Response:
    """Make a key worthless."""
    use.agents.revoke_key(call.actor, agent_id, key_id, call.no_body)
    return nothing()
