"""How a command ends: its exit code, and the one sentence on standard error that says why.

What went wrong is told by whoever found it; no command chooses a number by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from routines.cli.inert import inert_lines
from routines.core.errors import RoutinesError


class ExitCode(IntEnum):
    """What a script can tell the end of a command by."""

    DONE = 0
    FOUND_WRONG = 1
    WRONG_USE = 2
    REFUSED = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    WOULD_CHANGE = 6
    INTERRUPTED = 130


_MEANINGS = {
    ExitCode.DONE: "it is done",
    ExitCode.FOUND_WRONG: "something is not well, as `doctor`, `run --wait` and `import` find; or you answered no",
    ExitCode.WRONG_USE: "what was typed cannot be meant; nothing was asked of the service, or only which thing it is",
    ExitCode.REFUSED: "the service refused: 400, 401, 403, 409, 422, or 429 to the end",
    ExitCode.NOT_FOUND: "there is no such thing, or not for this caller",
    ExitCode.UNREACHABLE: "the service cannot be reached, is not ready (503) after several attempts, or broke",
    ExitCode.WOULD_CHANGE: "`apply --dry-run`: something would change",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C, also where that is how a command ends",
}


def meaning(code: ExitCode) -> str:
    """What an exit code means, for whoever reads of it."""
    return _MEANINGS[code]


class CommandError(RoutinesError):
    """What a command itself has found; the sentence is for the person at the terminal."""

    code = ExitCode.WRONG_USE


class WrongUseError(CommandError):
    """What was typed cannot be meant."""


class NothingSuchError(CommandError):
    """There is nothing of that name."""

    code = ExitCode.NOT_FOUND


class FoundWrongError(CommandError):
    """The command did its work, and what it found is not well."""

    code = ExitCode.FOUND_WRONG


def tell(error: RoutinesError) -> None:
    """Say on standard error what went wrong, in lines in which nothing from outside does anything."""
    for line in inert_lines(str(error)):
        print(f"routines: {line}", file=sys.stderr)  # noqa: T201 - the result


def code_of(error: RoutinesError) -> ExitCode:
    """The exit code that an error is; what stays unknown was typed wrongly."""
    from routines.client import errors  # noqa: PLC0415 - whoever raised one of these has loaded it

    match error:
        case CommandError():
            return error.code
        case errors.NotFoundError():
            return ExitCode.NOT_FOUND
        case errors.ServerFaultError() | errors.ConnectionFailedError() | errors.UnexpectedReplyError():
            return ExitCode.UNREACHABLE
        case errors.ApiError():
            return ExitCode.REFUSED
        case _:
            return ExitCode.WRONG_USE


@contextmanager
def ending_plainly() -> Iterator[None]:
    """Turns what goes wrong in the block into its sentence and its exit code."""
    try:
        yield
    except RoutinesError as error:
        tell(error)
        sys.exit(code_of(error))
    except UnicodeEncodeError:  # the client's, for an address; what stands in a body is the service's to refuse
        tell(WrongUseError("What was typed has bytes that are no text where this runs, and cannot be sent"))
        sys.exit(ExitCode.WRONG_USE)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
