"""Which nouns the program knows, each loaded only when it is used, so that no command waits for the others.

What can be done with a noun is in its file in `commands`.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

NOUNS = {
    "routine": "routines",
    "trigger": "triggers",
    "runs": "runs",
    "issue": "issues",
    "agent": "agents",
    "heartbeat": "heartbeats",
    "project": "projects",
    "company": "companies",
    "upcoming": "upcoming",
    "health": "health",
    "cron": "cron",
    "watch": "watch",
    "login": "login",
    "profile": "profiles",
    "apply": "apply",
    "export": "export",
    "import": "importing",
}
"""The word that is typed, and the file of `commands` whose `app` it is."""


class _Loading(UserDict[str, Any]):
    """The commands by their words; a noun is loaded when it is asked for."""

    def __missing__(self, word: str) -> Any:  # noqa: ANN401 - the library keeps the type of a command to itself
        if word not in NOUNS:
            raise KeyError(word)
        command = typer.main.get_command(import_module(f"routines.cli.commands.{NOUNS[word]}").app)
        command.name = word
        self.data[word] = command
        return command

    def __contains__(self, word: object) -> bool:
        return word in NOUNS or word in self.data

    def __iter__(self) -> Iterator[str]:
        return iter([*NOUNS, *(word for word in self.data if word not in NOUNS)])

    def __len__(self) -> int:
        return len(list(iter(self)))


class Nouns(TyperGroup):
    """A group that has the nouns, first, beside the commands that were added to it."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - what the library gives to every group
        super().__init__(**given)
        self.commands = _Loading(self.commands)


def group(help_text: str) -> typer.Typer:
    """A noun with its verbs, which are added to it."""
    made = typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    made.callback()(_nothing_beforehand)  # without it the library takes a noun with one verb for that verb
    return made


def _nothing_beforehand() -> None:
    pass


def verb() -> typer.Typer:
    """A word that is a command by itself, which is added to it."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
