"""Which nouns the program knows, each loaded only when it is used, so that no command waits for the others.

What can be done with a noun is in its file in `commands`.
"""

from __future__ import annotations

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


class Nouns(TyperGroup):
    """A group that has the nouns beside the commands that were added to it."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - the library's context, which it keeps to itself
        """Every word that can be typed, the nouns first."""
        return [*NOUNS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - the same
        """The command of that word; a noun is loaded now."""
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        if cmd_name not in self.commands:
            loaded = import_module(f"routines.cli.commands.{NOUNS[cmd_name]}").app
            command = typer.main.get_command(loaded)
            command.name = cmd_name
            self.commands[cmd_name] = command
        return self.commands[cmd_name]


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
