"""The one place that reads a clock, and the ids that carry its time.

Nothing else in the service calls `datetime.now` or makes an id; everything is handed a `Clock`.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from routines.core.instants import from_milliseconds, to_milliseconds


class Clock(Protocol):
    """What time it is, for whoever decides by it."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC, on a whole millisecond."""
        ...

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """The instant that was shown so many true seconds before `instant` was."""
        ...


def monotonic_seconds() -> float:
    """Seconds since some moment, which never run backwards: for what is counted by the minute, not for instants."""
    return time.monotonic()


def epoch_nanoseconds() -> int:
    """The machine's wall clock, in nanoseconds of the epoch: for what others compare with their own, as traces are."""
    return time.time_ns()


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """How a test's servers see time: shifted by `offset`, and running `rate` times as fast since `since`.

    Servers that are to agree share `since`; without it a faster clock runs from when it was made.
    """

    offset: timedelta = timedelta(0)
    rate: float = 1.0
    since: datetime | None = None

    def instant(self, seconds: float, made_at: float) -> datetime:
        """The instant that is shown where the clock behind it shows `seconds` of the epoch."""
        since = made_at if self.since is None else self.since.timestamp()
        shown = since + (seconds - since) * self.rate + self.offset.total_seconds()
        return from_milliseconds(int(shown * 1000))

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """The instant that is shown so many seconds before `instant` is."""
        return instant - timedelta(seconds=seconds * self.rate)


AS_IT_IS = ClockSetting()


class SystemClock:
    """The machine's wall clock."""

    def __init__(self, setting: ClockSetting = AS_IT_IS) -> None:
        self._setting = setting
        self._made_at = time.time()

    def now(self) -> datetime:
        """The current instant; it may jump as the machine's clock does, which the scheduler expects."""
        return self._setting.instant(time.time(), self._made_at)

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """The instant that was shown so many seconds before `instant` was, if nobody set the clock in between."""
        return self._setting.earlier(instant, seconds)


class DatabaseClock:
    """A database's clock, by which several servers agree: never ahead of it, behind by an answer's way at most.

    Between two answers it goes on by this machine's steady clock, so that the machine's wall clock means nothing.
    """

    ANSWERS_KEPT = 10
    JUMP_SECONDS = 0.5  # no answer is that long under way on a network that serves a database

    def __init__(self, setting: ClockSetting = AS_IT_IS) -> None:
        self._setting = setting
        self._taking_in = Lock()
        self._leads: deque[float] = deque(maxlen=self.ANSWERS_KEPT)
        self._lead = 0.0
        self._made_at = 0.0

    def answered(self, seconds: float, asked_at: float) -> None:
        """Take in what the database's clock showed (seconds of the epoch) in an answer that came this moment.

        `asked_at` is what `steady_seconds` was when it was asked. An answer that was long under way, or lay unread,
        looks as if the database's clock had been set back; it tells nothing.
        """
        with self._taking_in:
            arrived_at = steady_seconds()
            lead = seconds - arrived_at
            if not self._leads:
                self._made_at = seconds
            elif abs(lead - self._lead) > self.JUMP_SECONDS:
                if lead < self._lead and arrived_at - asked_at > self.JUMP_SECONDS:
                    return
                self._leads.clear()
            self._leads.append(lead)
            self._lead = max(self._leads)  # each is too small by its way here, so the largest is the nearest

    def not_before(self, seconds: float) -> None:
        """Show nothing earlier from now on than what the database's clock has shown already, however long ago."""
        with self._taking_in:
            lead = seconds - steady_seconds()
            if lead > self._lead:
                self._leads.append(lead)
                self._lead = lead

    def now(self) -> datetime:
        """The current instant by the database."""
        return self._setting.instant(steady_seconds() + self._lead, self._made_at)

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """The instant that was shown so many seconds before `instant` was."""
        return self._setting.earlier(instant, seconds)


def steady_seconds() -> float:
    """Seconds since some moment that go on while the machine is suspended, where its system can tell them."""
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()


_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", None)


_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def request_id() -> str:
    """An id that nobody guesses and nothing is stored under, made in a tenth of the time that one of `Ids` takes."""
    return os.urandom(16).hex()


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


def first_id(at: datetime) -> str:
    """The id before which every id was made earlier than `at`, and at or after which later."""
    return f"{_head(to_milliseconds(at))}000-8000-000000000000"


def _head(millisecond: int) -> str:
    """The time and the version, which all ids of a millisecond begin with."""
    digits = f"{millisecond:012x}"
    return f"{digits[:8]}-{digits[8:]}-7"
