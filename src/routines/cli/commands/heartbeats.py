"""`routines heartbeat`: the starts of agents, what they printed and how they ended.

Starting one now is `routines agent wake`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from routines.cli import columns
from routines.cli.arguments import Before, ByAgent, Limit, optional
from routines.cli.nouns import group
from routines.cli.references import AGENT, HEARTBEAT, ISSUE, ROUTINE
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.client.call import OMITTED
from routines.core.model import HeartbeatStatus

app = group("Heartbeats, the starts of agents: list, look at, read what was printed, cancel.")

Heartbeat = Annotated[str, typer.Argument(help="Its id, or 6 or more characters of the id's beginning.")]


@app.command("list")
@remote
def list_heartbeats(
    session: Session,
    *,
    status: Annotated[
        list[HeartbeatStatus] | None, typer.Option(help="Only these; may be given several times.")
    ] = None,
    agent: ByAgent = None,
    issue: Annotated[str | None, typer.Option(help="Identifier or id of the issue that was worked on.")] = None,
    routine: Annotated[str | None, typer.Option(help="Id or title of the routine whose issues they were.")] = None,
    limit: Limit = None,
    before: Before = None,
) -> None:
    """List heartbeats, queued ones included, newest first."""
    call = Client.list_heartbeats(
        None,
        session.company,
        status=status or OMITTED,
        agent_id=session.find_if_given(AGENT, agent),
        issue_id=session.find_if_given(ISSUE, issue),
        routine_id=session.find_if_given(ROUTINE, routine),
        limit=optional(limit),
        before=optional(before),
    )
    session.output.listing(columns.HEARTBEATS, session.ask(call))


@app.command("show")
@remote
def show_heartbeat(session: Session, heartbeat: Heartbeat) -> None:
    """Show a heartbeat: why it was, how it ended, what it took."""
    session.output.detail(session.ask(Client.get_heartbeat(None, session.find(HEARTBEAT, heartbeat))))


@app.command("log")
@remote
def show_log(session: Session, heartbeat: Heartbeat) -> None:
    """Print what an agent has printed until now; as JSON, the parts of it."""
    parts = list(_parts(session, session.find(HEARTBEAT, heartbeat)))
    if session.output.is_json:
        session.output.done("", parts)
    else:
        session.output.text(_whole(parts))


@app.command("cancel")
@remote
def cancel_heartbeat(session: Session, heartbeat: Heartbeat) -> None:
    """End a heartbeat: a queued one at once, one that runs as soon as its server hears of it."""
    found = session.ask(Client.cancel_heartbeat(None, session.find(HEARTBEAT, heartbeat)))
    told = "is" if found["status"] == HeartbeatStatus.CANCELLED else "is to be cancelled, and still"
    session.output.done(f"The heartbeat {found['id']} {told} {found['status']}", found)


def _parts(session: Session, run_id: str) -> Iterator[dict[str, Any]]:
    """What was printed, as much at a time as a reply holds; nothing after what there is by now."""
    after, part = -1, session.ask(Client.get_heartbeat_log(None, run_id))
    while part["after"] > after:
        yield part
        if part["isEnd"]:
            return
        after = part["after"]
        part = session.ask(Client.get_heartbeat_log(None, run_id, after=after))


def _whole(parts: list[dict[str, Any]]) -> str:
    """The parts as one text, which says where something of it was not kept."""
    text, read = "", 0
    for part in parts:
        gap = part["start"] - read
        text += (f"\n({gap:,} bytes are left out here)\n" if gap else "") + part["content"]
        read = part["after"]
    return text
