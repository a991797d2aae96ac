"""The `routines` program: the commands that work on the machine's own data, and the nouns of a service beside them.

What each longer command does has a file of its own. Nothing of a server is imported before a command needs it.
"""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routines.cli.exits import tell
from routines.cli.nouns import Nouns
from routines.core.access import AuthMode
from routines.core.errors import RoutinesError
from routines.core.instants import iso
from routines.core.limits import RETENTION_DAYS_MAX, RETENTION_DAYS_MIN

if TYPE_CHECKING:
    from routines.settings import Settings

app = typer.Typer(
    name="routines",
    cls=Nouns,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
token = typer.Typer(help="The board's API tokens, for servers with --auth authenticated.", no_args_is_help=True)
app.add_typer(token, name="token")

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the key file. [ROUTINES_DATA_DIR]")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="postgresql://user:password@host/name, or sqlite:///path. [ROUTINES_DATABASE_URL]"),
]


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if wanted:
        print(f"routines {version('routines')}")  # noqa: T201 - the result
        raise typer.Exit


@app.callback()
def program(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Tell the version and exit.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Recurring work for AI agents: never loses or doubles a slot, and says why anything did not run."""


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [ROUTINES_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [ROUTINES_PORT]")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    auth: Annotated[AuthMode | None, typer.Option(help="Who is trusted. [ROUTINES_AUTH]")] = None,
    public_url: Annotated[str | None, typer.Option(help="Base of webhook URLs. [ROUTINES_PUBLIC_URL]")] = None,
    database_direct_url: Annotated[
        str | None,
        typer.Option(help="The same PostgreSQL past a pooler in transaction mode. [ROUTINES_DATABASE_DIRECT_URL]"),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            help="What this server does, with commas: api, scheduler, heartbeat; all by default. [ROUTINES_ROLE]"
        ),
    ] = None,
    retention_days: Annotated[
        int | None,
        typer.Option(
            help="Remove runs, heartbeats and activity that are older; by default none. [ROUTINES_RETENTION_DAYS]",
            min=RETENTION_DAYS_MIN,
            max=RETENTION_DAYS_MAX,
        ),
    ] = None,
) -> None:
    """Run the service: API, pages, scheduler, heartbeats. SIGTERM finishes what is in hand."""
    with _told_plainly():
        gc.disable()  # nearly all that is loaded now stays
        from routines.cli.serving import serve as serve_settings  # noqa: PLC0415 - only this command serves
        from routines.settings import roles_of  # noqa: PLC0415 - the same

        gc.freeze()
        gc.enable()

        serve_settings(
            _settings(
                host=host,
                port=port,
                data_dir=data_dir,
                database_url=database_url,
                database_direct_url=database_direct_url,
                roles=None if role is None else roles_of(role),
                auth=auth,
                public_url=public_url,
                retention=None if retention_days is None else timedelta(days=retention_days),
            )
        )


@token.command("create")
def create_token(
    *,
    name: Annotated[str, typer.Option(help="Whose token it is; changes made with it bear this name.")] = "operator",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make an API token for the board and print it, this once."""
    with _told_plainly():
        from routines.cli.tokens import create  # noqa: PLC0415 - only this command needs the database

        print(create(_settings(data_dir=data_dir, database_url=database_url), name))  # noqa: T201 - the result


@token.command("list")
def list_tokens(*, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List the board's tokens: id, name, when made, when revoked."""
    with _told_plainly():
        from routines.cli.tokens import listed  # noqa: PLC0415 - only this command needs the database

        for each in listed(_settings(data_dir=data_dir, database_url=database_url)):
            state = "" if each.revoked_at is None else f"  revoked {iso(each.revoked_at)}"
            print(f"{each.id}  {iso(each.created_at)}  {each.name}{state}")  # noqa: T201 - the result


@token.command("revoke")
def revoke_token(token_id: str, *, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Make a token worthless, and end the sessions that hang on it."""
    with _told_plainly():
        from routines.cli.tokens import revoke  # noqa: PLC0415 - only this command needs the database

        revoke(_settings(data_dir=data_dir, database_url=database_url), token_id)


@app.command()
def doctor(*, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Check data folder, key file, database, clock and time zone data, and say what to do."""
    with _told_plainly():
        from rich.console import Console  # noqa: PLC0415 - as below

        from routines.cli.doctor import examine  # noqa: PLC0415 - only this command needs the database
        from routines.cli.serving import configure_logging  # noqa: PLC0415 - the same

        configure_logging()
        healthy = examine(_settings(data_dir=data_dir, database_url=database_url), Console())
    raise typer.Exit(0 if healthy else 1)


@app.command()
def migrate(
    *,
    source: Annotated[str, typer.Option("--from", help="URL of the database to move; no server may be running on it.")],
    target: Annotated[str, typer.Option("--to", help="URL of a new, empty database to move everything into.")],
) -> None:
    """Move everything from one database into another, and compare them row by row: 0 all is there, 1 it is not."""
    with _told_plainly():
        from rich.console import Console  # noqa: PLC0415 - as below

        from routines.cli.migrate import migrate as move  # noqa: PLC0415 - only this command needs the database
        from routines.cli.serving import configure_logging  # noqa: PLC0415 - the same

        configure_logging()
        complete = move(source, target, Console())
    raise typer.Exit(0 if complete else 1)


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Stop when the runs are completed.")] = False,
    port: Annotated[int | None, typer.Option(help="Port to listen on; a free one by default.")] = None,
) -> None:
    """Show the service at work on a fresh data folder: a company, its agents, three routines, their runs."""
    with _told_plainly():
        from routines.cli.demo import show  # noqa: PLC0415 - only this command needs the sample company

        show(once=once, port=port)


@app.command("mcp")
def serve_mcp(
    *,
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP instead of standard input and output.")] = False,
    host: Annotated[str, typer.Option(help="With --http: address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="With --http: port to listen on.", min=1, max=65535)] = 3101,
    name: Annotated[
        list[str] | None,
        typer.Option(help="With --http: a host name by which it is called, if not by its address; may be repeated."),
    ] = None,
) -> None:
    """Serve the API as tools to agents that speak the Model Context Protocol.

    As whoever has the key in ROUTINES_API_KEY, in a heartbeat PAPERCLIP_API_KEY; with --http each caller has its own.
    """
    with _told_plainly():
        from routines.mcp import serving  # noqa: PLC0415 - only this command needs the protocol's library

        if http:
            serving.serve_http(host, port, name or ())
        else:
            serving.serve_stdio()


class _told_plainly:  # noqa: N801 - reads as a phrase where it is used
    """Turns a refusal into one line for the person at the terminal, and exit status 2."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RoutinesError):
            tell(error)
            sys.exit(2)


def _settings(**flags: object) -> Settings:
    """The environment's settings with the flags that were given over them."""
    from routines.settings import from_environment  # noqa: PLC0415 - only commands that run the service need it

    given = {name: value for name, value in flags.items() if value is not None}
    return replace(from_environment(os.environ), **given)  # type: ignore[arg-type]  # typer checked each flag
