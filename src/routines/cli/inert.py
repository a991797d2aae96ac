"""Text from outside, made so that a terminal only shows it: no control character and no escape sequence is left.

Where it is shown is not decided here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"  # Persian and many emoji are written with them, and they move nothing
_SPACES = "Zs"
_UNPRINTABLE_IN_ASCII = re.compile(r"[^\x20-\x7e]")


def inert(text: str) -> str:
    r"""The text on one line; what is no visible character stands as its escape, such as `\x1b` or `\n`."""
    return _UNPRINTABLE_IN_ASCII.sub(lambda found: _shown(found[0]), text)


def inert_lines(text: str) -> list[str]:
    """The lines of a text, each of them inert."""
    return [inert(line) for line in text.splitlines()]


def json_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:  # noqa: ANN401 - any JSON
    """The JSON of a value; what is no visible character is escaped as JSON escapes it, so that its meaning is kept."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    return _UNPRINTABLE_IN_ASCII.sub(lambda found: _escaped_in_json(found[0]), text)


def _is_seen(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == _SPACES


def _shown(character: str) -> str:
    return character if _is_seen(character) else character.encode("unicode_escape", "surrogatepass").decode()


def _escaped_in_json(character: str) -> str:
    return character if character == "\n" or _is_seen(character) else json.dumps(character)[1:-1]
