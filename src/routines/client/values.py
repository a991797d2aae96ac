"""What the client's typed values have in common: names in snake_case, camelCase on the wire.

Which values there are is in `models`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from routines.core.instants import iso

OPEN = Field(union_mode="left_to_right")
"""Of a word that a newer service may have more of: the enum's member if it has the word, else the word itself."""

Instant = Annotated[datetime, PlainSerializer(iso, when_used="json")]
"""An aware instant, which is written as the service writes it."""


class Reply(BaseModel):
    """Something that the service answered with; it never changes, and what a newer service adds is left out.

    `model_dump(mode="json", by_alias=True)` is the JSON that came, as far as it is known.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="ignore",
        frozen=True,
        defer_build=True,  # most programs use few of them, and building all takes longer than importing the rest
    )


class BodyValue(BaseModel):
    """Something that stands inside of a body; only what was given is sent."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
    )

    def on_the_wire(self) -> dict[str, Any]:
        """The JSON object: the fields that were given, and those that have one value only."""
        constants = {name for name, field in type(self).model_fields.items() if field.default is not None}
        content = self.model_dump(mode="json", by_alias=True)
        sent = {to_camel(name) for name in self.model_fields_set | constants if name in type(self).model_fields}
        return {name: value for name, value in content.items() if name in sent}
