"""Instants as the three forms that the service gives them: aware datetimes, epoch milliseconds, ISO 8601 text.

Only conversions are here; what time it is comes from `routines.clock`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from routines.core.limits import INSTANTS_CACHED_MAX

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@lru_cache(maxsize=INSTANTS_CACHED_MAX)
def from_milliseconds(milliseconds: int) -> datetime:
    """The aware UTC instant that many milliseconds after the epoch, exactly."""
    return EPOCH + milliseconds * MILLISECOND


def to_milliseconds(instant: datetime) -> int:
    """Whole milliseconds since the epoch; what is finer is cut off."""
    return (instant - EPOCH) // MILLISECOND


def month_of(instant: datetime) -> datetime:
    """The first instant of the calendar month of UTC in which an instant lies."""
    return instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@lru_cache(maxsize=INSTANTS_CACHED_MAX)
def iso(instant: datetime) -> str:
    """The wire's form of an instant in UTC: ISO 8601 with milliseconds and `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
