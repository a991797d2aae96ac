"""What all bodies and queries have in common: camelCase, strict types, ids, bounds; and what errors look like.

The models of each noun have a file of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from routines.core.errors import Fault, InvalidError
from routines.core.limits import (
    EXTERNAL_KEY_CHARACTERS_MAX,
    LABEL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
)

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def _describe_reference_fields(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Tell in a body's schema which fields it takes only when they say nothing."""
    for name in sorted(getattr(model, "reference_fields", ())):
        schema.setdefault("properties", {})[name] = {"enum": EMPTY, "description": "Not supported yet."}


EMPTY: list[Any] = [None, "", [], {}]
"""What a field may hold that the reference has and this service has not yet."""


class RequestModel(BaseModel):
    """A body or query: unknown keys are refused, and values are taken only in their own type.

    `reference_fields` are those that the reference has and this service has not yet: accepted when null or empty.
    """

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        json_schema_extra=_describe_reference_fields,
    )
    reference_fields: ClassVar[frozenset[str]] = frozenset()

    def given(self, kind: Callable[..., T]) -> T:
        """Only the fields that the request named, by their own names, as a `kind` made of them."""
        return kind(**{name: getattr(self, name) for name in self.model_fields_set})

    def all_fields(self) -> dict[str, Any]:
        """Every field by its own name, with its default where the request did not name it."""
        return {name: getattr(self, name) for name in type(self).model_fields}


def _describe_changes(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Leave defaults out of a body's schema: what an update does not name stays as it is."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)
    _describe_reference_fields(schema, model)


class UpdateModel(RequestModel):
    """A body that changes only what it names; its defaults are never read."""

    model_config = ConfigDict(json_schema_extra=_describe_changes)


UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def _uuid(text: str) -> str:
    if UUID_PATTERN.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a UUID, such as 0192f0c1-2c5e-7d4a-8c3f-1b2a3c4d5e6f")
    return text.lower()


Reference = Annotated[StrictStr, AfterValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
"""An id in a body."""


# What trimming takes away: the characters that Unicode calls white space. A pattern's own `\s` differs by dialect.
_WHITE_SPACE = r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NO_NUL = r"^[^\u0000]*$"
_NOT_BLANK = rf"^[^\u0000]*[^\u0000{_WHITE_SPACE}][^\u0000]*$"


def _words(maximum: int) -> Any:  # noqa: ANN401 - an Annotated alias, which has no type of its own
    """Text of 1 to `maximum` characters after trimming."""
    return Annotated[
        StrictStr,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=maximum),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": maximum, "pattern": _NOT_BLANK}),
    ]


def characters(maximum: int, *, minimum: int = 0) -> Any:  # noqa: ANN401 - pydantic's own
    """The bounds of a text that is kept as it is; NUL, which PostgreSQL's text cannot hold, is in none."""
    return Field(min_length=minimum, max_length=maximum, pattern=NO_NUL)


Title = _words(TITLE_CHARACTERS_MAX)
Name = _words(NAME_CHARACTERS_MAX)
Label = _words(LABEL_CHARACTERS_MAX)
ExternalKey = _words(EXTERNAL_KEY_CHARACTERS_MAX)
Text = Annotated[StrictStr, characters(TEXT_CHARACTERS_MAX)]
Flag = StrictBool
AnyWhole = BeforeValidator(lambda value: int(value) if isinstance(value, float) and value.is_integer() else value)
"""Takes 300.0 for 300, between which JSON makes no difference; stands after the bounds of a whole number."""


def several(kind: type[StrEnum], example: str) -> Any:  # noqa: ANN401 - an Annotated alias, which has no type of its own
    """One or more words of a kind, with commas between them; `words_of` reads them."""
    word = "|".join(kind)
    return Annotated[
        StrictStr, WithJsonSchema({"type": "string", "pattern": f"^({word})(,({word}))*$", "example": example})
    ]


def words_of(text: str, kind: type[E]) -> tuple[E, ...]:
    """The words of a kind that the query's `status` names; raises `InvalidError` for one that is none."""
    named = text.split(",")
    unknown = [name for name in named if name not in set(kind)]
    if unknown:
        message = f"{unknown[0][:40]!r} is no status; the statuses are {', '.join(kind)}"
        raise InvalidError([Fault(("status",), message, "enum")])
    return tuple(kind(name) for name in named)


class ErrorReply(BaseModel):
    """What every error looks like."""

    error: str = Field(description="What was wrong and what would be right, in a sentence.")
    details: Any = Field(default=None, description="More, where it helps; for a validation error a list of faults.")


class FaultReply(BaseModel):
    """One thing wrong with one field."""

    path: list[str | int] = Field(description="The way to the field from the top of the body or query.")
    message: str
    code: str


class InvalidReply(ErrorReply):
    """What the error looks like when a request is malformed, or fields of it are wrong."""

    details: list[FaultReply] = Field(default=[], description="Each fault, where fields are wrong.")


def _whole_number(value: object) -> object:
    if isinstance(value, str) and not (value.removeprefix("-").isdecimal() and value.isascii()):
        raise ValueError(f"{value[:40]!r} is not a whole number")
    return int(value[:20]) if isinstance(value, str) else value


PageLimit = Annotated[int, BeforeValidator(_whole_number), WithJsonSchema({"type": "integer"})]
"""How many entries of a list are wanted; clamped to what the list allows."""
