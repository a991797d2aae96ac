"""Where in which file something is wrong, and what: as values, and as the error that stops an apply before it begins.

What counts as wrong is decided where the files are read and where their names are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routines.core.errors import RoutinesError
from routines.core.limits import FILE_FAULTS_TOLD_MAX


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file, counted from 1 as editors do; line 0 is the file as a whole."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True, order=True)
class FileFault:
    """One thing wrong at one place; the message says what would be right."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class FilesError(RoutinesError):
    """Files cannot be taken as they are; nothing has been changed. `faults` has each thing wrong, in order."""

    def __init__(self, faults: Sequence[FileFault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        told = [str(each) for each in self.faults[:FILE_FAULTS_TOLD_MAX]]
        more = len(self.faults) - len(told)
        super().__init__("\n".join([*told, *([f"and {more} more"] if more else [])]))
