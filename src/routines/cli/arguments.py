"""Arguments and options that several commands have, and how what is typed becomes a value.

Whether the service takes the value is the service's to say.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from routines.cli.exits import WrongUseError
from routines.client.call import OMITTED, Omitted
from routines.core.errors import RoutinesError
from routines.core.limits import BODY_BYTES_MAX
from routines.core.strict_json import loads

T = TypeVar("T")
STDIN = "-"

Routine = Annotated[str, typer.Argument(help="Its id, 6 or more characters of the id's beginning, or its exact title.")]
Trigger = Annotated[str, typer.Argument(help="Its id, 6 or more characters of the id's beginning, or its exact label.")]
Issue = Annotated[str, typer.Argument(help="Its identifier, such as ACME-12, its id or the id's beginning.")]
Agent = Annotated[str, typer.Argument(help="Its id, 6 or more characters of the id's beginning, or its exact name.")]
Project = Annotated[str, typer.Argument(help="Its id, 6 or more characters of the id's beginning, or its exact name.")]
ByAgent = Annotated[str | None, typer.Option("--agent", help="Id or name of an agent.")]
OfProject = Annotated[str | None, typer.Option("--project", help="Id or name of a project.")]
OfGoal = Annotated[str | None, typer.Option("--goal", help="Id or title of a goal.")]
Description = Annotated[str | None, typer.Option(help="Its text, or - to read it from standard input.")]
Payload = Annotated[
    str | None, typer.Option(help="A JSON object, @FILE to read it from a file, or - to read it from standard input.")
]
Limit = Annotated[int | None, typer.Option(help="How many at most.", min=1)]
Before = Annotated[str | None, typer.Option(help="Whole id of an entry: list what is older than it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def optional(value: T | None) -> T | Omitted:
    """A value as the client takes it, which knows None as something that can be sent."""
    return OMITTED if value is None else value


def clearable(value: str | None) -> str | Omitted | None:
    """The same of a change, in which an empty text takes away what is there."""
    return None if value == "" else optional(value)


def text_of(given: str | None) -> str | Omitted:
    """A text that was typed, or is on standard input."""
    if given != STDIN:
        return optional(given)
    return _read(STDIN).decode("utf-8", "replace").strip("\n")


def object_of(given: str | None, option: str) -> dict[str, Any] | Omitted:
    """A JSON object that was typed, or is in a file or on standard input; raises `WrongUseError`."""
    if given is None:
        return OMITTED
    from_elsewhere = given == STDIN or given.startswith("@")
    try:
        value = loads(_read(given) if from_elsewhere else given.encode("utf-8", "surrogateescape"))
    except RoutinesError as error:
        raise WrongUseError(f"{option}: {error.sentence}") from None
    if not isinstance(value, dict):
        raise WrongUseError(f'{option} takes a JSON object, such as \'{{"site": "https://example.com"}}\'')
    return value


def instant_of(given: str | None, option: str) -> datetime | Omitted:
    """An instant that was typed; without an offset it is of the local zone. Raises `WrongUseError`."""
    if given is None:
        return OMITTED
    try:
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError, OSError):
        raise WrongUseError(f"{option} takes an instant, such as 2026-03-02T12:00 or 2026-03-02T12:00:00Z") from None


def _read(given: str) -> bytes:
    """What a file or standard input holds; raises `WrongUseError`, also for more than a body may have."""
    try:
        if given == STDIN:
            content = sys.stdin.buffer.read(BODY_BYTES_MAX + 1)
        else:
            with Path(given[1:]).open("rb") as file:
                content = file.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise WrongUseError(f"{given[1:]} cannot be read: {error.strerror}") from None
    if len(content) > BODY_BYTES_MAX:
        raise WrongUseError(f"{given} holds more than {BODY_BYTES_MAX:,} bytes, which is the most that a body may have")
    return content
