"""How replies are described, and how they are written from what the services answer with.

A reply is written without being validated: the services' values have their types already, and lists are long.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from routines.core.instants import iso

Written = dict[str, Any]
"""A reply as JSON's own values."""


class _As(NamedTuple):
    """How the value of an annotated field is written."""

    convert: Callable[[Any], Any]


Instant = Annotated[str, _As(iso), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant in a reply: ISO 8601 in UTC with milliseconds and `Z`."""
StoredObject = Annotated[dict[str, Any], _As(json.loads), WithJsonSchema({"type": "object"})]
"""A JSON text of the model that holds an object."""


class ReplyModel(BaseModel):
    """A reply, with the names that the services' results have for its fields."""

    model_config = ConfigDict(alias_generator=to_camel)

    @classmethod
    def written(cls, value: object = None, /, **more: object) -> Written:
        """The reply whose fields are the attributes of `value`, except for those in `more` and those with a default.

        What belongs to another reply is written in its turn, unless it has been already.
        """
        plan = _plan(cls, tuple(more))
        content = dict(zip(plan.aliases, (*plan.attributes(value), *more.values()), strict=True), **plan.constants)
        for alias, convert in plan.conversions:
            given = content[alias]
            if given is not None:
                content[alias] = convert(given)
        return content


class _Plan(NamedTuple):
    """How a reply is written: its names on the wire, the attributes to read, and what is not as JSON has it."""

    aliases: tuple[str, ...]
    attributes: Callable[[object], tuple[Any, ...]]
    conversions: tuple[tuple[str, Callable[[Any], Any]], ...]
    constants: dict[str, Any]


@cache
def _plan(model: type[ReplyModel], more: tuple[str, ...]) -> _Plan:
    fields = model.model_fields
    read = [name for name, field in fields.items() if field.is_required() and name not in more]
    ordered = [*read, *more]
    conversions = [(to_camel(name), _conversion(fields[name])) for name in ordered]
    return _Plan(
        tuple(to_camel(name) for name in ordered),
        _attributes(read),
        tuple((alias, convert) for alias, convert in conversions if convert is not None),
        {to_camel(name): field.default for name, field in fields.items() if name not in ordered},
    )


def _attributes(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _conversion(field: FieldInfo) -> Callable[[Any], Any] | None:
    annotated = next((each for each in field.metadata if isinstance(each, _As)), None)
    return annotated.convert if annotated is not None else _of_type(field.annotation)


def _of_type(kind: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - any annotation
    """What writes a value of this type; None where JSON has it as it is."""
    origin = get_origin(kind)
    if origin is Annotated:
        return next((each.convert for each in kind.__metadata__ if isinstance(each, _As)), None)
    if origin in {Union, UnionType}:
        return next((each for each in map(_of_type, get_args(kind)) if each is not None), None)
    if origin is list:
        of_member = _of_type(get_args(kind)[0])
        return None if of_member is None else lambda members: [of_member(each) for each in members]
    if isinstance(kind, type) and issubclass(kind, ReplyModel):
        return lambda value: value if value is None or isinstance(value, dict) else kind.written(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return attrgetter("_value_")  # a plain text, which is written faster than a member
    return None
