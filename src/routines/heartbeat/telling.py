"""What the agent of a heartbeat is told: the facts of its environment, its prompt, and the body of a call.

Everything comes from the work that was claimed; nothing is looked up here.
"""

from __future__ import annotations

import secrets

from routines.core import strict_json
from routines.core.instants import iso
from routines.core.model import AdapterType
from routines.heartbeat.environment import RunFacts
from routines.heartbeat.outside_input import Comment, Payload
from routines.heartbeat.prompt import PromptAgent, PromptFacts, PromptIssue, PromptRoutine, PromptRun, prompt
from routines.services.heartbeat_work import Work

NONCE_BYTES = 12
NO_PAYLOAD = "{}"


def run_facts(work: Work, api_url: str, token: str) -> RunFacts:
    """What a child process finds in its environment."""
    return RunFacts(
        agent_id=work.agent.id,
        company_id=work.run.company_id,
        run_id=work.run.id,
        api_url=api_url,
        api_key=token,
        wake_reason=work.run.reason.value,
        issue_id=work.run.issue_id,
    )


def prompt_of(work: Work, template: str | None, api_url: str) -> str:
    """The prompt by the agent's template, or by ours; raises `PromptError` for a template that cannot be rendered."""
    return prompt(template, _prompt_facts(work, api_url), secrets.token_hex(NONCE_BYTES))


def call_body(work: Work, api_url: str, token: str, text: str) -> bytes:
    """What an agent that is started by HTTP is sent: the same facts and prompt, as JSON."""
    facts = run_facts(work, api_url, token)
    issue = work.issue
    content = {
        "runId": facts.run_id,
        "agentId": facts.agent_id,
        "companyId": facts.company_id,
        "taskId": facts.issue_id,
        "wakeReason": facts.wake_reason,
        "invocationSource": work.run.reason.source.value,
        "attempt": work.run.attempt,
        "apiUrl": facts.api_url,
        "apiKey": facts.api_key,
        "issue": None
        if issue is None
        else {"id": issue.id, "identifier": issue.identifier, "title": issue.title, "status": issue.status.value},
        "prompt": text,
    }
    return strict_json.dumps(content).encode()


def _prompt_facts(work: Work, api_url: str) -> PromptFacts:
    run, agent, issue, routine, fires, comments, names = work
    return PromptFacts(
        agent=PromptAgent(agent.id, agent.name, agent.role, agent.title, agent.capabilities),
        company_id=run.company_id,
        run=PromptRun(run.id, run.reason.source.value, run.reason.value, agent.adapter_type is AdapterType.HTTP),
        api_url=api_url,
        issue=None
        if issue is None
        else PromptIssue(
            issue.id, issue.identifier, issue.title, issue.description, issue.status.value, issue.priority.value
        ),
        routine=None if routine is None else PromptRoutine(routine.id, routine.title),
        payloads=[
            Payload(fire.source.value, iso(fire.triggered_at), fire.trigger_payload)
            for fire in fires
            if fire.trigger_payload not in {None, NO_PAYLOAD} and fire.trigger_payload is not None
        ],
        comments=[
            Comment(
                names.get(comment.author_agent_id or "") or comment.author_user_id or "the service",
                iso(comment.created_at),
                comment.body,
            )
            for comment in reversed(comments)
        ],
    )
