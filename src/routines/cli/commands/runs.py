"""`routines runs`: what became of a routine's fires."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from routines.cli import columns
from routines.cli.arguments import Before, Limit, Routine, optional
from routines.cli.nouns import group
from routines.cli.references import ROUTINE, RUN
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client

LIST = "list"


class _Listing(TyperGroup):
    """A group whose word alone, with a routine after it, lists."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - the library's own, kept to itself
        """The words, with `list` before a routine."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [LIST, *args]
        return super().parse_args(ctx, args)


app = group("Runs of a routine, what became of its fires: list, which is meant if no verb is given, and look at.")
app.info.cls = _Listing


@app.command(LIST)
@remote
def list_runs(session: Session, routine: Routine, *, limit: Limit = None, before: Before = None) -> None:
    """List a routine's runs, newest first."""
    call = Client.list_runs(None, session.find(ROUTINE, routine), limit=optional(limit), before=optional(before))
    session.output.listing(columns.RUNS, session.ask(call))


@app.command("show")
@remote
def show_run(
    session: Session,
    routine: Routine,
    run: Annotated[str, typer.Argument(help="Its id, or 6 or more characters of the id's beginning.")],
) -> None:
    """Show a run with its payload."""
    found = session.find(ROUTINE, routine)
    session.output.detail(session.ask(Client.get_run(None, found, session.find(RUN, run, of=found))))
