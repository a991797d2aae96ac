"""What a webhook's body says, as the JSON object that its run keeps.

Who sent it, and whether they may, was settled before; nothing here looks at a header but the content type.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from routines.core import strict_json
from routines.core.errors import MalformedBodyError
from routines.core.limits import FORM_FIELDS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_PLAIN_TRANSFER_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})

# `; name=value` or `; name="value"`. Possessive, so that no header makes it look twice.
_PARAMETER = re.compile(rb';[ \t]*+([\w-]++)=(?:"((?:[^"\\]++|\\.)*+)"|([^";\s]++))', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\])')


def payload_of(content_type: str | None, body: bytes) -> dict[str, object]:
    """The payload of a body of any content type; `dumps` of `strict_json` can store it.

    JSON (`application/json`, `…+json`) that is an object is the payload itself, a form is its fields, an empty body is
    `{}`. Any other JSON value or text becomes `{"body": …}`; what is no UTF-8 text, or text with NUL, becomes
    `{"body": <base64>, "encoding": "base64"}`. A form field is a string or such an object, a file an object with
    `filename` and `contentType` besides, and a repeated name has a list. A form that cannot be read is kept whole, as
    text or base64. Claimed charsets are ignored. Raises MalformedBodyError for JSON that is none.
    """
    if not body:
        return {}
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        value = strict_json.loads(body)
        return value if isinstance(value, dict) else {"body": value}
    if media_type in {"", _URLENCODED} and (payload := _unannounced_object(body)) is not None:
        return payload
    try:
        if media_type == _URLENCODED:
            return _by_name(_urlencoded_fields(body))
        if media_type == _MULTIPART:
            return _by_name(_multipart_fields(content_type or "", body))
    except ValueError:
        pass  # no such form, or one whose names are no text
    return _wrapped(body)


def _unannounced_object(body: bytes) -> dict[str, object] | None:
    """The JSON object that came without a content type, or with the one that `curl --data` puts on everything.

    No form is mistaken for one: a form's encoder never writes `{`.
    """
    try:
        value = strict_json.loads(body)
    except MalformedBodyError:
        return None
    return value if isinstance(value, dict) else None


def _urlencoded_fields(body: bytes) -> Iterable[tuple[str, object]]:
    """The fields of a form as browsers encode it, in order."""
    fields = body.split(b"&", FORM_FIELDS_MAX)
    if len(fields) > FORM_FIELDS_MAX:
        raise ValueError(f"A form has at most {FORM_FIELDS_MAX} fields")
    for field in filter(None, fields):
        name, _, value = field.replace(b"+", b" ").partition(b"=")
        yield _text(unquote_to_bytes(name)), _field_value(unquote_to_bytes(value))


def _multipart_fields(content_type: str, body: bytes) -> Iterable[tuple[str, object]]:
    """The fields and files of a form that may hold files (RFC 7578), in order.

    A delimiter is a line that starts with `--` and the boundary; the last one goes on with `--` (RFC 2046, section
    5.1.1). Cutting the body there keeps the cost linear, whatever is in it.
    """
    boundary = _parameters(content_type.encode("latin-1")).get(b"boundary")
    if not boundary:
        raise ValueError("A multipart form names its boundary")
    _, *parts, end = (b"\r\n" + body).split(b"\r\n--" + boundary, FORM_FIELDS_MAX + 1)
    if not end.startswith(b"--"):
        raise ValueError(f"A multipart form is closed after at most {FORM_FIELDS_MAX} parts")
    for part in parts:
        yield _part(part)


def _part(part: bytes) -> tuple[str, object]:
    """One part's name and value; a part with a file name is a file."""
    head, blank_line, content = part.partition(b"\r\n\r\n")
    padding, *lines = head.split(b"\r\n")
    if padding.strip(b" \t") or not blank_line:
        raise ValueError("A part starts on a line of its own, and a blank line ends its headers")
    fields = (line.partition(b":") for line in lines)
    headers = {name.lower(): value.strip(b" \t") for name, _, value in fields}
    if headers.get(b"content-transfer-encoding", b"binary").lower() not in _PLAIN_TRANSFER_ENCODINGS:
        raise ValueError("RFC 7578 knows no transfer encoding")
    disposition = _parameters(headers.get(b"content-disposition", b""))
    if b"name" not in disposition:
        raise ValueError("A part has a name")
    name = _text(disposition[b"name"])
    if b"filename" not in disposition:
        return name, _field_value(content)
    content_type = headers.get(b"content-type")
    return name, {
        "filename": _text(disposition[b"filename"]),
        "contentType": None if content_type is None else _text(content_type),
        **_wrapped(content),
    }


def _parameters(header: bytes) -> dict[bytes, bytes]:
    """The parameters of a header by lower-case name, without quotes and escapes.

    Only quotes and backslashes are unescaped, since old browsers send paths with backslashes that escape nothing.
    """
    return {name.lower(): _ESCAPED.sub(rb"\1", quoted) or plain for name, quoted, plain in _PARAMETER.findall(header)}


def _by_name(fields: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Fields under their names; a name that comes several times has the list of its values."""
    values: dict[str, list[object]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _field_value(content: bytes) -> object:
    wrapped = _wrapped(content)
    return wrapped if "encoding" in wrapped else wrapped["body"]


def _wrapped(content: bytes) -> dict[str, object]:
    try:
        return {"body": _text(content)}
    except ValueError:
        return {"body": base64.b64encode(content).decode(), "encoding": "base64"}


def _text(content: bytes) -> str:
    """The text of UTF-8 bytes; raises ValueError for other bytes, and for NUL, which PostgreSQL's text cannot hold."""
    text = content.decode()
    if "\0" in text:
        raise ValueError("NUL is no text")
    return text
