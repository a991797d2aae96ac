"""What a command says on standard output: the API's JSON, tables for people, plain columns for pipes.

Which values there are is the service's; which of them a list shows is in `columns`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TextIO

from routines.cli.columns import LISTS_WITHIN, Column, Entry, Form
from routines.cli.inert import inert, inert_lines, json_text
from routines.clock import Clock
from routines.web.times import relative

if TYPE_CHECKING:
    from rich.console import RenderableType

ID_CHARACTERS_MIN = 8  # shorter ones look alike among things that were made on the same day
INDENT_SPACES = 2
GAP = "  "
INSTANT_ENDINGS = ("At", "For", "Times")
"""How the names of fields end that hold an instant, or several."""
OF_ANY_SHAPE = frozenset({"triggerPayload", "details", "adapterConfig", "runtimeConfig"})
"""Objects whose fields are nobody's here to know: they are shown as JSON."""


class Style(Enum):
    """For whom it is printed."""

    JSON = auto()
    TERMINAL = auto()
    PLAIN = auto()


class Output:
    """Prints what a command has found, in the style of whoever reads it."""

    def __init__(self, style: Style, clock: Clock, stream: TextIO) -> None:
        self.style = style
        self._clock = clock
        self._stream = stream
        self.ascii_only = "utf" not in (stream.encoding or "utf-8").lower()
        """Whether nothing but ASCII can be told, so that whoever makes a language of it escapes the rest in its way."""

    def listing(self, columns: Sequence[Column], entries: Sequence[Entry]) -> None:
        """A list, in the order in which the service gave it."""
        if self.style is Style.JSON:
            self._print_json(entries, indent=INDENT_SPACES)
        elif self.style is Style.TERMINAL:
            self._print_table(columns, entries)
        else:
            self._print_columns([[each.heading for each in columns], *self._rows(columns, entries)])

    def detail(self, entry: Entry) -> None:
        """One thing, field by field; what is empty is left out, and times are exact."""
        if self.style is Style.JSON:
            self._print_json(entry, indent=INDENT_SPACES)
            return
        filled = {name: _without_gaps(value) for name, value in entry.items()}
        shown = {name: value for name, value in filled.items() if value not in (None, [], {})}
        fields = list(_fields({name: value for name, value in shown.items() if name not in LISTS_WITHIN}))
        widest = max((len(words) for words, _, _ in fields), default=0)
        for words, name, value in fields:
            self._print_field(words.ljust(widest), self._said(name, value))
        for name, columns in LISTS_WITHIN.items():
            if name in shown:
                self._print(f"\n{_words(name)}")
                self.listing(columns, shown[name])

    def done(self, sentence: str, value: Any = None) -> None:  # noqa: ANN401 - any JSON
        """That something was done; as JSON what the service answered, if it did."""
        if self.style is not Style.JSON:
            self._print(inert(sentence))
        elif value is not None:
            self._print_json(value, indent=INDENT_SPACES)

    @property
    def is_json(self) -> bool:
        """Whether a program reads it."""
        return self.style is Style.JSON

    def coloured(self, sentence: str, colour: str | None) -> None:
        """A line for people, in a colour if it is a terminal's."""
        if colour is None or self.style is not Style.TERMINAL:
            self.done(sentence)
            return
        from rich.text import Text  # noqa: PLC0415 - only terminals need it

        self._print_rich(Text(self._encodable(inert(sentence)), style=colour), soft_wrap=True)

    def text(self, text: str) -> None:
        """A text of many lines as it is, its lines inert."""
        for line in inert_lines(text):
            self._print(line)

    def event(self, columns: Sequence[Column], entry: Entry) -> None:
        """One entry of a stream, on a line of its own and at once."""
        if self.style is Style.JSON:
            self._print_json(entry, indent=None)
        else:
            cells = [self._exact(_instant(entry, each)) or self._cell(each, entry) for each in columns]
            self._print(GAP.join(each for each in cells if each))
        self._stream.flush()

    def progress(self, sentence: str) -> AbstractContextManager[Any]:
        """Says on a terminal what is being waited for, until the end of the block; nothing elsewhere."""
        if self.style is not Style.TERMINAL:
            return nullcontext()
        from rich.console import Console  # noqa: PLC0415 - only terminals need it
        from rich.text import Text  # noqa: PLC0415 - the same

        return Console(stderr=True).status(Text(inert(sentence)))

    def _print_json(self, value: Any, *, indent: int | None) -> None:  # noqa: ANN401 - any JSON
        self._print(json_text(value, indent=indent, ascii_only=self.ascii_only))

    def _print(self, text: str, end: str = "\n") -> None:
        print(self._encodable(text), file=self._stream, end=end)

    def _print_rich(self, what: RenderableType, *, soft_wrap: bool = False) -> None:
        from rich.console import Console  # noqa: PLC0415 - only terminals need it, and it takes long to load

        console = Console(file=self._stream, highlight=False, force_terminal=True)
        with console.capture() as captured:
            console.print(what, soft_wrap=soft_wrap)
        self._print(captured.get(), end="")  # what Rich itself puts in, such as an ellipsis, is not in each encoding

    def _encodable(self, text: str) -> str:
        return text.encode("ascii", "backslashreplace").decode() if self.ascii_only else text

    def _print_field(self, name: str, value: str) -> None:
        first, *others = inert_lines(value) or [""]
        self._print(f"{name}{GAP}{first}")
        for line in others:
            self._print(f"{' ' * len(name)}{GAP}{line}")

    def _print_columns(self, rows: Sequence[Sequence[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self._print(GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def _print_table(self, columns: Sequence[Column], entries: Sequence[Entry]) -> None:
        from rich import box  # noqa: PLC0415 - only terminals need it, and it takes long to load
        from rich.table import Table  # noqa: PLC0415 - the same
        from rich.text import Text  # noqa: PLC0415 - the same

        if not entries:
            self._print("There are none.")
            return
        filled = [each for each in columns if any(each.value(entry) not in (None, "") for entry in entries)]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for each in filled:
            is_text = each.form is Form.TEXT
            table.add_column(each.heading, no_wrap=not is_text, overflow="fold" if is_text else "ellipsis")
        for row in self._rows(filled, entries):
            table.add_row(*(Text(self._encodable(cell)) for cell in row))
        self._print_rich(table)

    def _rows(self, columns: Sequence[Column], entries: Sequence[Entry]) -> list[list[str]]:
        cells = [[self._cell(each, entry) for entry in entries] for each in columns]
        if self.style is Style.TERMINAL:
            cells = [
                shortened(column) if each.form is Form.ID else column
                for each, column in zip(columns, cells, strict=True)
            ]
        return [list(row) for row in zip(*cells, strict=True)]

    def _cell(self, column: Column, entry: Entry) -> str:
        value = column.value(entry)
        if column.form is not Form.INSTANT or not isinstance(value, str):
            return inert(_text(value))
        if self.style is Style.TERMINAL:
            return relative(datetime.fromisoformat(value), self._clock.now())
        return datetime.fromisoformat(value).astimezone().isoformat(timespec="seconds")

    def _said(self, name: str, value: Any) -> str:  # noqa: ANN401 - any JSON
        if isinstance(value, list):
            return "\n".join(self._said(name, each) for each in value)
        if name.endswith(INSTANT_ENDINGS) and isinstance(value, str):
            return f"{self._exact(value)} ({relative(datetime.fromisoformat(value), self._clock.now())})"
        return _text(value)

    def _exact(self, instant: str) -> str:
        return f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M:%S %Z}" if instant else ""


def style_of(*, json: bool, is_terminal: bool) -> Style:
    """The style for whoever reads standard output."""
    if json:
        return Style.JSON
    return Style.TERMINAL if is_terminal else Style.PLAIN


def shortened(ids: Iterable[str]) -> list[str]:
    """Ids cut to the shortest length at which each of them is still told from the others."""
    whole = list(ids)
    different = set(whole)
    for length in range(ID_CHARACTERS_MIN, max(map(len, different), default=0)):
        if len({each[:length] for each in different}) == len(different):
            return [each[:length] for each in whole]
    return whole


def _instant(entry: Entry, column: Column) -> str:
    return str(column.value(entry)) if column.form is Form.INSTANT else ""


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json_text(value)


def _without_gaps(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A list without the places in it at which there is nothing."""
    return [each for each in value if each is not None] if isinstance(value, list) else value


def _fields(entry: Entry) -> Iterator[tuple[str, str, Any]]:
    """What is shown of one thing, line by line: the words before it, its name and its value.

    What it only refers to is told by its name; what is a part of it, field by field.
    """
    for name, value in entry.items():
        if not isinstance(value, dict) or name in OF_ANY_SHAPE:
            yield _words(name), name, value
        elif called := value.get("identifier") or value.get("name"):
            yield _words(name), name, f"{called} {value['title']}" if value.get("title") else called
        else:
            yield from (
                (f"{_words(name)} {words}", inner, each) for words, inner, each in _fields(value) if each is not None
            )


def _words(name: str) -> str:
    """A name of the wire as words: `nextRunAt` is `next run at`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def told_aside(sentence: str) -> None:
    """Say something on standard error that is no result."""
    print(inert(sentence), file=sys.stderr)  # noqa: T201 - for the person at the terminal
