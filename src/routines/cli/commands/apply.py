"""`routines apply`: has there be what files say, or shows what would change.

What a file says and what follows from it is in `routines.code`.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Annotated, Any

import typer

from routines.cli.exits import ExitCode, FoundWrongError, WrongUseError
from routines.cli.inert import json_text
from routines.cli.nouns import verb
from routines.cli.output import told_aside
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.code.applying import Prepared, Secret, carry_out, change_key, prepare
from routines.code.planning import Change, in_files
from routines.code.reading import DeclaredSet, SetNameError, Source, checked_set_name, declared_set, sources
from routines.code.telling import CHANGED, GONE, NEW, headline, summary, told
from routines.core.errors import RoutinesError
from routines.core.limits import FILE_BYTES_MAX

COLOURS = {NEW: "green", CHANGED: "yellow", GONE: "red"}
OWNER_ONLY = 0o600
Set = Annotated[str | None, typer.Option("--set", help="The set that the routines belong to, if no file names it.")]

app = verb()


def set_of(given: str | None) -> str | None:
    """The set that was typed, if one was; raises `WrongUseError` for what is no name of one."""
    try:
        return None if given is None else checked_set_name(given)
    except SetNameError as error:
        raise WrongUseError(f"--set: {error.sentence}") from None


@app.command()
@remote
def apply(
    session: Session,
    *,
    file: Annotated[
        list[str], typer.Option("--file", "-f", help="A file, a folder, or - for standard input; several.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing: 0 nothing, 6 something.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Archive the routines of the set that are in the files no more.")
    ] = False,
    set_name: Set = None,
    secrets_file: Annotated[
        Path | None,
        typer.Option(help="Append new webhook secrets to this file, for its owner only, instead of printing them."),
    ] = None,
) -> None:
    """Have there be the routines that files say, changing only what is not so already."""
    declared = read_set(sources(file, standard_input), set_name)
    bring_about(session, declared, dry_run=dry_run, prune=prune, secrets_file=secrets_file)


def standard_input() -> bytes:
    """As much of standard input as a file may have, and a byte more if there is more."""
    return sys.stdin.buffer.read(FILE_BYTES_MAX + 1)


def read_set(read: Sequence[Source], set_name: str | None) -> DeclaredSet:
    """The set that files declare."""
    return declared_set(read, set_of(set_name))


def bring_about(
    session: Session, declared: DeclaredSet, *, dry_run: bool, prune: bool, secrets_file: Path | None
) -> None:
    """Show what is to change and, unless it is a dry run, change it, telling each change as soon as it is made."""
    company = session.company_of(declared.company)
    with session.output.progress("Looking at what there is"):
        prepared = prepare(session.client, company, declared, prune=prune)
    for change in prepared.changes:
        for line in told(change, prepared.names):
            session.output.coloured(str(line), COLOURS.get(line.mark))
    session.output.done(summary(prepared.changes))
    if dry_run:
        if session.output.is_json:
            session.output.done("", _as_json(prepared.changes, 0, ()))
        if prepared.changes:
            raise typer.Exit(ExitCode.WOULD_CHANGE)
        return
    with ExitStack() as stack:
        secrets = None
        if secrets_file is not None and prepared.makes_secrets:
            secrets = stack.enter_context(_opened(secrets_file))
        _carry_out(session, prepared, secrets)


def _carry_out(session: Session, prepared: Prepared, secrets_file: FileIO | None) -> None:
    count, shown = 0, list[Secret]()
    try:
        for done in carry_out(session.client, prepared):
            count += 1
            session.output.done(f"Done: {headline(done.change)}")
            for secret in done.secrets:
                if secrets_file is None:
                    shown.append(secret)
                    session.output.done(f"  {secret.trigger}: {secret.webhook_url}")
                    session.output.done(f"  {secret.trigger}: {secret.webhook_secret or 'no secret'}")
                else:
                    _keep(secret, secrets_file)
    except (RoutinesError, KeyboardInterrupt) as error:
        told_aside(f"{count} of {len(prepared.changes)} changes were made; apply again, and it goes on from there")
        for note in getattr(error, "__notes__", ()):
            told_aside(note)
        raise
    finally:
        if session.output.is_json:
            session.output.done("", _as_json(prepared.changes, count, shown))


def _as_json(changes: Sequence[Change], done: int, secrets: Sequence[Secret]) -> dict[str, Any]:
    """The changes and what became of them, for scripts."""
    listed = [
        {
            "change": type(each).__name__[0].lower() + type(each).__name__[1:],
            "key": change_key(each),
            "fields": [in_files(difference.name) for difference in getattr(each, "differences", ())],
            "done": number < done,
        }
        for number, each in enumerate(changes)
    ]
    return {"changes": listed, "secrets": [_secret_json(each) for each in secrets]}


def _secret_json(secret: Secret) -> dict[str, Any]:
    return {
        "routine": secret.routine,
        "trigger": secret.trigger,
        "webhookUrl": secret.webhook_url,
        "webhookSecret": secret.webhook_secret,
    }


def _keep(secret: Secret, file: FileIO) -> None:
    """Append a secret to a file; raises `FoundWrongError` where that is full, for then nobody has the secret."""
    line = (json_text(_secret_json(secret)) + "\n").encode()
    try:
        is_kept = file.write(line) == len(line)
    except OSError:
        is_kept = False
    if not is_kept:
        raise FoundWrongError(
            f"The secret of the webhook {secret.trigger} of {secret.routine} could not be written to the file, so that "
            "nobody has it; `routines trigger rotate`, with the id that `routines trigger list` shows, makes a new one"
        )


def _opened(path: Path) -> FileIO:
    """A file to append to that only its owner can read, opened before anything is changed."""
    # Without waiting: a pipe that nobody reads would otherwise be waited for.
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | careful, OWNER_ONLY)
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if is_file and hasattr(os, "fchmod"):
            os.fchmod(descriptor, OWNER_ONLY)
    except OSError as error:
        raise WrongUseError(
            f"--secrets-file: {path} cannot be written: {error.strerror}; nothing was changed"
        ) from None
    if not is_file:
        os.close(descriptor)
        raise WrongUseError(
            f"--secrets-file: {path} is no regular file, which its owner alone could read; nothing was changed"
        )
    return FileIO(descriptor, "a")  # without a buffer, so that what was written is there, or is known not to be
