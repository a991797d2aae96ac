"""A plan as lines for a person: what is made, changed and ended, field by field, in the words of the files.

Texts stand in them as they are: whoever prints a line makes it inert, and gives it its colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from routines.code.applying import change_key
from routines.code.company import Directory
from routines.code.planning import (
    AddTrigger,
    ArchiveRoutine,
    Change,
    CreateProject,
    CreateRoutine,
    Current,
    DeleteTrigger,
    Difference,
    ProjectToMake,
    UpdateRoutine,
    UpdateTrigger,
    Wanted,
    in_files,
)

DIFF_LINES_MAX = 40  # of one text: what is read on a screen; the file has the rest
SHOWN_CHARACTERS_MAX = 200  # of a value in one line
NEW, CHANGED, GONE, SAME = "+", "~", "-", " "


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `mark` says what it is about: something new, changed, gone, or none of these."""

    mark: str
    depth: int
    text: str

    def __str__(self) -> str:
        return f"{'  ' * self.depth}{self.mark} {self.text}".rstrip()


def told(change: Change, names: Directory) -> list[Line]:
    """A change in lines, the first of which names what it is about."""
    return list(_lines(change, names))


def headline(change: Change) -> str:
    """A change in half a line."""
    return _headline(change).text


def summary(changes: Sequence[Change]) -> str:
    """How many things are made, changed and ended."""
    counted = {NEW: 0, CHANGED: 0, GONE: 0}
    for change in changes:
        counted[_headline(change).mark] += 1
    words = {NEW: "to make", CHANGED: "to change", GONE: "to end"}
    return ", ".join(f"{count} {words[mark]}" for mark, count in counted.items() if count) or "Nothing to change"


def _lines(change: Change, names: Directory) -> Iterator[Line]:
    yield _headline(change)
    match change:
        case CreateRoutine(wanted):
            for name, value in wanted.fields.items():
                if value is not None:
                    yield from _value(name, value, names)
            for each in wanted.triggers:
                yield Line(NEW, 1, f"trigger {_trigger(each)}")
        case UpdateRoutine(_, _, differences) | UpdateTrigger(_, _, _, differences):
            for difference in differences:
                yield from _difference(difference, names)
        case _:
            return


def _headline(change: Change) -> Line:
    about = change_key(change)
    match change:
        case CreateProject():
            mark, text = NEW, f"project {about}"
        case CreateRoutine():
            mark, text = NEW, f"routine {about}"
        case UpdateRoutine(_, wanted):
            mark, text = CHANGED, f"routine {wanted.key}"
        case ArchiveRoutine(current):
            mark, text = GONE, f"routine {about}, {_shown(current.fields['title'])}: archived"
        case AddTrigger(_, wanted):
            mark, text = NEW, f"trigger of {about}: {_trigger(wanted)}"
        case UpdateTrigger(_, _, wanted):
            mark, text = CHANGED, f"trigger of {about}: {wanted.key}"
        case DeleteTrigger(_, current):
            mark, text = GONE, f"trigger of {about}: {_trigger(current)}"
    return Line(mark, 0, text)


def _trigger(trigger: Wanted | Current) -> str:
    """A trigger in half a line."""
    fields = trigger.fields
    words = [str(fields["kind"])]
    words += [
        f"{in_files(name)} {_shown(value)}"
        for name, value in fields.items()
        if name != "kind" and value is not None and not (name == "enabled" and value)
    ]
    named = "" if trigger.key == words[0] else f"{trigger.key}: "
    return named + ", ".join(words)


def _value(name: str, value: Any, names: Directory) -> Iterator[Line]:  # noqa: ANN401 - any field's
    """A field of something new."""
    if isinstance(value, str) and "\n" in value:
        yield Line(SAME, 1, f"{in_files(name)}:")
        yield from _bounded([Line(NEW, 2, line) for line in value.splitlines()])
    else:
        yield Line(SAME, 1, f"{in_files(name)}: {_named(name, value, names)}")


def _difference(difference: Difference, names: Directory) -> Iterator[Line]:
    name, before, after = difference.name, difference.before, difference.after
    if any(isinstance(each, str) and "\n" in each for each in (before, after)):
        yield Line(SAME, 1, f"{in_files(name)}:")
        lines = list(unified_diff((before or "").splitlines(), (after or "").splitlines(), n=1, lineterm=""))[2:]
        shown = [Line(_MARKS.get(line[0], SAME), 2, line[1:]) for line in lines if not line.startswith("@@")]
        yield from _bounded(shown or [Line(SAME, 2, "(only the ends of lines differ)")])
    else:
        yield Line(SAME, 1, f"{in_files(name)}: {_named(name, before, names)} → {_named(name, after, names)}")


_MARKS = {"+": NEW, "-": GONE}


def _bounded(lines: list[Line]) -> Iterator[Line]:
    yield from lines[:DIFF_LINES_MAX]
    if len(lines) > DIFF_LINES_MAX:
        yield Line(SAME, 2, f"… and {len(lines) - DIFF_LINES_MAX} more lines")


def _named(name: str, value: Any, names: Directory) -> str:  # noqa: ANN401 - any field's
    """A value as a file would have it, an id by the name of what it stands for."""
    among = names.of_field(name)
    if isinstance(value, ProjectToMake):
        return _shown(value.name)
    if among is not None and value is not None:
        return _shown(next((each.name for each in among.things if each.id == value), value))
    return _shown(value)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    shown = text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"
    return f'"{shown}"' if isinstance(value, str) else shown
