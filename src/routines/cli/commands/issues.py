"""`routines issue`: the work that runs make, and work that is made by hand.

An agent at work checks issues out by the API; people move them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import (
    Before,
    ByAgent,
    Description,
    Issue,
    Limit,
    OfGoal,
    OfProject,
    optional,
    text_of,
)
from routines.cli.exits import WrongUseError
from routines.cli.nouns import group
from routines.cli.references import AGENT, GOAL, ISSUE, PROJECT, ROUTINE
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.client.call import OMITTED
from routines.core.model import IssueStatus, Priority

app = group("Issues: list, look at, make, move, comment, assign.")

Comment = Annotated[str, typer.Argument(help="What to say, or - to read it from standard input.")]


@app.command("list")
@remote
def list_issues(
    session: Session,
    *,
    status: Annotated[list[IssueStatus] | None, typer.Option(help="Only these; may be given several times.")] = None,
    agent: ByAgent = None,
    project: OfProject = None,
    routine: Annotated[str | None, typer.Option(help="Id or title of the routine whose runs made them.")] = None,
    limit: Limit = None,
    before: Before = None,
) -> None:
    """List issues, newest first."""
    call = Client.list_issues(
        None,
        session.company,
        status=status or OMITTED,
        assignee_agent_id=session.find_if_given(AGENT, agent),
        project_id=session.find_if_given(PROJECT, project),
        origin_id=session.find_if_given(ROUTINE, routine),
        limit=optional(limit),
        before=optional(before),
    )
    session.output.listing(columns.ISSUES, session.ask(call))


@app.command("show")
@remote
def show_issue(session: Session, issue: Issue) -> None:
    """Show an issue with the runs that point to it and their payloads."""
    session.output.detail(session.ask(Client.get_issue(None, session.find(ISSUE, issue))))


@app.command("create")
@remote
def create_issue(
    session: Session,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    *,
    description: Description = None,
    agent: ByAgent = None,
    project: OfProject = None,
    status: Annotated[IssueStatus | None, typer.Option(help="Where it begins.")] = None,
    priority: Annotated[Priority | None, typer.Option(help="How urgent it is.")] = None,
    goal: OfGoal = None,
    parent: Annotated[str | None, typer.Option(help="Identifier or id of the issue that it belongs under.")] = None,
) -> None:
    """Create an issue by hand."""
    call = Client.create_issue(
        None,
        session.company,
        title=title,
        description=text_of(description),
        status=optional(status),
        priority=optional(priority),
        assignee_agent_id=session.find_if_given(AGENT, agent),
        project_id=session.find_if_given(PROJECT, project),
        goal_id=session.find_if_given(GOAL, goal),
        parent_id=session.find_if_given(ISSUE, parent),
    )
    session.output.detail(session.ask(call))


@app.command("move")
@remote
def move_issue(
    session: Session,
    issue: Issue,
    status: Annotated[IssueStatus, typer.Argument(help="Where to.")],
    *,
    comment: Annotated[str | None, typer.Option(help="What to say with it, or - for standard input.")] = None,
) -> None:
    """Move an issue; the end of an execution issue is the end of its run."""
    call = Client.update_issue(None, session.find(ISSUE, issue), status=status, comment=text_of(comment))
    moved = session.ask(call)
    session.output.done(f"{moved['identifier']} is {moved['status']}", moved)


@app.command("comment")
@remote
def comment_issue(session: Session, issue: Issue, comment: Comment) -> None:
    """Comment on an issue."""
    said = text_of(comment)
    found = session.find(ISSUE, issue)
    added = session.ask(Client.add_comment(None, found, body=said if isinstance(said, str) else ""))
    session.output.done(f"Your comment is at {issue}", added)


@app.command("comments")
@remote
def list_comments(session: Session, issue: Issue, *, limit: Limit = None) -> None:
    """List an issue's comments, newest first."""
    call = Client.list_comments(None, session.find(ISSUE, issue), limit=optional(limit))
    session.output.listing(columns.COMMENTS, session.ask(call))


@app.command("assign")
@remote
def assign_issue(
    session: Session,
    issue: Issue,
    agent: Annotated[str | None, typer.Argument(help="Id or name of the agent.")] = None,
    *,
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever has it.")] = False,
) -> None:
    """Assign an issue to an agent, or to nobody."""
    if (agent is None) is not nobody:
        raise WrongUseError("Name an agent, or give --nobody")
    to = None if agent is None else session.find(AGENT, agent)
    assigned = session.ask(Client.update_issue(None, session.find(ISSUE, issue), assignee_agent_id=to))
    session.output.done(f"{assigned['identifier']} is assigned to {agent or 'nobody'}", assigned)
