"""How each value of an agent's configuration is read: what it may be, and the sentence for what it may not.

Which keys there are, and for which adapter, is in `adapters`; nothing here looks at a file, a program or an address.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from routines.core.errors import Fault, InvalidError

T = TypeVar("T")
Path = tuple[str | int, ...]
Config = Mapping[str, object]
Read = Callable[[object, Path], T]
"""Reads one value, which stands at that path; raises `InvalidError` for any other."""

RESERVED_PREFIX = "PAPERCLIP_"
TIMEOUT_SECONDS_MAX = 86_400  # a day: what takes longer is several issues
TIMEOUT_SECONDS_DEFAULT = 3_600
GRACE_SECONDS_MAX = 300  # enough to save work; a worker that is stopped waits no longer
ARGUMENT_BYTES_MAX = 100_000  # Linux takes 131,072 in one argument or variable, its name included
ARGUMENTS_MAX = 200
VARIABLES_MAX = 200
HEADERS_MAX = 50
HEADER_CHARACTERS_MAX = 4_000  # common servers take 8 KiB in one line
URL_CHARACTERS_MAX = 2_000
TEMPLATE_CHARACTERS_MAX = 100_000  # as much as a description
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64  # Standard Webhooks 1.0.0

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # a token of RFC 9110, section 5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_URL_CHARACTERS = re.compile(r"[\x21-\x7e]+")
# Fields of one connection, which whoever sends a request writes by itself (RFC 9110, section 7.6.1).
_HEADERS_OF_THE_SENDER = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_SIGNATURE_PREFIX = "webhook-"


def faults_of(value: object, path: Path, read: Read[object]) -> tuple[Fault, ...]:
    """What is wrong with a value; a missing one, null, is never wrong."""
    if value is None:
        return ()
    try:
        read(value, path)
    except InvalidError as error:
        return error.faults
    return ()


def text(value: object, path: Path, *, bytes_max: int = ARGUMENT_BYTES_MAX) -> str:
    """Text that a program can be given: not empty, without NUL, of bounded size."""
    found = _text_or_empty(value, path, bytes_max=bytes_max)
    if not found:
        raise _wrong(path, "is empty; leave it out instead")
    return found


def template(value: object, path: Path) -> str:
    """The text of a prompt's template; whether it can be rendered shows when it is."""
    return text(value, path, bytes_max=4 * TEMPLATE_CHARACTERS_MAX)


def texts(value: object, path: Path) -> tuple[str, ...]:
    """A list of arguments, which may be empty texts."""
    if not isinstance(value, list | tuple):
        raise _wrong_type(path, value, 'a list of strings, such as ["--verbose"]')
    if len(value) > ARGUMENTS_MAX:
        raise _out_of_range(path, f"has {len(value)} entries; {ARGUMENTS_MAX} are allowed")
    _raise_all(fault for index, each in enumerate(value) for fault in _faults(each, (*path, index), _text_or_empty))
    return tuple(value)


def command(value: object, path: Path) -> str | tuple[str, ...]:
    """A line for the shell, or a program with its arguments."""
    if isinstance(value, str):
        return text(value, path)
    if not isinstance(value, list | tuple):
        raise _wrong_type(path, value, 'a string for the shell, or a list such as ["python3", "agent.py"]')
    found = texts(value, path)
    if not found or not found[0]:
        raise _wrong(path, "names no program; its first entry is the program")
    return found


def program(value: object, path: Path) -> str:
    """One program, by name or path; only a path from the root may have spaces."""
    found = text(value, path)
    if not found.startswith("/") and len(found.split()) != 1:
        raise _wrong(path, f"{_shown(found)} is more than one program's name; its arguments go into extraArgs")
    return found


def directory(value: object, path: Path) -> str:
    """A folder, by its path from the root; whether it is there shows when the agent is started."""
    found = text(value, path)
    if not found.startswith("/"):
        raise _wrong(path, f"{_shown(found)} is no absolute path, such as /srv/agents/ada")
    return found


def environment(value: object, path: Path) -> dict[str, str]:
    """Variables by name; their values are strings, bare or as `{"type": "plain", "value": "..."}`."""
    if not isinstance(value, Mapping):
        raise _wrong_type(path, value, 'an object from names to strings, such as {"LANG": "C.UTF-8"}')
    if len(value) > VARIABLES_MAX:
        raise _out_of_range(path, f"has {len(value)} variables; {VARIABLES_MAX} are allowed")
    _raise_all(
        fault
        for name, each in value.items()
        for fault in (*_faults(name, (*path, name), _variable_name), *_faults(each, (*path, name), _variable))
    )
    return {name: _variable(each, (*path, name)) for name, each in value.items()}


def timeout(value: object, path: Path) -> float:
    """Seconds; 0 counts as not given, because Paperclip means "none" by it and nothing here is without a bound."""
    return _number(value, path, 1, TIMEOUT_SECONDS_MAX) if value != 0 or value is False else TIMEOUT_SECONDS_DEFAULT


def grace(value: object, path: Path) -> float:
    """Seconds between asking a process to end and ending it."""
    return _number(value, path, 0, GRACE_SECONDS_MAX)


def seconds_or_never(value: object, path: Path, *, at_least: float, at_most: float) -> float:
    """Seconds within the bounds, or 0 for never."""
    if value == 0 and value is not False:
        return 0
    return _number(value, path, at_least, at_most, besides=" or 0 for never")


def whole(value: object, path: Path, *, at_least: int, at_most: int) -> int:
    """A whole number within the bounds."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(path, value, f"a whole number from {at_least} to {at_most}")
    if not at_least <= value <= at_most:
        raise _out_of_range(path, f"is {_shown(value)}; it is a whole number from {at_least} to {at_most}")
    return value


def boolean(value: object, path: Path) -> bool:
    """True or false, and no text or number instead."""
    if not isinstance(value, bool):
        raise _wrong_type(path, value, "true or false")
    return value


def mapping(value: object, path: Path) -> Config:
    """An object, whatever is in it."""
    if not isinstance(value, Mapping):
        raise _wrong_type(path, value, "an object")
    return value


def url(value: object, path: Path) -> str:
    """An address that can be called, without a user's name or password in it; who is behind it is not asked here."""
    found = text(value, path)
    example = "such as https://agents.example.com/ada"
    if len(found) > URL_CHARACTERS_MAX:
        raise _out_of_range(path, f"has {len(found)} characters; {URL_CHARACTERS_MAX} are allowed")
    if _URL_CHARACTERS.fullmatch(found) is None:
        raise _wrong(path, "has characters that no URL has: write those outside ASCII, and spaces, percent-encoded")
    try:
        parts = urlsplit(found)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _wrong(path, f"{_shown(found)} is no URL, {example}") from None
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise _wrong(path, f"{_shown(found)} is no http or https URL, {example}")
    if "@" in parts.netloc:
        raise _wrong(path, "has a user in it, which logs would show; send it in headers, as Authorization")
    return found


def headers(value: object, path: Path) -> dict[str, str]:
    """Header fields to send along, without those that the sender writes by itself."""
    if not isinstance(value, Mapping):
        raise _wrong_type(path, value, 'an object from names to strings, such as {"X-Team": "web"}')
    if len(value) > HEADERS_MAX:
        raise _out_of_range(path, f"has {len(value)} headers; {HEADERS_MAX} are allowed")
    _raise_all(fault for name, each in value.items() for fault in _header_faults(name, each, (*path, name)))
    return dict(value)


def signing_secret(value: object, path: Path) -> str:
    """A secret of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes."""
    advice = "it is whsec_ and the base64 of 24 to 64 random bytes, as `echo whsec_$(openssl rand -base64 32)` prints"
    if not isinstance(value, str) or not value.startswith("whsec_"):
        raise _wrong(path, f"is no secret: {advice}")  # a mistyped secret is a secret still, so it is not repeated
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(path, f"is not base64 after whsec_: {advice}") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise _wrong(path, f"holds {len(key)} bytes: {advice}")
    return value


def _text_or_empty(value: object, path: Path, *, bytes_max: int = ARGUMENT_BYTES_MAX) -> str:
    if not isinstance(value, str):
        raise _wrong_type(path, value, "a string")
    if "\0" in value:
        raise _wrong(path, "has a NUL character, which no argument or variable can hold")
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > bytes_max:
        raise _out_of_range(path, f"has {size} bytes; {bytes_max} are allowed")
    return value


def _variable_name(value: object, path: Path) -> str:
    if not isinstance(value, str) or _VARIABLE_NAME.fullmatch(value) is None:
        raise _wrong_name(path, "is no variable's name: letters, digits and _, not a digit first")
    if value.startswith(RESERVED_PREFIX):
        raise _wrong_name(path, f"is set by the service, as every name that begins with {RESERVED_PREFIX}")
    return value


def _variable(value: object, path: Path) -> str:
    if not isinstance(value, Mapping):
        return _text_or_empty(value, path)
    if value.get("type") == "secret_ref":
        raise _wrong(
            path, 'is a secret_ref, and there is no store of secrets here; write {"type": "plain", "value": …}'
        )
    if value.get("type") != "plain":
        raise _wrong(path, f'has type {_shown(value.get("type"))}; write a string, or {{"type": "plain", "value": …}}')
    return _text_or_empty(value.get("value"), (*path, "value"))


def _header_faults(name: object, value: object, path: Path) -> Iterator[Fault]:
    if not isinstance(name, str) or _HEADER_NAME.fullmatch(name) is None:
        yield from _wrong_name(path, "is no header's name").faults
    elif name.lower() in _HEADERS_OF_THE_SENDER or name.lower().startswith(_SIGNATURE_PREFIX):
        yield from _wrong_name(path, "is written by the service; leave it out").faults
    if not isinstance(value, str):
        yield from _wrong_type(path, value, "a string").faults
    elif len(value) > HEADER_CHARACTERS_MAX:
        message = f"has {len(value)} characters; {HEADER_CHARACTERS_MAX} are allowed"
        yield _fault(path, message, "out_of_range")
    elif _HEADER_VALUE.fullmatch(value) is None:
        yield _fault(path, "has characters that no header holds, such as a line's end", "invalid_value")


def _number(value: object, path: Path, at_least: float, at_most: float, *, besides: str = "") -> float:
    what = f"a number of seconds from {at_least:.12g} to {at_most:.12g}{besides}"
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type(path, value, what)
    if not at_least <= value <= at_most:
        raise _out_of_range(path, f"is {_shown(value)}; it is {what}")
    return value


def _faults(value: object, path: Path, read: Read[object]) -> tuple[Fault, ...]:
    """As `faults_of`, where null is as wrong as any other."""
    try:
        read(value, path)
    except InvalidError as error:
        return error.faults
    return ()


def _raise_all(faults: Iterator[Fault]) -> None:
    if found := tuple(faults):
        raise InvalidError(found)


def _wrong(path: Path, message: str) -> InvalidError:
    return InvalidError([_fault(path, message, "invalid_value")])


def _wrong_name(path: Path, message: str) -> InvalidError:
    """It is the key itself that is wrong, so it stands in the message as it was written."""
    return InvalidError([Fault(path, f"{_shown(path[-1])} {message}", "invalid_value")])


def _out_of_range(path: Path, message: str) -> InvalidError:
    return InvalidError([_fault(path, message, "out_of_range")])


def _wrong_type(path: Path, value: object, wanted: str) -> InvalidError:
    names = {
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    found = "null" if value is None else names.get(type(value), "something else")
    return InvalidError([_fault(path, f"is {found}; it is to be {wanted}", "invalid_type")])


def _fault(path: Path, message: str, code: str) -> Fault:
    """The message begins with the key that it is about, since it is read alone too."""
    key = next(name for name in reversed(path) if isinstance(name, str))
    entry = f"{key}[{path[-1]}]" if isinstance(path[-1], int) else key
    return Fault(path, f"{entry} {message}", code)


def _shown(value: object) -> str:
    """A value as a sentence repeats it, cut where it grows long."""
    characters_max = 60
    shown = repr(value)
    return shown if len(shown) <= characters_max else f"{shown[:characters_max]}…"
