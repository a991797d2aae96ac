"""`routines health`: every slot of a routine that was due, and what became of it.

What comes next is in `upcoming`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import Routine, instant_of
from routines.cli.nouns import verb
from routines.cli.references import ROUTINE
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client

app = verb()


@app.command()
@remote
def health(
    session: Session,
    routine: Routine,
    *,
    since: Annotated[str | None, typer.Option("--from", help="The first instant, as 2026-03-02T12:00.")] = None,
    to: Annotated[str | None, typer.Option(help="The last instant; now, if none is given.")] = None,
) -> None:
    """List every slot of a routine that was due, and what became of it."""
    found = session.find(ROUTINE, routine)
    call = Client.get_routine_health(None, found, from_=instant_of(since, "--from"), to=instant_of(to, "--to"))
    session.output.listing(columns.SLOTS, session.ask(call))
