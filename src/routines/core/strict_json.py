"""JSON as the service takes and keeps it: RFC 8259, minus what a database or another reader would refuse.

Only text and values meet here; which values a call accepts is decided by whoever asked for them.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
from typing import NoReturn

from routines.core.errors import MalformedBodyError
from routines.core.limits import JSON_DEPTH_MAX

_NUMBER_CHARACTERS_SHOWN = 30  # enough to find it in the body
_OPENING = b"[{"
_BRACKETS = b"[]{}"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)

# A string ends at its quote or, in broken JSON, with the text. Possessive, so that no text makes it look twice.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)

# Text up to the first escape that stands for NUL or for half of a surrogate pair.
_STORABLE = re.compile(
    r"""(?: [^\\]++
          | \\[^u]
          | \\u [dD][89abAB][0-9a-fA-F]{2} \\u [dD][c-fC-F]  # both halves of a pair
          | \\u (?! 0000 | [dD][89a-fA-F] )
        )*+""",
    re.VERBOSE,
)


def loads(raw: bytes) -> object:
    """The value of a JSON document that every database and every JSON reader can hold.

    `raw` is UTF-8, with or without a byte order mark; of a repeated key the last one counts (RFC 8259, section 4).
    Raises MalformedBodyError, saying what is wrong and where, for anything else: broken syntax, NaN and infinities,
    numbers that overflow, lone surrogates, NUL in a string, and nesting deeper than JSON_DEPTH_MAX.
    """
    text = _decoded(raw)
    _refuse_depth(text)
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        what = error.msg.rstrip(": ").removesuffix(" at")
        raise _malformed(f"{what[0].lower()}{what[1:]}", text, error.pos) from error
    except ValueError as error:  # Python bounds the digits of an integer, since reading them takes quadratic time
        raise MalformedBodyError(
            f"Malformed JSON: an integer has more than {sys.get_int_max_str_digits()} digits"
        ) from error
    _refuse_unstorable(text)
    return value


def dumps(value: object) -> str:
    """The compact JSON text of a value, characters as themselves: what is stored and signed.

    Raises ValueError for NaN and infinities and TypeError for what JSON has no form for; `loads` gives neither.
    """
    return _ENCODER.encode(value)


def _decoded(raw: bytes) -> str:
    unmarked = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return unmarked.decode()
    except UnicodeDecodeError as error:
        offset = error.start + len(raw) - len(unmarked)
        raise MalformedBodyError(f"Malformed JSON: not UTF-8, byte {offset} is 0x{raw[offset]:02x}") from error


def _refuse_depth(text: str) -> None:
    """Count nesting before the parser recurses into it."""
    if text.count("[") + text.count("{") <= JSON_DEPTH_MAX:
        return  # the usual case, settled without looking at the strings
    depth = 0
    for bracket in _STRING.sub("", text).encode().translate(None, _NO_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > JSON_DEPTH_MAX:
            raise MalformedBodyError(f"Malformed JSON: nested deeper than {JSON_DEPTH_MAX} levels")


def _refuse_unstorable(text: str) -> None:
    """Refuse escapes that stand for no character a database keeps; `text` is valid JSON, so they are in strings."""
    if "\\u" not in text:
        return
    storable = _STORABLE.match(text)
    if storable is None or storable.end() == len(text):
        return
    escape = text[storable.end() : storable.end() + 6]
    what = "is NUL" if escape == "\\u0000" else "is half of a surrogate pair"
    raise _malformed(f"{escape} {what}, which no text can hold,", text, storable.end())


def _malformed(what: str, text: str, position: int) -> MalformedBodyError:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return MalformedBodyError(f"Malformed JSON: {what} at line {line}, column {column}")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        shown = number if len(number) <= _NUMBER_CHARACTERS_SHOWN else f"{number[:_NUMBER_CHARACTERS_SHOWN]}…"
        raise MalformedBodyError(
            f"Malformed JSON: the number {shown} is larger than a double can be",
            why="Malformed JSON: a number is larger than a double can be",
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedBodyError(f"Malformed JSON: {name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
