"""YAML as values of JSON, each with its place; what two versions of YAML read differently is refused, not guessed.

What the values mean is not known here. JSON is YAML too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import AliasEvent

from routines.code.faults import FileFault, FilesError, Place
from routines.core.limits import FILE_DEPTH_MAX

Json = Any
_TAG = "tag:yaml.org,2002:"
_NULL, _BOOL, _INT, _FLOAT, _TEXT = (_TAG + kind for kind in ("null", "bool", "int", "float", "str"))
# The core schema of YAML 1.2, in the order in which its words are tried.
_CORE = (
    (_NULL, re.compile(r"|~|null|Null|NULL")),
    (_BOOL, re.compile(r"true|True|TRUE|false|False|FALSE")),
    (_INT, re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)),
    (
        _FLOAT,
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    ),
)
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?", re.ASCII)
_SHOWN_CHARACTERS_MAX = 40  # of a word that is repeated in a sentence


@dataclass(frozen=True, slots=True)
class Part:
    """A value at its place; `members` are those of a list or mapping, `names` where a mapping's keys stand."""

    value: Json
    place: Place
    members: Mapping[str | int, Part] = field(default_factory=dict)
    names: Mapping[str, Place] = field(default_factory=dict)


def read_yaml(text: str, source: str) -> list[Part]:
    """The documents of a text that hold anything, each with the places of all that is in it.

    Raises `FilesError` for what is no YAML, for keys that come twice, and for what some programs read otherwise.
    """
    reading = _Reading(source)
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
        found = [reading.part(node, 0) for node in nodes if not _is_empty(node)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source) if mark is None else reading.place(mark)
        raise FilesError([FileFault(place, _words(error))]) from None
    except yaml.YAMLError as error:  # characters that no YAML has
        raise FilesError([FileFault(Place(source), f"This is no YAML: {error}")]) from None
    except RecursionError:
        raise FilesError([FileFault(Place(source), _TOO_DEEP)]) from None
    if reading.faults:
        raise FilesError(reading.faults)
    return found


def core_kind(text: str) -> str:
    """The tag that a word without quotes has in the core schema of YAML 1.2."""
    return next((tag for tag, pattern in _CORE if pattern.fullmatch(text)), _TEXT)


def is_text_to_all(text: str) -> bool:
    """Whether a word without quotes is text in the core schema, so that only YAML 1.1 has to be asked."""
    return core_kind(text) == _TEXT


_TOO_DEEP = f"Lists and mappings stand in each other more than {FILE_DEPTH_MAX} deep; a routine needs five"


class _Loader(yaml.SafeLoader):
    """Composes nodes, none of which is another's alias."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's own
        event = self.peek_event()  # type: ignore[no-untyped-call]  # its types are looser
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            problem = "Anchors and aliases are not read here; write it out, or use `defaults`"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


class _Reading:
    """One file on its way from nodes to parts."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.faults: list[FileFault] = []

    def place(self, mark: Any) -> Place:  # noqa: ANN401 - PyYAML's own
        """Where a mark stands."""
        return Place(self._source, mark.line + 1, mark.column + 1)

    def part(self, node: yaml.Node, depth: int) -> Part:
        """A node and all in it; what is wrong with it is among the faults."""
        place = self.place(node.start_mark)
        if depth > FILE_DEPTH_MAX:
            self.faults.append(FileFault(place, _TOO_DEEP))
            return Part(None, place)
        if isinstance(node, yaml.ScalarNode):
            return Part(self._scalar(node, place), place)
        if node.tag not in {_TAG + "map", _TAG + "seq"}:
            self.faults.append(FileFault(place, f"Tags such as {node.tag[:_SHOWN_CHARACTERS_MAX]!r} are not read here"))
        if isinstance(node, yaml.SequenceNode):
            listed = [self.part(each, depth + 1) for each in node.value]
            return Part([each.value for each in listed], place, dict(enumerate(listed)))
        return self._mapping(node, place, depth)

    def _mapping(self, node: yaml.Node, place: Place, depth: int) -> Part:
        members: dict[str | int, Part] = {}
        names: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key = self.part(key_node, depth + 1)
            if not isinstance(key.value, str):
                if not self.faults or self.faults[-1].place != key.place:
                    self.faults.append(FileFault(key.place, "A name is text; put it in quotes if it is meant"))
            elif key.value in names:
                first = names[key.value]
                self.faults.append(FileFault(key.place, f"`{key.value}` stands here twice, first in line {first.line}"))
            else:
                names[key.value] = key.place
                members[key.value] = self.part(value_node, depth + 1)
        return Part({str(name): each.value for name, each in members.items()}, place, members, names)

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Json:
        text: str = node.value
        if node.style is not None:
            kind = _TEXT
        else:
            kind = core_kind(text)
            ambiguous = kind in {_INT, _FLOAT} and _PLAIN_NUMBER.fullmatch(text) is None
            if node.tag != kind or ambiguous:
                self.faults.append(FileFault(place, _ambiguous(text)))
                return None
        if kind == _TEXT:
            return self._text(text, place)
        return {_NULL: None, _BOOL: text.lower() == "true"}.get(kind) if kind in {_NULL, _BOOL} else _number(text)

    def _text(self, text: str, place: Place) -> str:
        if "\0" in text:
            self.faults.append(FileFault(place, "The character NUL is in no text of the service"))
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")  # JSON writes some characters as two
        except UnicodeDecodeError:
            self.faults.append(FileFault(place, "Half of a character is written here as \\ud8… without the other half"))
            return ""


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value == ""


def _ambiguous(text: str) -> str:
    shown = text[:_SHOWN_CHARACTERS_MAX]
    if text == "<<":
        return "`<<` is not read here; write it out, or use `defaults`"
    truth = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower())
    instead = f", or write {truth} without quotes" if truth else ""
    return f"{shown} without quotes is not read alike by all programs; if it is text, write '{shown}'{instead}"


def _words(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, with what helps where a cron expression is the cause."""
    problem = error.problem or "it ends too early"
    if error.context == "while scanning an alias" or "'@' that cannot start" in problem:
        return "This is no YAML. A cron expression that begins with * or @ stands in quotes: '*/5 * * * *', '@daily'"
    if isinstance(error, yaml.composer.ComposerError):
        return problem
    return f"This is no YAML: {f'{error.context}, ' if error.context else ''}{problem}"
