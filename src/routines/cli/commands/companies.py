"""`routines company`: whose routines, agents and projects they are.

Which company other commands mean is decided in `cli.session`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import Description, optional, text_of
from routines.cli.nouns import group
from routines.cli.references import COMPANY
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.core.model import CompanyStatus

app = group("Companies: list, look at, make, change.")
Company = Annotated[
    str | None,
    typer.Argument(metavar="[COMPANY]", help="Its id, name or issue prefix; else the one that --company would name."),
]
Status = Annotated[CompanyStatus | None, typer.Option(help="One that is not active fires nothing.")]
Prefix = Annotated[str | None, typer.Option("--issue-prefix", help="With which its issues' identifiers begin.")]


@app.command("list")
@remote
def list_companies(session: Session) -> None:
    """List the companies that you may see."""
    session.output.listing(columns.COMPANIES, session.ask(Client.list_companies(None)))


@app.command("show")
@remote
def show_company(session: Session, which: Company = None) -> None:
    """Show a company."""
    session.output.detail(session.ask(Client.get_company(None, _meant(session, which))))


@app.command("create")
@remote
def create_company(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    *,
    description: Description = None,
    issue_prefix: Prefix = None,
) -> None:
    """Create a company."""
    call = Client.create_company(None, name=name, description=text_of(description), issue_prefix=optional(issue_prefix))
    session.output.detail(session.ask(call))


@app.command("edit")
@remote
def edit_company(
    session: Session,
    which: Company = None,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Description = None,
    status: Status = None,
    issue_prefix: Prefix = None,
) -> None:
    """Change what is given of a company; the rest stays."""
    call = Client.update_company(
        None,
        _meant(session, which),
        name=optional(name),
        description=text_of(description),
        status=optional(status),
        issue_prefix=optional(issue_prefix),
    )
    session.output.detail(session.ask(call))


def _meant(session: Session, which: str | None) -> str:
    return session.company if which is None else session.find(COMPANY, which, of="")
