"""What all bodies and replies have in common: camelCase, strict types, instants, ids, bounds.

The models of each noun have a file of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from routines.core.instants import iso
from routines.core.limits import LABEL_CHARACTERS_MAX, NAME_CHARACTERS_MAX, TEXT_CHARACTERS_MAX, TITLE_CHARACTERS_MAX

T = TypeVar("T")


class RequestModel(BaseModel):
    """A body or query: unknown keys are refused, and values are taken only in their own type.

    `reference_fields` are those that the reference has and this service has not yet: accepted when null or empty.
    """

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, validate_by_name=False, validate_by_alias=True)
    reference_fields: ClassVar[frozenset[str]] = frozenset()

    def given(self, kind: Callable[..., T]) -> T:
        """Only the fields that the request named, by their own names, as a `kind` made of them."""
        return kind(**{name: getattr(self, name) for name in self.model_fields_set})

    def all_fields(self) -> dict[str, Any]:
        """Every field by its own name, with its default where the request did not name it."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class ReplyModel(BaseModel):
    """A reply, read from the attributes of the services' results."""

    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, validate_by_name=True)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text)) if len(text) == len("00000000-0000-0000-0000-000000000000") else _no_uuid(text)
    except ValueError:
        return _no_uuid(text)


def _no_uuid(text: str) -> str:
    raise ValueError(f"{text[:40]!r} is not a UUID, such as 0192f0c1-2c5e-7d4a-8c3f-1b2a3c4d5e6f")


_UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
Reference = Annotated[StrictStr, AfterValidator(_uuid), WithJsonSchema({"type": "string", "pattern": _UUID_PATTERN})]
"""An id in a body."""


def _words(maximum: int) -> Any:  # noqa: ANN401 - an Annotated alias, which has no type of its own
    """Text of 1 to `maximum` characters after trimming."""
    return Annotated[
        StrictStr,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=maximum),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": maximum, "pattern": r"\S"}),
    ]


Title = _words(TITLE_CHARACTERS_MAX)
Name = _words(NAME_CHARACTERS_MAX)
Label = _words(LABEL_CHARACTERS_MAX)
Text = Annotated[StrictStr, Field(max_length=TEXT_CHARACTERS_MAX)]
Flag = StrictBool
Whole = StrictInt

Instant = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""An instant in a reply: ISO 8601 in UTC with milliseconds and `Z`."""

StoredJson = Annotated[
    Any, BeforeValidator(lambda text: None if text is None else json.loads(text)), WithJsonSchema({})
]
"""A JSON text of the model, as the JSON that it is."""

StoredObject = Annotated[
    Any, BeforeValidator(lambda text: None if text is None else json.loads(text)), WithJsonSchema({"type": "object"})
]
"""A JSON text of the model that holds an object."""


class ErrorReply(BaseModel):
    """What every error looks like."""

    error: str = Field(description="What was wrong and what would be right, in a sentence.")
    details: Any = Field(default=None, description="More, where it helps; for a validation error a list of faults.")


def _whole_number(value: object) -> object:
    if isinstance(value, str) and not (value.removeprefix("-").isdecimal() and value.isascii()):
        raise ValueError(f"{value[:40]!r} is not a whole number")
    return int(value[:20]) if isinstance(value, str) else value


PageLimit = Annotated[int, BeforeValidator(_whole_number), WithJsonSchema({"type": "integer"})]
"""How many entries of a list are wanted; clamped to what the list allows."""


def merged(base: object, more: object) -> dict[str, Any]:
    """The fields of one value and of another, the latter's going first; what a reply made of two is read from."""
    return {**_fields(base), **_fields(more)}


def _fields(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    names: tuple[str, ...] = value.__slots__  # type: ignore[attr-defined]  # the services' results have slots
    return {name: getattr(value, name) for name in names}
