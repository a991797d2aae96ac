"""Commands that call a service: the options that all of them have, and how each of them ends.

What a command asks for is in `commands`, one file for each noun.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from routines.cli.exits import ending_plainly
from routines.cli.session import Chosen, Session, Surroundings

P = ParamSpec("P")
CONTEXT = "context"


def _common(
    *,
    company: Annotated[
        str | None,
        typer.Option(help="Id, name or issue prefix; need not be given if there is one only. [ROUTINES_COMPANY]"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print exactly what the API answers, as JSON.")] = False,
    server: Annotated[
        str | None, typer.Option(help="Address of the service, as http://127.0.0.1:3100. [ROUTINES_API_URL]")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(help="Token of the board or key of an agent; others can see a command line. [ROUTINES_API_KEY]"),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Name of a service, see `routines profile`. [ROUTINES_PROFILE]")
    ] = None,
) -> Chosen:
    """The options of every command that calls a service."""
    return Chosen(server=server, api_key=api_key, profile=profile, company=company, json=json)


@cache
def common_options() -> Mapping[str, inspect.Parameter]:
    """The options of every command that calls a service, by their names."""
    return inspect.signature(_common, eval_str=True).parameters


def remote(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Makes a function with a session a command with the common options, which ends with a code for each error."""
    first, *own = inspect.signature(command, eval_str=True).parameters.values()
    common = common_options().values()

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401 - what typer has read
        context: typer.Context = given.pop(CONTEXT)
        chosen = _common(**{each.name: given.pop(each.name) for each in common})
        around = context.obj if isinstance(context.obj, Surroundings) else Surroundings()
        with ending_plainly():
            session = Session(chosen, around)
            try:
                command(session, **given)  # type: ignore[call-arg]  # its own parameters, by name
            finally:
                session.close()

    parameters = [first.replace(name=CONTEXT, annotation=typer.Context, kind=inspect.Parameter.KEYWORD_ONLY)]
    parameters += [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *common)]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called
