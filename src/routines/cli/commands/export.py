"""`routines export`: the routines that there are, as a file for `routines apply`.

What the file looks like is in `routines.code`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli.commands.apply import Set, set_of
from routines.cli.nouns import verb
from routines.cli.output import told_aside
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import models
from routines.code.company import current_routines, directory
from routines.code.document import DEFAULT_SET
from routines.code.exporting import exported, to_yaml
from routines.code.planning import key_in_set
from routines.core.model import RoutineStatus

app = verb()


@app.command()
@remote
def export(
    session: Session,
    *,
    set_name: Set = None,
    kept_only: Annotated[
        bool, typer.Option("--kept-only", help="Leave out the routines that no file keeps yet.")
    ] = False,
) -> None:
    """Print the routines of a set, and those that are in none yet, as a file for `apply`."""
    chosen, client, company = set_of(set_name) or DEFAULT_SET, session.client, session.company
    left_out = 0

    def is_wanted(routine: models.ListedRoutineReply) -> bool:
        nonlocal left_out
        is_free = routine.external_key is None and not kept_only
        wanted = is_free or key_in_set(chosen, routine.external_key) is not None
        left_out += not wanted and routine.status != RoutineStatus.ARCHIVED
        return wanted

    with session.output.progress("Looking at what there is"):
        current = current_routines(client, company, is_wanted)
    parents = {each.fields["parent_issue_id"] for each in current if each.fields["parent_issue_id"] is not None}
    companies = client.list_companies()
    named = None if len(companies) == 1 else company
    document = exported(current, directory(client, company, parents), set_name=chosen, company=named)
    if session.output.is_json:
        session.output.done("", document)
    else:
        session.output.text(to_yaml(document, ascii_only=session.output.ascii_only))
    if left_out:
        told_aside(f"{left_out} routines of other sets are not in it; --set NAME exports another set")
