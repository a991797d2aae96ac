"""`routines login`: a service and an API key are tried, and kept as a profile if they work.

Keeping one without trying it is `routines profile add`.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from routines.cli.arguments import STDIN
from routines.cli.commands.profiles import ApiKey, Company, Server, key_of
from routines.cli.exits import ending_plainly
from routines.cli.nouns import verb
from routines.cli.output import told_aside
from routines.cli.profiles import Profile, Profiles
from routines.cli.session import Chosen, Session, Surroundings
from routines.client import Client
from routines.client.connection import DEFAULT_URL

app = verb()


@app.command()
def login(
    context: typer.Context,
    *,
    server: Server = DEFAULT_URL,
    api_key: ApiKey = STDIN,
    company: Company = "",
    name: Annotated[str, typer.Option("--profile", help="What you call the service.")] = "default",
) -> None:
    """Try a service and an API key, keep them as a profile, and use it. The key is asked for, or read from a pipe."""
    around = context.obj if isinstance(context.obj, Surroundings) else Surroundings()
    with ending_plainly():
        key = key_of(api_key)
        session = Session(Chosen(server=server, api_key=key, company=company or None), around)
        try:
            seen = session.ask(Client.list_companies(None))
            meant = session.company if company else ""
        finally:
            session.close()
        profile = Profile(session.client.connection.base_url, key, meant)
        Profiles.read(os.environ).with_profile(name, profile).using(name).write()
        companies = ", ".join(each["name"] for each in seen) or "no company yet"
        told_aside(f"{profile.server} answers, and shows: {companies}. It is the profile {name}, and in use")
