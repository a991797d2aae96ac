"""`routines project`: what routines belong to.

Pausing a project holds back every routine in it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import Description, Project, optional, text_of
from routines.cli.nouns import group
from routines.cli.references import PROJECT
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.core.model import ProjectStatus

app = group("Projects: list, make, change.")
Status = Annotated[ProjectStatus | None, typer.Option(help="One that is not active fires nothing.")]


@app.command("list")
@remote
def list_projects(session: Session) -> None:
    """List a company's projects."""
    session.output.listing(columns.PROJECTS, session.ask(Client.list_projects(None, session.company)))


@app.command("create")
@remote
def create_project(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    *,
    description: Description = None,
    status: Status = None,
) -> None:
    """Create a project."""
    call = Client.create_project(
        None, session.company, name=name, description=text_of(description), status=optional(status)
    )
    session.output.detail(session.ask(call))


@app.command("edit")
@remote
def edit_project(
    session: Session,
    project: Project,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Description = None,
    status: Status = None,
) -> None:
    """Change what is given of a project; the rest stays."""
    call = Client.update_project(
        None,
        session.find(PROJECT, project),
        name=optional(name),
        description=text_of(description),
        status=optional(status),
    )
    session.output.detail(session.ask(call))
