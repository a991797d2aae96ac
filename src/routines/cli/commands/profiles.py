"""`routines profile`: the services that somebody works with, by name.

No service is called here; `routines login` tries one before it is kept.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import STDIN
from routines.cli.exits import ending_plainly
from routines.cli.nouns import group
from routines.cli.output import Output, style_of
from routines.cli.profiles import Profile, Profiles
from routines.client.connection import DEFAULT_URL, Connection
from routines.clock import SystemClock

app = group("Profiles: the services that you work with, by name. API keys are kept in a file that only you can read.")

Name = Annotated[str, typer.Argument(help="What you call the service.")]
Server = Annotated[str, typer.Option(help="Address of the service.")]
ApiKey = Annotated[
    str | None, typer.Option(help="Token of the board or key of an agent; - reads it from standard input, unseen.")
]
Company = Annotated[str, typer.Option(help="The company that is meant unless another is named.")]


def key_of(given: str | None) -> str:
    """The API key that was given, or is typed where nobody sees it."""
    if given != STDIN:
        return given or ""
    if sys.stdin.isatty():
        return str(typer.prompt("API key, or nothing", "", hide_input=True, show_default=False, err=True)).strip()
    return sys.stdin.readline().strip()


@app.command("add")
def add_profile(name: Name, *, server: Server = DEFAULT_URL, api_key: ApiKey = None, company: Company = "") -> None:
    """Add a profile, or replace the one of that name; the first one is in use at once."""
    with ending_plainly():
        checked = Connection.chosen(server, key_of(api_key), None, {})
        profiles = Profiles.read(os.environ)
        profiles.with_profile(name, Profile(checked.base_url, checked.token, company)).write()
        _output(json=False).done(f"{name} is {checked.base_url}")


@app.command("list")
def list_profiles(*, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the profiles, without their API keys."""
    with ending_plainly():
        profiles = Profiles.read(os.environ)
        entries = [
            {
                "name": name,
                "server": each.server,
                "company": each.company,
                "apiKey": bool(each.api_key),
                "inUse": name == profiles.in_use,
            }
            for name, each in sorted(profiles.by_name.items())
        ]
        _output(json=json).listing(columns.PROFILES, entries)


@app.command("use")
def use_profile(name: Name) -> None:
    """Have commands mean this service unless they name another."""
    with ending_plainly():
        profiles = Profiles.read(os.environ).using(name)
        profiles.write()
        _output(json=False).done(f"{profiles.by_name[name].server} is in use")


@app.command("remove")
def remove_profile(name: Name) -> None:
    """Forget a service and its API key; nothing changes in the service."""
    with ending_plainly():
        Profiles.read(os.environ).without(name).write()
        _output(json=False).done(f"{name} is forgotten")


def _output(*, json: bool) -> Output:
    return Output(style_of(json=json, is_terminal=sys.stdout.isatty()), SystemClock(), sys.stdout)
