"""`routines agent`: those who do the work, and their keys.

How agents are started is in docs/agents.md.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import Agent, Yes, clearable, object_of, optional
from routines.cli.nouns import group
from routines.cli.references import AGENT, KEY
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.client.call import Call
from routines.client.models import AgentReply
from routines.core.model import AdapterType

app = group("Agents: list, look at, hire, change, pause, wake; their keys.")
Role = Annotated[str | None, typer.Option(help="What it is there for.")]
Title = Annotated[str | None, typer.Option(help="What it is addressed as.")]
Capabilities = Annotated[str | None, typer.Option(help="What it can do.")]
ReportsTo = Annotated[str | None, typer.Option(help="Id or name of its superior.")]
Adapter = Annotated[AdapterType | None, typer.Option(help="How it is started.")]
AdapterConfig = Annotated[str | None, typer.Option(help="Its whole JSON object, @FILE or -.")]
RuntimeConfig = Annotated[str | None, typer.Option(help="Its whole JSON object, @FILE or -.")]
key = group("Keys, by which an agent proves who it is.")
app.add_typer(key, name="key")


@app.command("list")
@remote
def list_agents(session: Session) -> None:
    """List a company's agents."""
    session.output.listing(columns.AGENTS, session.ask(Client.list_agents(None, session.company)))


@app.command("show")
@remote
def show_agent(session: Session, agent: Agent) -> None:
    """Show an agent, and what it took this month."""
    session.output.detail(session.ask(Client.get_agent(None, session.find(AGENT, agent))))


@app.command("create")
@remote
def create_agent(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    *,
    role: Role = None,
    title: Title = None,
    capabilities: Capabilities = None,
    reports_to: ReportsTo = None,
    adapter: Adapter = None,
    adapter_config: AdapterConfig = None,
    runtime_config: RuntimeConfig = None,
) -> None:
    """Hire an agent."""
    call = Client.create_agent(
        None,
        session.company,
        name=name,
        role=optional(role),
        title=optional(title),
        capabilities=optional(capabilities),
        reports_to=session.find_if_given(AGENT, reports_to),
        adapter_type=optional(adapter),
        adapter_config=object_of(adapter_config, "--adapter-config"),
        runtime_config=object_of(runtime_config, "--runtime-config"),
    )
    session.output.detail(session.ask(call))


@app.command("edit")
@remote
def edit_agent(
    session: Session,
    agent: Agent,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    role: Role = None,
    title: Title = None,
    capabilities: Capabilities = None,
    reports_to: ReportsTo = None,
    adapter: Adapter = None,
    adapter_config: AdapterConfig = None,
    runtime_config: RuntimeConfig = None,
) -> None:
    """Change what is given of an agent; the rest stays. An empty title, superior or text of what it can do goes."""
    call = Client.update_agent(
        None,
        session.find(AGENT, agent),
        name=optional(name),
        role=optional(role),
        title=clearable(title),
        capabilities=clearable(capabilities),
        reports_to=session.find_or_clear(AGENT, reports_to),
        adapter_type=optional(adapter),
        adapter_config=object_of(adapter_config, "--adapter-config"),
        runtime_config=object_of(runtime_config, "--runtime-config"),
    )
    session.output.detail(session.ask(call))


@app.command("pause")
@remote
def pause_agent(session: Session, agent: Agent) -> None:
    """Pause an agent: its issues wait in its inbox."""
    _tell(session, Client.pause_agent(None, session.find(AGENT, agent)))


@app.command("resume")
@remote
def resume_agent(session: Session, agent: Agent) -> None:
    """Let an agent work again."""
    _tell(session, Client.resume_agent(None, session.find(AGENT, agent)))


@app.command("terminate")
@remote
def terminate_agent(session: Session, agent: Agent, *, yes: Yes = False) -> None:
    """Dismiss an agent for good; its routines are paused."""
    found = session.find(AGENT, agent)
    session.confirm(f"Terminate {agent!r} for good, and pause its routines?", yes=yes)
    _tell(session, Client.terminate_agent(None, found))


def _tell(session: Session, call: Call[AgentReply]) -> None:
    changed = session.ask(call)
    session.output.done(f"{changed['name']} is {changed['status']}", changed)


@app.command("wake")
@remote
def wake_agent(session: Session, agent: Agent) -> None:
    """Start an agent now, whatever it has to do."""
    queued = session.ask(Client.invoke_heartbeat(None, session.find(AGENT, agent)))
    session.output.done(f"The heartbeat {queued['id']} is {queued['status']}", queued)


@key.command("make")
@remote
def make_key(
    session: Session, agent: Agent, *, name: Annotated[str | None, typer.Option(help="What it is for.")] = None
) -> None:
    """Make a key for an agent; its token is shown this once."""
    session.output.detail(session.ask(Client.create_key(None, session.find(AGENT, agent), name=optional(name))))


@key.command("list")
@remote
def list_keys(session: Session, agent: Agent) -> None:
    """List an agent's keys, without their tokens."""
    session.output.listing(columns.KEYS, session.ask(Client.list_keys(None, session.find(AGENT, agent))))


@key.command("revoke")
@remote
def revoke_key(
    session: Session,
    agent: Agent,
    key: Annotated[str, typer.Argument(help="Its id, the id's beginning, or its exact name.")],
    *,
    yes: Yes = False,
) -> None:
    """Make a key worthless."""
    found = session.find(AGENT, agent)
    revoked = session.find(KEY, key, of=found)
    session.confirm(f"Revoke the key {key!r} of {agent!r}?", yes=yes)
    session.ask(Client.revoke_key(None, found, revoked))
    session.output.done(f"The key {key} is revoked")
