"""`routines upcoming`: which slots come next.

What became of past ones is in `health`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import Limit, instant_of, optional
from routines.cli.nouns import verb
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client

app = verb()


@app.command()
@remote
def upcoming(
    session: Session,
    *,
    since: Annotated[str | None, typer.Option("--from", help="The first instant; now, if none is given.")] = None,
    to: Annotated[str | None, typer.Option(help="The last instant; as 2026-03-02T12:00.")] = None,
    limit: Limit = None,
) -> None:
    """List the slots that come next, in order."""
    call = Client.list_upcoming(
        None,
        session.company,
        from_=instant_of(since, "--from"),
        to=instant_of(to, "--to"),
        limit=optional(limit),
    )
    session.output.listing(columns.UPCOMING, session.ask(call))
