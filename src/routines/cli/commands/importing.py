"""`routines import crontab`: the lines of a crontab as routines, and what of them could not be taken over.

What a line means is in `routines.code`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli.commands.apply import Set, bring_about, read_set, set_of, standard_input
from routines.cli.exits import ExitCode
from routines.cli.nouns import group
from routines.cli.output import told_aside
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.code.crontab import read_crontab
from routines.code.exporting import to_yaml
from routines.code.reading import Source, sources

app = group("Take over recurring work from elsewhere.")


@app.command()
@remote
def crontab(
    session: Session,
    *,
    file: Annotated[str, typer.Argument(help="A crontab, as `crontab -l` prints it; - for standard input.")],
    agent: Annotated[str, typer.Option(help="Name or id of the agent that does the work.")],
    project: Annotated[str, typer.Option(help="Name or id of the project.")],
    system: Annotated[
        bool, typer.Option("--system", help="Its lines name a user before the command, as in /etc/crontab.")
    ] = False,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of lines without CRON_TZ; an IANA name, UTC by default.")
    ] = None,
    set_name: Set = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make the routines at once, instead of printing a file.")
    ] = False,
) -> None:
    """Print a crontab as a file for `apply`, and say of each line what was not taken over: 1 if a job was left out."""
    set_name = set_of(set_name)
    read = sources([file], standard_input)[0]
    found = read_crontab(read.text, system=system, timezone=timezone)
    document = found.document(agent=agent, project=project, set_name=set_name)
    for remark in found.remarks:
        told_aside(f"{read.name}: {remark}")
    if apply:
        text = to_yaml(document)
        bring_about(session, read_set([Source(read.name, text)], None), dry_run=False, prune=False, secrets_file=None)
    elif session.output.is_json:
        session.output.done("", document)
    else:
        comments = ["Look it over, and then: routines apply -f FILE"]
        session.output.text(to_yaml(document, comments=comments, ascii_only=session.output.ascii_only))
    if not found.is_whole:
        raise typer.Exit(ExitCode.FOUND_WRONG)
