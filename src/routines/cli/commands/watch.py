"""`routines watch`: what happens in a company, as it happens.

Where a stream goes on after an interruption is the client's.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

import typer

from routines.cli import columns
from routines.cli.arguments import optional
from routines.cli.nouns import verb
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.client.call import Call

app = verb()


@app.command()
@remote
def watch(
    session: Session,
    *,
    after: Annotated[str | None, typer.Option(help="Whole id of an entry: begin after it instead of now.")] = None,
    count: Annotated[int | None, typer.Option(help="End after so many entries.", min=1)] = None,
) -> None:
    """Follow what happens, entry by entry, until Ctrl-C; with --json one object a line."""
    call: Call[Any] = replace(Client.follow_events(None, session.company, after=optional(after)), reply=Any)
    for entry in islice(session.client.follow(call), count):
        session.output.event(columns.EVENTS, entry)
