"""The one place that reads a clock, and the ids that carry its time.

Nothing else in the service calls `datetime.now` or makes an id; everything is handed a `Clock`.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from routines.core.instants import from_milliseconds, to_milliseconds


class Clock(Protocol):
    """What time it is, for whoever decides by it."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC, on a whole millisecond."""
        ...


def monotonic_seconds() -> float:
    """Seconds since some moment, which never run backwards: for what is counted by the minute, not for instants."""
    return time.monotonic()


class SystemClock:
    """The machine's wall clock, optionally shifted and sped up for tests with real processes.

    `offset` moves it, `rate` multiplies how fast it runs from the moment of construction.
    """

    def __init__(self, *, offset: timedelta = timedelta(0), rate: float = 1.0) -> None:
        self._offset = offset
        self._rate = rate
        self._started = time.time()

    def now(self) -> datetime:
        """The current instant; it may jump as the machine's clock does, which the scheduler expects."""
        seconds = self._started + (time.time() - self._started) * self._rate + self._offset.total_seconds()
        return from_milliseconds(int(seconds * 1000))


_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Ids:
    """Makes UUIDs of version 7 that sort in the order in which they were made (RFC 9562, section 6.2, method 1).

    The 12 bits after the version count ids of one millisecond; past 4,095 the next millisecond is borrowed. A clock
    that steps back does not reorder ids: the largest millisecond seen is kept for up to `BACKWARD_TOLERANCE`.
    """

    BACKWARD_TOLERANCE = timedelta(seconds=10)
    _COUNTER_MAX = 0xFFF

    def __init__(self) -> None:
        self._lock = Lock()
        self._millisecond = 0
        self._counter = 0

    def new(self, now: datetime) -> str:
        """One new id, in the 36-character form."""
        return self.many(now, 1)[0]

    def many(self, now: datetime, count: int) -> list[str]:
        """`count` new ids in ascending order."""
        entropy = os.urandom(8 * count).hex()
        at = to_milliseconds(now)
        tolerance = self.BACKWARD_TOLERANCE // timedelta(milliseconds=1)
        made = []
        with self._lock:
            if not self._millisecond - tolerance <= at <= self._millisecond:
                self._millisecond, self._counter = at, 0
            head = _head(self._millisecond)
            for start in range(0, 16 * count, 16):
                if self._counter > self._COUNTER_MAX:
                    self._millisecond, self._counter = self._millisecond + 1, 0
                    head = _head(self._millisecond)
                variant = _VARIANTS[entropy[start]]
                middle, end = entropy[start + 1 : start + 4], entropy[start + 4 : start + 16]
                made.append(f"{head}{self._counter:03x}-{variant}{middle}-{end}")
                self._counter += 1
        return made


def _head(millisecond: int) -> str:
    """The time and the version, which all ids of a millisecond begin with."""
    digits = f"{millisecond:012x}"
    return f"{digits[:8]}-{digits[8:]}-7"
