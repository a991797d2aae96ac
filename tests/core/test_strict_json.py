"""Promises of `routines.core.strict_json`: what it takes, what it refuses and with which words.

How fast it is belongs to the benchmarks; here it only has to end.
"""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routines.core.errors import MalformedBodyError
from routines.core.limits import BODY_BYTES_MAX, JSON_DEPTH_MAX
from routines.core.strict_json import dumps, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children) | st.dictionaries(st.text(st.characters(min_codepoint=1, codec="utf-8")), children)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, 2.5, "x", true, null]}', {"a": [1, 2.5, "x", True, None]}),
        (b" \t\r\n[]\n", []),
        (b'"text"', "text"),
        (b"-0", 0),
        (b"1e308", 1e308),
        (b"1e-400", 0.0),
        ("\ufeff{}".encode(), {}),
        ('"é 😀"'.encode(), "é 😀"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\uD83D\uDE00"', "😀"),
        (rb'"\\u0000 \\ud800"', "\\u0000 \\ud800"),
        (rb'"\u0001\ud7ff\ue000"', "\x01\ud7ff\ue000"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"9" * 4_000, int("9" * 4_000)),
    ],
)
def test_what_is_json_is_read(raw: bytes, value: object) -> None:
    assert loads(raw) == value


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "expecting value at line 1, column 1"),
        (b'{"a": 1,\n "b": }', "expecting value at line 2, column 7"),
        (b"{} x", "extra data at line 1, column 4"),
        (b"{'a': 1}", "expecting property name enclosed in double quotes at line 1, column 2"),
        (b'["abc', "unterminated string starting at line 1, column 2"),
        (b'"a\nb"', "invalid control character at line 1, column 3"),
        (b'"\0"', "invalid control character at line 1, column 2"),
        (rb'"\x"', r"invalid \escape at line 1, column 2"),
        (b'{"a": "\xff"}', "not UTF-8, byte 7 is 0xff"),
        (b"\xef\xbb\xbf\xff", "not UTF-8, byte 3 is 0xff"),
        (b'"\xed\xa0\x80"', "not UTF-8, byte 1 is 0xed"),
        (b"NaN", "NaN is not a JSON number"),
        (b"[Infinity]", "Infinity is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b"[1e400]", "the number 1e400 is larger than a double can be"),
        (b"-1" + b"0" * 400 + b".0", "the number -1" + "0" * 28 + "… is larger than a double can be"),
        (b"1" * 5_000, "an integer has more than 4300 digits"),
        (rb'["\u0000"]', r"\u0000 is NUL, which no text can hold, at line 1, column 3"),
        (rb'{"\u0000": 1}', r"\u0000 is NUL, which no text can hold, at line 1, column 3"),
        (rb'"\\\u0000"', r"\u0000 is NUL, which no text can hold, at line 1, column 4"),
        (rb'"\ud800"', r"\ud800 is half of a surrogate pair, which no text can hold, at line 1, column 2"),
        (rb'"\uDC00\uD800"', r"\uDC00 is half of a surrogate pair, which no text can hold, at line 1, column 2"),
        (rb'"\ud83d\ude00\ud83d"', r"\ud83d is half of a surrogate pair, which no text can hold, at line 1, column 14"),
        (rb'"\ud83d\\ude00"', r"\ud83d is half of a surrogate pair, which no text can hold, at line 1, column 2"),
        (
            b'{"a":\n  {"\\udfff": 1}}',
            r"\udfff is half of a surrogate pair, which no text can hold, at line 2, column 5",
        ),
    ],
)
def test_anything_else_is_refused_with_its_reason_and_place(raw: bytes, sentence: str) -> None:
    with pytest.raises(MalformedBodyError) as refusal:
        loads(raw)
    assert refusal.value.sentence == f"Malformed JSON: {sentence}"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    loads(opening * JSON_DEPTH_MAX + b"1" + closing * JSON_DEPTH_MAX)
    with pytest.raises(MalformedBodyError, match="nested deeper than 64 levels"):
        loads(opening * (JSON_DEPTH_MAX + 1) + b"1" + closing * (JSON_DEPTH_MAX + 1))


def test_only_nesting_counts_and_not_the_number_of_brackets() -> None:
    assert loads(b"[" + b"[]," * 1_000 + b"[]]") == [[]] * 1_001
    assert loads(b'["' + b"[" * 1_000 + rb"\"" + b"[" * 1_000 + b'"]') == ["[" * 1_000 + '"' + "[" * 1_000]


def test_an_unclosed_string_is_named_rather_than_the_brackets_in_it() -> None:
    with pytest.raises(MalformedBodyError, match="unterminated string"):
        loads(b'"' + b"[" * 100)


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'"', b"\\", b'"\\', b"1", b"-", b"\xff", b'[["', rb"\ud800", b" "])
def test_no_full_size_body_overflows_the_stack(unit: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        loads((unit * (BODY_BYTES_MAX // len(unit) + 1))[:BODY_BYTES_MAX])


@given(st.binary() | st.text(alphabet='{}[]",:\\ud80dc1eE+-. \nNaI\ufeff').map(str.encode))
@example(b"\xef\xbb\xbf")
@settings(deadline=None)
def test_any_bytes_are_read_or_refused_and_what_is_read_can_be_stored(raw: bytes) -> None:
    try:
        value = loads(raw)
    except MalformedBodyError:
        return
    assert "\0" not in dumps(value).encode().decode()
    assert loads(dumps(value).encode()) == value


@given(st.text(alphabet='ud8bcf0e\\"A', max_size=40))
@settings(deadline=None)
def test_refused_escapes_are_exactly_those_that_no_text_can_hold(content: str) -> None:
    raw = f'"{content}"'
    try:
        lenient = json.loads(raw)
    except json.JSONDecodeError:
        return
    storable = "\0" not in lenient and not any("\ud800" <= character <= "\udfff" for character in lenient)
    if storable:
        assert loads(raw.encode()) == lenient
    else:
        with pytest.raises(MalformedBodyError):
            loads(raw.encode())


@given(VALUES)
@settings(deadline=None)
def test_values_survive_storage_in_either_spelling(value: object) -> None:
    assert loads(dumps(value).encode()) == value
    assert loads(json.dumps(value).encode()) == value


def test_stored_text_is_compact_and_shows_characters_as_themselves() -> None:
    assert dumps({"a": [1, 2.5, "é 😀"], "b": None}) == '{"a":[1,2.5,"é 😀"],"b":null}'


def test_what_json_cannot_say_is_not_stored() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps(math.nan)
    with pytest.raises(TypeError):
        dumps(object())
