"""Issues as people read them: lists, and one with its runs, comments and heartbeats; and what a move of it will do.

What follows from a move is decided in `core.lifecycle`; here it only gets its words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from routines.core.lifecycle import run_after_issue_move
from routines.core.limits import RUNS_COUNTED_MAX
from routines.core.model import (
    CLOSED_ISSUE_STATUSES,
    ActorType,
    Comment,
    HeartbeatStatus,
    Issue,
    IssueStatus,
    Priority,
    RunStatus,
)
from routines.services.heartbeats import Heartbeat
from routines.services.issue_board import IssueStory, ListedIssues
from routines.services.routines import RunWithLinks
from routines.storage.queries.names import Named
from routines.web.times import When, length
from routines.web.views.activity import Link, actor_name
from routines.web.views.payloads import pretty
from routines.web.views.runs import Outcome, outcome, reason, trigger_name

OPEN_STATUSES = tuple(status for status in IssueStatus if status not in CLOSED_ISSUE_STATUSES)
SAID_CHARACTERS_MAX = 300  # of a heartbeat's words on an issue's page: two lines


@dataclass(frozen=True, slots=True)
class IssueRow:
    """An issue's line in a list."""

    id: str
    identifier: str
    title: str
    status: IssueStatus
    priority: Priority
    agent: Link | None
    routine: Link | None
    made: When
    runs: str


def issue_rows(listed: ListedIssues, when: Callable[[datetime], When]) -> list[IssueRow]:
    """A page of issues as its lines; `when` shows an instant to the viewer."""
    return [
        IssueRow(
            id=issue.id,
            identifier=issue.identifier,
            title=issue.title,
            status=issue.status,
            priority=issue.priority,
            agent=agent_link(issue.assignee_agent_id, listed.names),
            routine=routine_link(issue.origin_id, listed.names),
            made=when(issue.created_at),
            runs=counted(listed.run_counts.get(issue.id, 0)),
        )
        for issue in listed.issues
    ]


def counted(runs: int) -> str:
    """How many runs point to an issue; nothing if none does."""
    return f"{RUNS_COUNTED_MAX:,} or more" if runs >= RUNS_COUNTED_MAX else str(runs or "")


def agent_link(agent_id: str | None, names: Mapping[str, Named]) -> Link | None:
    """An agent by its name."""
    if agent_id is None:
        return None
    named = names.get(agent_id)
    return Link("An agent that is not known") if named is None else Link(named.name or "", f"/agents/{agent_id}")


def project_link(project_id: str | None, names: Mapping[str, Named]) -> Link | None:
    """A project by its name."""
    named = names.get(project_id or "")
    return None if named is None else Link(named.name or "", f"/projects/{project_id}")


def routine_link(routine_id: str | None, names: Mapping[str, Named]) -> Link | None:
    """A routine by its title, which is all that is left of one that was deleted."""
    if routine_id is None:
        return None
    named = names.get(routine_id)
    if named is None:
        return Link("A routine that is no more")
    return Link(named.name or "", "" if named.deleted else f"/routines/{routine_id}")


@dataclass(frozen=True, slots=True)
class Fire:
    """A run that points to an issue: when and by what it was fired, what became of it and why, and its payload."""

    id: str
    url: str
    when: When
    source: str
    trigger: str
    outcome: Outcome
    reason: str
    payload: str
    is_cut: bool


def fires(story: IssueStory, characters: int, when: Callable[[datetime], When]) -> list[Fire]:
    """The runs of a page; of a payload of more characters its beginning is shown."""
    return [_fire(each, story, characters, when) for each in story.runs]


def _fire(each: RunWithLinks, story: IssueStory, characters: int, when: Callable[[datetime], When]) -> Fire:
    run = each.run
    payload, is_cut = run.trigger_payload or "", False
    if len(payload) > characters:
        payload, is_cut = payload[:characters], True
    elif payload:
        shown = pretty(payload)
        payload = shown.text if shown is not None and len(shown.text) <= 2 * characters else payload
    routine = story.names.get(run.routine_id)
    return Fire(
        id=run.id,
        url="" if routine is None or routine.deleted else f"/routines/{run.routine_id}/runs/{run.id}",
        when=when(run.triggered_at),
        source=run.source.value,
        trigger="" if each.trigger is None else trigger_name(each.trigger),
        outcome=outcome(run),
        reason="" if run.status is RunStatus.COALESCED else reason(each, when),
        payload="" if payload == "{}" else payload,
        is_cut=is_cut,
    )


@dataclass(frozen=True, slots=True)
class Said:
    """A comment: who said it when, and its text, which may be only the beginning."""

    id: str
    who: Link
    when: When
    body: str
    is_cut: bool


def said(
    comments: Sequence[Comment], names: Mapping[str, Named], characters: int, when: Callable[[datetime], When]
) -> list[Said]:
    """Comments as a page shows them."""
    return [
        Said(
            id=each.id,
            who=author(each, names),
            when=when(each.created_at),
            body=each.body[:characters],
            is_cut=len(each.body) > characters,
        )
        for each in comments
    ]


def author(comment: Comment, names: Mapping[str, Named]) -> Link:
    """Who made a comment: an agent, an operator, or the service."""
    if comment.author_agent_id is not None:
        name = actor_name(ActorType.AGENT, comment.author_agent_id, names)
        return Link(name, f"/agents/{comment.author_agent_id}")
    if comment.author_user_id is not None:
        return Link(actor_name(ActorType.USER, comment.author_user_id, names))
    return Link("The service")


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat that was, or is to be, for an issue."""

    url: str
    when: When
    status: HeartbeatStatus
    reason: str
    took: str
    said: str


def beats(heartbeats: Sequence[Heartbeat], now: datetime, when: Callable[[datetime], When]) -> list[Beat]:
    """Heartbeats as an issue's page shows them."""
    return [
        Beat(
            url=f"/heartbeat-runs/{each.run.id}",
            when=when(each.run.created_at),
            status=each.run.status,
            reason=each.run.reason.value,
            took=_took(each, now),
            said=(each.waiting_for or each.run.error or each.run.summary or "")[:SAID_CHARACTERS_MAX],
        )
        for each in heartbeats
    ]


def _took(each: Heartbeat, now: datetime) -> str:
    started = each.run.started_at
    return "" if started is None else length((each.run.finished_at or now) - started)


def effects(issue: Issue) -> list[tuple[str, str]]:
    """What moves of an issue will do besides, as (the moves, what they do); the rule is the lifecycle's."""
    told: dict[str, list[str]] = {}
    for status in IssueStatus:
        if status is not issue.status:
            told.setdefault(_effect(issue, status), []).append(status.replace("_", " "))
    return [(", ".join(moves), words) for words, moves in told.items()]


def _effect(issue: Issue, to: IssueStatus) -> str:
    move = run_after_issue_move(issue.status, to)
    if issue.origin_run_id is None or move is None:
        closes = to in CLOSED_ISSUE_STATUSES
        if issue.origin_run_id is not None:
            return "its run stays as it is"
        return "nobody works on it any more" if closes else "it is open"
    if move.status is RunStatus.COMPLETED:
        return "its run is completed, and the routine's next fire makes an issue of its own"
    if move.status is RunStatus.FAILED:
        return f"its run has failed ({move.failure_reason}), and the routine's next fire makes an issue of its own"
    return "its run is open again, and so is the routine: further fires join this issue, or are skipped"
