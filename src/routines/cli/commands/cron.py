"""`routines cron`: what a schedule means, before anything fires by it.

The words and the times are the service's own, so that they are what it does.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli.arguments import instant_of, optional
from routines.cli.nouns import group
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.core.limits import SLOTS_EXPLAINED_MAX

app = group("Schedules: what an expression means.")


@app.command("explain")
@remote
def explain(
    session: Session,
    expression: Annotated[str, typer.Argument(help='Five fields, such as "0 9 * * MON-FRI", or @daily.')],
    *,
    timezone: Annotated[str | None, typer.Option(help="Such as Europe/Berlin; else UTC.")] = None,
    count: Annotated[int | None, typer.Option(help="How many times to tell.", min=1, max=SLOTS_EXPLAINED_MAX)] = None,
    since: Annotated[str | None, typer.Option("--from", help="After which instant; now, if none is given.")] = None,
) -> None:
    """Explain a schedule: in words, its next times, and what may surprise."""
    call = Client.explain_cron(
        None,
        cron_expression=expression,
        timezone=optional(timezone),
        count=optional(count),
        from_=instant_of(since, "--from"),
    )
    session.output.detail(session.ask(call))
