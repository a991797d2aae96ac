"""The audit as people read it: who did what to which thing, when, and what of it matters.

What there is to tell is recorded by the use cases; here it only gets its words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from routines.core.activity import ActivityAction
from routines.core.model import LOCAL_BOARD, SCHEDULER, SERVICE, WEBHOOK_SENDER, ActorType, RunStatus
from routines.services.activity import ToldActivity, ToldEntry
from routines.storage.queries.names import Kind, Named
from routines.web.times import When

KINDS = {
    Kind.ROUTINE: "Routines",
    Kind.TRIGGER: "Triggers",
    Kind.RUN: "Fires",
    Kind.ISSUE: "Issues",
    Kind.AGENT: "Agents",
    Kind.HEARTBEAT: "Heartbeats",
    Kind.PROJECT: "Projects",
    Kind.GOAL: "Goals",
    Kind.SUBSCRIPTION: "Notifications",
    Kind.COMPANY: "The company",
}
"""The kinds of things that entries are about, as a choice."""

NOUNS: Mapping[str, str] = {
    Kind.COMPANY: "the company",
    Kind.AGENT: "an agent",
    Kind.PROJECT: "a project",
    Kind.GOAL: "a goal",
    Kind.ROUTINE: "a routine",
    Kind.TRIGGER: "a trigger",
    Kind.RUN: "a routine",
    Kind.ISSUE: "an issue",
    Kind.HEARTBEAT: "an agent",
    Kind.SUBSCRIPTION: "a subscription",
}
"""What stands for a thing of which not even the name is left."""

PLACES = {
    Kind.COMPANY: "/companies/{id}/settings",
    Kind.AGENT: "/agents/{id}",
    Kind.PROJECT: "/projects/{id}",
    Kind.GOAL: "",
    Kind.ROUTINE: "/routines/{id}",
    Kind.TRIGGER: "/triggers/{id}/edit",
    Kind.RUN: "/routines/{of_id}/runs/{id}",
    Kind.ISSUE: "/issues/{id}",
    Kind.HEARTBEAT: "/heartbeat-runs/{id}",
    Kind.SUBSCRIPTION: "/notification-subscriptions/{id}",
}
"""Where each kind of thing is shown."""

VERBS: Mapping[str, str] = {
    ActivityAction.COMPANY_CREATED: "made the company",
    ActivityAction.COMPANY_UPDATED: "changed the company",
    ActivityAction.AGENT_CREATED: "hired",
    ActivityAction.AGENT_UPDATED: "changed the agent",
    ActivityAction.AGENT_PAUSED: "paused the agent",
    ActivityAction.AGENT_RESUMED: "resumed the agent",
    ActivityAction.AGENT_TERMINATED: "terminated the agent",
    ActivityAction.AGENT_KEY_CREATED: "made a key for",
    ActivityAction.AGENT_KEY_REVOKED: "revoked a key of",
    ActivityAction.AGENT_HEARTBEAT_INVOKED: "woke",
    ActivityAction.PROJECT_CREATED: "made the project",
    ActivityAction.PROJECT_UPDATED: "changed the project",
    ActivityAction.GOAL_CREATED: "set the goal",
    ActivityAction.GOAL_UPDATED: "changed the goal",
    ActivityAction.ROUTINE_CREATED: "made the routine",
    ActivityAction.ROUTINE_UPDATED: "changed the routine",
    ActivityAction.ROUTINE_DELETED: "deleted the routine",
    ActivityAction.TRIGGER_CREATED: "added the trigger",
    ActivityAction.TRIGGER_UPDATED: "changed the trigger",
    ActivityAction.TRIGGER_DELETED: "deleted the trigger",
    ActivityAction.TRIGGER_TRIED: "sent a test delivery to the trigger",
    ActivityAction.TRIGGER_SECRET_ROTATED: "rotated the secret of the trigger",
    ActivityAction.RUN_TRIGGERED: "fired",
    ActivityAction.RUN_SKIPPED: "fired",
    ActivityAction.ISSUE_CREATED: "made the issue",
    ActivityAction.ISSUE_UPDATED: "changed",
    ActivityAction.ISSUE_CHECKED_OUT: "checked out",
    ActivityAction.ISSUE_RELEASED: "released",
    ActivityAction.ISSUE_COMMENT_ADDED: "commented on",
    ActivityAction.HEARTBEAT_STARTED: "started a heartbeat of",
    ActivityAction.HEARTBEAT_FINISHED: "ended a heartbeat of",
    ActivityAction.HEARTBEAT_CANCELLED: "cancelled a heartbeat of",
    ActivityAction.NOTIFICATIONS_CREATED: "subscribed to notifications",
    ActivityAction.NOTIFICATIONS_UPDATED: "changed the notifications",
    ActivityAction.NOTIFICATIONS_DELETED: "ended the notifications",
    ActivityAction.NOTIFICATIONS_SECRET_ROTATED: "rotated the secret of the notifications",
    ActivityAction.NOTIFICATIONS_TRIED: "sent a test of the notifications",
    ActivityAction.NOTIFICATIONS_RESENT: "sent one again of the notifications",
}
"""What each action is, before the thing that it was done to."""

ACTORS = {
    SCHEDULER.id: "The scheduler",
    WEBHOOK_SENDER.id: "A webhook",
    SERVICE.id: "The service",
}

_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Link:
    """A thing by its name, and where it is shown; `url` is empty for what is shown nowhere, or is no more."""

    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """An entry as a sentence: `who` `did` `what`, of the routine `of`, `outcome` with `led_to`, and the `details`.

    `heartbeat` is the address of the heartbeat in which it was done, or empty.
    """

    id: str
    when: When
    who: Link
    did: str
    what: Link
    of: Link | None
    outcome: str
    led_to: Link | None
    details: str
    heartbeat: str


def activity_rows(told: ToldActivity, when: Callable[[datetime], When]) -> list[ActivityRow]:
    """The entries of a page as its lines; `when` shows an instant to the viewer."""
    return [_row(each, told.names, when) for each in told.entries]


def link_to(identity: str, told: ToldActivity) -> Link:
    """A thing that a page of the audit is about."""
    named = told.names.get(identity)
    return Link("one thing") if named is None else _thing(told.names, identity, named.kind)


def _row(each: ToldEntry, names: Mapping[str, Named], when: Callable[[datetime], When]) -> ActivityRow:
    entry, details = each.entry, each.details
    of = _thing(names, _text(details.get("routineId")), Kind.ROUTINE) if entry.entity_type == Kind.TRIGGER else None
    outcome, led_to = _outcome(entry.entity_type, details, names)
    return ActivityRow(
        id=entry.id,
        when=when(entry.created_at),
        who=_who(entry.actor_type, entry.actor_id, names),
        did=_did(entry.action, details),
        what=_what(each, names),
        of=of,
        outcome=outcome,
        led_to=led_to,
        details=_details(entry.action, details),
        heartbeat="" if entry.heartbeat_run_id is None else f"/heartbeat-runs/{entry.heartbeat_run_id}",
    )


def actor_name(actor_type: ActorType, actor_id: str, names: Mapping[str, Named]) -> str:
    """Who did something, in words: an agent's or an operator's name, or which part of the service it was."""
    if actor_type is ActorType.SYSTEM:
        return ACTORS.get(actor_id, actor_id)
    if actor_type is ActorType.USER:
        return "The board" if actor_id == LOCAL_BOARD.id else actor_id
    agent = names.get(actor_id)
    return "An agent" if agent is None else agent.name or "An agent"


def actor_in_words(actor_type: ActorType, actor_id: str) -> str:
    """Who did something, within a sentence, if that was no agent."""
    name = actor_name(actor_type, actor_id, {})
    return f"{name[0].lower()}{name[1:]}" if name.startswith(("The ", "A ")) else name


def _who(actor_type: ActorType, actor_id: str, names: Mapping[str, Named]) -> Link:
    name = actor_name(actor_type, actor_id, names)
    return Link(name, f"/agents/{actor_id}" if actor_type is ActorType.AGENT and actor_id in names else "")


def _did(action: str, details: Mapping[str, object]) -> str:
    """The verb; a move of an issue is told as what it is."""
    if action == ActivityAction.ISSUE_UPDATED and _changed(details) == ["status"]:
        return "moved"
    return VERBS.get(action, action.replace(".", " ").replace("_", " "))


def _what(each: ToldEntry, names: Mapping[str, Named]) -> Link:
    """What it was done to: a fire is named by its routine, and a heartbeat by its agent."""
    entry, details = each.entry, each.details
    if entry.entity_type == Kind.RUN:
        routine = _thing(names, _text(details.get("routineId")), Kind.ROUTINE)
        return Link(routine.name, f"{routine.url}/runs/{entry.entity_id}" if routine.url else "")
    if entry.entity_type == Kind.HEARTBEAT:
        agent = _thing(names, _text(details.get("agentId")), Kind.AGENT)
        return Link(agent.name, f"/heartbeat-runs/{entry.entity_id}")
    kept = next((_text(details[name]) for name in ("identifier", "title", "name") if details.get(name)), "")
    return _thing(names, entry.entity_id, entry.entity_type, kept)


def _thing(names: Mapping[str, Named], identity: str, kind: str, kept: str = "") -> Link:
    """A thing by its name, or by what an entry kept of it."""
    named = names.get(identity)
    if named is None:
        return Link(kept or NOUNS.get(kind, kind.replace("_", " ")))
    address = "" if named.deleted else PLACES[named.kind].format(id=named.id, of_id=named.of_id)
    return Link(named.name or NOUNS[named.kind], address)


def _outcome(kind: str, details: Mapping[str, object], names: Mapping[str, Named]) -> tuple[str, Link | None]:
    """What became of a fire, up to the issue that it made or joined; and for which issue a heartbeat was."""
    status, issue_id = details.get("status"), _text(details.get("linkedIssueId") or details.get("issueId"))
    issue = _thing(names, issue_id, Kind.ISSUE) if issue_id else None
    if kind != Kind.RUN:
        return (" for" if issue else ""), issue
    if status == RunStatus.SKIPPED:
        return (", skipped because of" if issue else ", skipped"), issue
    if status == RunStatus.COALESCED:
        return ", which joined", issue
    return (", which made" if issue else ", which failed"), issue


def _details(action: str, details: Mapping[str, object]) -> str:
    """What matters of an entry besides, with the mark before it: the fields that changed, the new status, and why."""
    changed, status = _changed(details), _text(details.get("status")).replace("_", " ")
    if action in {ActivityAction.ISSUE_CHECKED_OUT, ActivityAction.ISSUE_RELEASED}:
        return ""
    if action == ActivityAction.ISSUE_UPDATED and changed == ["status"]:
        return f" to {status}"
    parts = [_words(name) for name in changed if name not in {"status", "pauseReason"}]
    if "status" in changed:
        parts.append(f"status is now {status}")
    if action == ActivityAction.HEARTBEAT_FINISHED:
        parts.append(status)
    if action == ActivityAction.ISSUE_CREATED or "keyId" in details:
        parts.append(_text(details.get("title") or details.get("name")))
    if details.get("pauseReason"):
        parts.append(_text(details["pauseReason"]))
    return f": {', '.join(parts)}" if parts else ""


def _changed(details: Mapping[str, object]) -> list[str]:
    """The fields that an entry names, but for those that only follow from the status."""
    changed = details.get("changed")
    following = {"startedAt", "completedAt"}
    return [_text(name) for name in changed if name not in following] if isinstance(changed, list) else []


def _words(name: str) -> str:
    """A field's name as words: `cronExpression` is `cron expression`, `assigneeAgentId` is `assignee agent`."""
    return _INNER_CAPITAL.sub(" ", name.removesuffix("Id")).lower()


def _text(value: object) -> str:
    return "" if value is None else str(value)
