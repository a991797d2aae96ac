"""How values of the model look in a column: ids, instants, enums and flags, the same in every database.

Only conversions are here; the columns are in `schema`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, String, Text, Uuid
from sqlalchemy.types import TypeDecorator

from routines.core.instants import from_milliseconds, to_milliseconds

E = TypeVar("E", bound=StrEnum)

Id = String(36).with_variant(Uuid(as_uuid=False), "postgresql")
"""A UUID: its 36-character form to the program, 16 bytes where the database knows the type."""


Cause = Text().with_variant(Text(collation="C"), "postgresql")
"""What made a fire; only ever compared for being the same, and bytes are compared fastest."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole milliseconds since the epoch so that it is equal in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Milliseconds for the column; what is finer is cut off."""
        del dialect
        return None if value is None else to_milliseconds(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """What turns the column's value into the instant that was stored; lists call it by the ten thousand."""
        del dialect, coltype
        return _instant


class Word(TypeDecorator[E]):
    """A member of a `StrEnum`, kept as its text."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum
        self._members: dict[str | None, E | None] = {None: None, **{member.value: member for member in enum}}

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        """The member's text."""
        del dialect
        return None if value is None else value.value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], E | None]:
        """What turns the column's value into the member; a text that is none is a `KeyError`, for only we write."""
        del dialect, coltype
        return self._members.__getitem__


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_milliseconds(milliseconds)


class Words(TypeDecorator[tuple[E, ...]]):
    """Several members of a `StrEnum`, kept as their texts with commas between them."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: tuple[E, ...] | None, dialect: Dialect) -> str | None:
        """The members' texts."""
        del dialect
        return None if value is None else ",".join(member.value for member in value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[E, ...] | None:
        """The members."""
        del dialect
        return None if value is None else tuple(self.enum(word) for word in value.split(",") if word)
