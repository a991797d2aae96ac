"""`routines routine`: everything that can be done with routines.

What a run becomes is waited for in `cli.waiting`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns, waiting
from routines.cli.arguments import (
    ByAgent,
    Description,
    OfGoal,
    OfProject,
    Payload,
    Routine,
    Yes,
    object_of,
    optional,
    text_of,
)
from routines.cli.nouns import group
from routines.cli.references import AGENT, GOAL, ISSUE, PROJECT, ROUTINE, TRIGGER
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.client.call import OMITTED
from routines.core.model import CatchUpPolicy, ConcurrencyPolicy, Priority, RoutineStatus, TriggerKind
from routines.core.signing import SigningMode

app = group("Routines: list, look at, make, change, run.")

Concurrency = Annotated[
    ConcurrencyPolicy | None, typer.Option(help="What a fire becomes while an execution issue is open.")
]
CatchUp = Annotated[CatchUpPolicy | None, typer.Option(help="What becomes of slots that were missed in an outage.")]
OfPriority = Annotated[Priority | None, typer.Option("--priority", help="Of its issues.")]
ParentIssue = Annotated[str | None, typer.Option(help="Identifier or id of the issue that its issues belong under.")]


@app.command("list")
@remote
def list_routines(
    session: Session,
    *,
    status: Annotated[RoutineStatus | None, typer.Option(help="Only these.")] = None,
    agent: ByAgent = None,
    project: OfProject = None,
    search: Annotated[str | None, typer.Option(help="Words of the title or description.")] = None,
) -> None:
    """List routines, most recently updated first."""
    call = Client.list_routines(
        None,
        session.company,
        status=optional(status),
        assignee_agent_id=session.find_if_given(AGENT, agent),
        project_id=session.find_if_given(PROJECT, project),
        q=optional(search),
    )
    session.output.listing(columns.ROUTINES, session.ask(call))


@app.command("show")
@remote
def show_routine(session: Session, routine: Routine) -> None:
    """Show a routine with its triggers and recent runs."""
    session.output.detail(session.ask(Client.get_routine(None, session.find(ROUTINE, routine))))


@app.command("create")
@remote
def create_routine(
    session: Session,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    *,
    agent: Annotated[str | None, typer.Option(help="Who does it; need not be given if there is one only.")] = None,
    project: Annotated[str | None, typer.Option(help="Need not be given if there is one only.")] = None,
    description: Description = None,
    cron: Annotated[list[str] | None, typer.Option(help="Fire on this schedule; may be given several times.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of the schedules, such as Europe/Berlin; else UTC.")] = None,
    webhook: Annotated[SigningMode | None, typer.Option(help="Fire on a webhook that is signed so.")] = None,
    concurrency: Concurrency = None,
    catch_up: CatchUp = None,
    priority: OfPriority = None,
    goal: OfGoal = None,
    parent_issue: ParentIssue = None,
    paused: Annotated[bool, typer.Option("--paused", help="Its schedules do not fire yet.")] = False,
) -> None:
    """Create a routine, and its triggers along with it."""
    schedules = [{"kind": TriggerKind.SCHEDULE, "cronExpression": each} for each in cron or ()]
    if timezone is not None:
        schedules = [{**each, "timezone": timezone} for each in schedules]
    webhooks = [] if webhook is None else [{"kind": TriggerKind.WEBHOOK, "signingMode": webhook}]
    call = Client.create_routine(
        None,
        session.company,
        title=title,
        assignee_agent_id=session.find_or_only(AGENT, agent),
        project_id=session.find_or_only(PROJECT, project),
        description=text_of(description),
        goal_id=session.find_if_given(GOAL, goal),
        parent_issue_id=session.find_if_given(ISSUE, parent_issue),
        priority=optional(priority),
        status=RoutineStatus.PAUSED if paused else OMITTED,
        concurrency_policy=optional(concurrency),
        catch_up_policy=optional(catch_up),
        triggers=[*schedules, *webhooks],
    )
    session.output.detail(session.ask(call))


@app.command("edit")
@remote
def edit_routine(
    session: Session,
    routine: Routine,
    *,
    title: Annotated[str | None, typer.Option(help="A new title.")] = None,
    description: Description = None,
    agent: ByAgent = None,
    project: OfProject = None,
    concurrency: Concurrency = None,
    catch_up: CatchUp = None,
    priority: OfPriority = None,
    goal: OfGoal = None,
    parent_issue: ParentIssue = None,
) -> None:
    """Change what is given of a routine; the rest stays. An empty goal or parent issue takes it away."""
    call = Client.update_routine(
        None,
        session.find(ROUTINE, routine),
        title=optional(title),
        description=text_of(description),
        assignee_agent_id=session.find_if_given(AGENT, agent),
        project_id=session.find_if_given(PROJECT, project),
        goal_id=session.find_or_clear(GOAL, goal),
        parent_issue_id=session.find_or_clear(ISSUE, parent_issue),
        priority=optional(priority),
        concurrency_policy=optional(concurrency),
        catch_up_policy=optional(catch_up),
    )
    session.output.detail(session.ask(call))


@app.command("pause")
@remote
def pause_routine(session: Session, routine: Routine) -> None:
    """Pause a routine: its schedules and webhooks fire nothing."""
    _move(session, session.find(ROUTINE, routine), RoutineStatus.PAUSED)


@app.command("resume")
@remote
def resume_routine(session: Session, routine: Routine) -> None:
    """Let a paused routine fire again; nothing is made up for."""
    _move(session, session.find(ROUTINE, routine), RoutineStatus.ACTIVE)


@app.command("archive")
@remote
def archive_routine(session: Session, routine: Routine, *, yes: Yes = False) -> None:
    """End a routine for good; it stays readable."""
    found = session.find(ROUTINE, routine)
    session.confirm(f"Archive {routine!r}? It can never fire or be changed again.", yes=yes)
    _move(session, found, RoutineStatus.ARCHIVED)


def _move(session: Session, routine: str, status: RoutineStatus) -> None:
    moved = session.ask(Client.update_routine(None, routine, status=status))
    session.output.done(f"{moved['title']} is {moved['status']}", moved)


@app.command("run")
@remote
def run_routine(
    session: Session,
    routine: Routine,
    *,
    payload: Payload = None,
    trigger: Annotated[str | None, typer.Option(help="Id or label of the trigger that it is recorded for.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="With the same key it is the same run.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it is final: 0 if it is completed, 1 if it is anything else.")
    ] = False,
    timeout_seconds: Annotated[
        int, typer.Option(help="How long to wait.", min=1, max=waiting.WAIT_SECONDS_MAX)
    ] = waiting.WAIT_SECONDS_DEFAULT,
) -> None:
    """Run a routine by hand."""
    call = Client.run_routine(
        None,
        session.find(ROUTINE, routine),
        payload=object_of(payload, "--payload"),
        trigger_id=session.find_if_given(TRIGGER, trigger),
        idempotency_key=optional(idempotency_key),
    )
    run = session.ask(call)
    if wait:
        waiting.wait(session, run, timeout_seconds)
    else:
        session.output.detail(run)


@app.command("delete")
@remote
def delete_routine(
    session: Session,
    routine: Routine,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also while an execution issue is open.")] = False,
    yes: Yes = False,
) -> None:
    """Delete a routine; its issues stay readable."""
    found = session.find(ROUTINE, routine)
    session.confirm(f"Delete {routine!r} and its triggers?", yes=yes)
    session.ask(Client.delete_routine(None, found, force=True if force else OMITTED))
    session.output.done(f"{routine} is deleted")
