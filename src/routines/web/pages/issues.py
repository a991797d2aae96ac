"""Issues: the list, one with its comments and runs, and what can be done with it.

What an issue's moves mean is decided in the services.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from pydantic import StrictStr

from routines.core.errors import RoutinesError
from routines.core.limits import TITLE_CHARACTERS_MAX
from routines.core.model import CLOSED_ISSUE_STATUSES, AgentStatus, IssueStatus, Priority
from routines.http.call import NOBODY, PathId, canonical_id, validated
from routines.http.schemas.common import characters
from routines.http.schemas.issues import CommentCreate, IssueCreate, IssueFilters, IssuePatch
from routines.services.issue_board import CHILDREN_MAX, StoryQuery
from routines.storage.queries.heartbeat_runs import HeartbeatQuery
from routines.storage.queries.issues import IssueQuery
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.rendering import options
from routines.web.views import issues as views

ISSUES_SHOWN = 50  # what a person scrolls; a row is some 700 bytes
RUNS_SHOWN = 10
COMMENTS_SHOWN = 30
HEARTBEATS_SHOWN = 20
CHARACTERS_SHOWN = 2_000  # of one payload or comment: escaped, a page of all of them stays under 300 kB

router = APIRouter(route_class=PageRoute)


class Asked(IssueFilters):
    """Which issues the address asks for: the API's filters, and words of the title."""

    q: Annotated[StrictStr, characters(TITLE_CHARACTERS_MAX)] | None = None

    def command(self) -> IssueQuery:
        """The query to be made."""
        return replace(super().command(), words=self.q)


@router.get("/companies/{company_id}/issues")
def list_issues(page: BoardPage, company_id: PathId) -> Response:
    """A company's issues, open ones unless others are asked for, and a form for another one."""
    return _list_page(page, company_id, Form.of({"priority": Priority.MEDIUM}))


@router.post("/companies/{company_id}/issues")
def create_issue(page: BoardPage, company_id: PathId) -> Response:
    """Make an issue by hand."""
    try:
        body = page.form.filled("title", "description", "assigneeAgentId", "projectId", "priority")
        made = page.use.issues.create(page.actor, company_id, lambda: validated(IssueCreate, body).command())
    except RoutinesError as refusal:
        return _list_page(page, company_id, page.form.refused(refusal))
    return page.go(f"/issues/{made.id}", f"Issue {made.identifier} was made.")


@router.get("/issues/{issue_id}")
def show_issue(page: BoardPage, issue_id: PathId) -> Response:
    """An issue with its runs, comments and heartbeats."""
    return _issue_page(page, issue_id)


@router.get("/issues/{issue_id}/comments/{comment_id}")
def show_comment(page: BoardPage, issue_id: PathId, comment_id: PathId) -> Response:
    """One comment, whole."""
    found = page.use.issue_board.comment(page.actor, issue_id, comment_id)
    comment = found.comment
    return page.show(
        "issue_comment.html",
        company_id=found.issue.company_id,
        section="issues",
        about=found.issue.id,
        issue=found.issue,
        comment=views.said([comment], found.names, len(comment.body), page.when)[0],
    )


@router.post("/issues/{issue_id}/comments")
def add_comment(page: BoardPage, issue_id: PathId) -> Response:
    """Comment on an issue."""
    try:
        body = {"body": page.form.text("body")}
        page.use.issues.comment(page.actor, issue_id, lambda: validated(CommentCreate, body).command())
    except RoutinesError as refusal:
        page.form.refused(refusal)
        return _issue_page(page, issue_id)
    return page.go(f"/issues/{issue_id}#comments", "The comment was added.")


@router.post("/issues/{issue_id}/move")
def move_issue(page: BoardPage, issue_id: PathId) -> Response:
    """Put an issue into another status, with a comment if there is one."""
    try:
        body = page.form.filled("status", "comment")
        moved = page.use.issues.update(page.actor, issue_id, lambda: validated(IssuePatch, body).command()).issue
    except RoutinesError as refusal:
        page.form.refused(refusal)
        return _issue_page(page, issue_id)
    return page.go(f"/issues/{issue_id}", f"Issue {moved.identifier} is {moved.status.replace('_', ' ')} now.")


@router.post("/issues/{issue_id}/assign")
def assign_issue(page: BoardPage, issue_id: PathId) -> Response:
    """Give an issue to another agent, or to none."""
    body = page.form.body("assigneeAgentId")
    return _change(page, issue_id, body, "The issue was given to nobody." if None in body.values() else "Assigned.")


@router.post("/issues/{issue_id}/priority")
def prioritise_issue(page: BoardPage, issue_id: PathId) -> Response:
    """Make an issue more or less urgent."""
    return _change(page, issue_id, page.form.filled("priority"), "The priority was changed.")


@router.post("/issues/{issue_id}/release")
def release_issue(page: BoardPage, issue_id: PathId) -> Response:
    """Take an issue out of the hands of whoever has it."""
    return page.act(
        lambda: page.use.issues.release(page.actor, issue_id, lambda: None),
        f"/issues/{issue_id}",
        "The issue was released: it is to do again.",
    )


def _change(page: Page, issue_id: str, body: dict[str, str], notice: str) -> Response:
    return page.act(
        lambda: page.use.issues.update(page.actor, issue_id, lambda: validated(IssuePatch, body).command()),
        f"/issues/{issue_id}",
        notice,
    )


def _list_page(page: Page, company_id: str, form: Form) -> Response:
    names = ("assigneeAgentId", "projectId", "originId", "q", "before")
    asked = {name: text for name in names if (text := page.query(name))}
    statuses = page.request.query_params.getlist("status") or list(views.OPEN_STATUSES)
    wanted = validated(Asked, {**asked, "status": ",".join(statuses), "limit": ISSUES_SHOWN + 1})
    listed = page.use.issue_board.search(page.actor, company_id, wanted.command)
    rows = views.issue_rows(listed, page.when)
    shown = rows[:ISSUES_SHOWN]
    kept = [(name, text) for name, text in asked.items() if name != "before"]
    kept += [("status", text) for text in page.request.query_params.getlist("status")]
    here = f"/companies/{company_id}/issues"
    last = shown[-1] if len(rows) > ISSUES_SHOWN else listed.looked_back_to
    return page.show(
        "issues.html",
        company_id=company_id,
        section="issues",
        rows=shown,
        form=form,
        filters=wanted,
        statuses=[(*each, each[0] in statuses) for each in options(IssueStatus)],
        priorities=options(Priority),
        agents=_agents(page, company_id),
        projects=[(each.id, each.name) for each in page.use.projects.of_company(page.actor, company_id)],
        routine=views.routine_link(wanted.origin_id, listed.names),
        newest_url=f"{here}?{urlencode(kept)}" if wanted.before else "",
        older_url="" if last is None else f"{here}?{urlencode([*kept, ('before', last.id)])}",
        looked_back_to=None if listed.looked_back_to is None else page.when(listed.looked_back_to.created_at),
    )


def _issue_page(page: Page, issue_id: str) -> Response:
    wanted = StoryQuery(
        runs=RUNS_SHOWN + 1,
        comments=COMMENTS_SHOWN + 1,
        characters=CHARACTERS_SHOWN + 1,
        runs_before=_id(page.query("runsBefore")),
        comments_before=_id(page.query("commentsBefore")),
    )
    story = page.use.issue_board.story(page.actor, issue_id, lambda: wanted)
    issue = story.issue
    heartbeats = HeartbeatQuery(limit=HEARTBEATS_SHOWN, issue_id=issue.id)
    worked = page.use.heartbeats.search(page.actor, issue.company_id, lambda: heartbeats)
    fires = views.fires(story, CHARACTERS_SHOWN, page.when)
    comments = views.said(story.comments, story.names, CHARACTERS_SHOWN, page.when)
    return page.show(
        "issue.html",
        company_id=issue.company_id,
        section="issues",
        about=issue.id,
        issue=issue,
        story=story,
        agent=views.agent_link(issue.assignee_agent_id, story.names),
        project=views.project_link(issue.project_id, story.names),
        routine=views.routine_link(issue.origin_id, story.names),
        children=story.children[:CHILDREN_MAX],
        run_count=views.counted(story.run_count),
        fires=fires[:RUNS_SHOWN],
        older_runs=fires[RUNS_SHOWN - 1].id if len(fires) > RUNS_SHOWN else "",
        comments=comments[-COMMENTS_SHOWN:],
        older_comments=comments[1].id if len(comments) > COMMENTS_SHOWN else "",
        is_first=wanted.runs_before is None and wanted.comments_before is None,
        beats=views.beats(worked, page.now, page.when),
        is_open=issue.status not in CLOSED_ISSUE_STATUSES,
        effects=views.effects(issue),
        form=page.form,
        statuses=options(status for status in IssueStatus if status is not issue.status),
        priorities=options(Priority),
        agents=_agents(page, issue.company_id),
    )


def _agents(page: Page, company_id: str) -> list[tuple[str, str]]:
    """The agents to whom work can be given."""
    found = page.use.agents.of_company(page.actor, company_id)
    return [(each.id, each.name) for each in found if each.status is not AgentStatus.TERMINATED]


def _id(text: str) -> str | None:
    return None if (identity := canonical_id(text)) == NOBODY else identity
