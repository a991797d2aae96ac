"""The page that has every command of the program, made of what the program says of itself with `--help`.

How commands are used is in docs/cli.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from routines.cli.exits import ExitCode, meaning
from routines.cli.main import app
from routines.cli.remote import common_options

Parameter = TyperArgument | TyperOption
HEAD = """\
# Every command

Written by `make reference` from the program's own description, which `--help` prints too; do not change it by hand.
[The command line](../cli.md) says how they are used together.
"""
COMMON = """\
## What every command that calls a service takes

These stand after the command; commands below that have a `*` take them.
"""
LIBRARYS_OWN = frozenset({"install_completion", "show_completion", "help"})


def cli() -> str:
    """The page as it should be."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    common = set(common_options())
    yield HEAD
    yield "## Exit codes\n"
    yield "| code | what it means |"
    yield "|---|---|"
    for code in ExitCode:
        yield f"| {code.value} | {meaning(code)} |"
    yield ""
    yield COMMON
    some = get_command(app).commands["upcoming"]
    yield from _options([each for each in some.params if each.name in common])
    for word, command in get_command(app).commands.items():
        if isinstance(command, TyperGroup):
            yield f"## `routines {word}`\n"
            yield f"{_text(command.help)}\n"
        yield from _commands(f"routines {word}", command, common, "###" if isinstance(command, TyperGroup) else "##")


def _commands(words: str, command: TyperCommand | TyperGroup, common: set[str], heading: str) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for word, each in command.commands.items():
            yield from _commands(f"{words} {word}", each, common, heading)
        return
    is_remote = common <= {each.name for each in command.params}
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    typed = " ".join([words, *(_metavar(each) for each in arguments)])
    yield f"{heading} `{typed}`{' *' if is_remote else ''}\n"
    yield f"{_text(command.help or getdoc(command.callback))}\n"
    own = [each for each in command.params if each.name not in LIBRARYS_OWN and not (is_remote and each.name in common)]
    yield from _options(own)


def _metavar(argument: Parameter) -> str:
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def _options(parameters: list[Parameter]) -> Iterator[str]:
    if not parameters:
        return
    yield "| | |"
    yield "|---|---|"
    for each in parameters:
        yield f"| {_written(each)} | {_text(each.help)}{_bounds(each)} |"
    yield ""


def _written(parameter: Parameter) -> str:
    """How it is typed."""
    if isinstance(parameter, TyperArgument):
        return f"`{parameter.name.upper()}`"
    written = ", ".join(f"`{each}`" for each in [*parameter.opts, *parameter.secondary_opts])
    choices = [getattr(each, "value", each) for each in parameter.type_descriptor.choices or ()]
    return " ".join([written, *(f"`{each}`" for each in choices)])


def _bounds(parameter: Parameter) -> str:
    low, high, default = parameter.min, parameter.max, parameter.default
    bounds = "" if low is None else f" At least {low}." if high is None else f" {low} to {high}."
    has_none = default in (None, "", False) or isinstance(parameter, TyperArgument)
    return bounds if has_none else f"{bounds} Default: `{default}`."


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
