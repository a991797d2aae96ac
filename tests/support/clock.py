"""A clock that a test sets, in place of the machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

MONDAY_NOON = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
"""Where tests begin: half a minute past a whole hour, so that nothing is due by chance."""
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = MONDAY_NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        """The instant that was set."""
        return self.at

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """That instant, less the seconds."""
        return instant - timedelta(seconds=seconds)

    def advance(self, by: timedelta) -> datetime:
        """Move on, or back by a negative duration, and return the new instant."""
        self.at += by
        return self.at


class RunningClock(ManualClock):
    """Goes on by itself, as fast as the machine's, from where it was set; from now, unless it is told."""

    def __init__(self, at: datetime | None = None) -> None:
        super().__init__(datetime.now(UTC) if at is None else at)
        self._began_seconds = monotonic()

    def now(self) -> datetime:
        """The instant that was set, and what has passed since the clock was made."""
        return self.at + timedelta(seconds=monotonic() - self._began_seconds)
