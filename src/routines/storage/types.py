"""How values of the model look in a column: ids, instants, enums and flags, the same in every database.

Only conversions are here; the columns are in `schema`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from routines.core.instants import from_milliseconds, to_milliseconds

E = TypeVar("E", bound=StrEnum)

Id = String(36)
"""A UUID in its 36-character form."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole milliseconds since the epoch so that it is equal in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Milliseconds for the column; what is finer is cut off."""
        del dialect
        return None if value is None else to_milliseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - a driver's
        """The instant that was stored."""
        del dialect
        return None if value is None else from_milliseconds(value)


class Word(TypeDecorator[E]):
    """A member of a `StrEnum`, kept as its text."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum
        self._members = {member.value: member for member in enum}

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        """The member's text."""
        del dialect
        return None if value is None else value.value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> E | None:  # noqa: ANN401 - a driver's
        """The member; a text that is none is a `KeyError`, for only this service writes here."""
        del dialect
        return None if value is None else self._members[value]
