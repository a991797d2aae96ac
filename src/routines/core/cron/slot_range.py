"""The slots of a long time, counted and read from its end without a visit to each.

It rests on one fact: from a slot on, while the zone keeps its offset, the slots are the minutes that match. What a
change of offset does to them is never decided here but asked of `search`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from routines.core.cron.schedule import Schedule
from routines.core.cron.search import MINUTE, slot_after
from routines.core.instants import EPOCH

# No zone has ever left an offset and come back to it within a day, so that at such strides no change is missed.
_STRIDE = timedelta(days=1)


class _Stretch(NamedTuple):
    """A slot, the last minute up to which the zone keeps the offset it has there, and what a clock shows at both."""

    slot: datetime
    shows: datetime
    shows_last: datetime


@dataclass(frozen=True)
class SlotRange:
    """The slots of a schedule later than `start` and not later than `end`, in order: what `range` is for numbers.

    Both are aware instants. `len` and `reversed` take about two microseconds for each day, however many slots it has;
    iteration finds slot after slot.
    """

    schedule: Schedule
    start: datetime
    end: datetime

    def __iter__(self) -> Iterator[datetime]:
        slot = slot_after(self.schedule, _minute(self.start))
        while slot <= self.end:
            yield slot
            slot = slot_after(self.schedule, slot)

    def __len__(self) -> int:
        return sum(1 + self.schedule.count_matches(shows, shows_last) for _, shows, shows_last in self._stretches)

    def __reversed__(self) -> Iterator[datetime]:
        for slot, shows, shows_last in reversed(self._stretches):
            for match in self.schedule.matches_backwards(shows, shows_last):
                yield slot + (match - shows)
            yield slot

    @property
    def bits(self) -> int:
        """The slots as a number: bit 0 is the first minute later than `start`, and is set if that is a slot.

        It takes as long as `len`, and counting in it costs next to nothing.
        """
        begin, bits = _minute(self.start) + MINUTE, 0
        for slot, shows, shows_last in self._stretches:
            following = self.schedule.matches_as_bits(shows, shows_last)
            bits |= (1 | following << 1) << (slot - begin) // MINUTE
        return bits

    @cached_property
    def _stretches(self) -> tuple[_Stretch, ...]:
        """All stretches of one offset that have a slot, each from its first slot on."""
        stretches: list[_Stretch] = []
        last, end = _minute(self.start), _minute(self.end)
        while last < end and (slot := slot_after(self.schedule, last)) <= end:
            last = _steady_until(self.schedule, slot, end)
            shows = slot.astimezone(self.schedule.zone).replace(second=0)  # offsets of long ago had odd seconds
            stretches.append(_Stretch(slot, shows, shows + (last - slot)))
        return tuple(stretches)


def _steady_until(schedule: Schedule, instant: datetime, end: datetime) -> datetime:
    """The last minute, not later than `end`, up to which the zone keeps the offset that it has at `instant`."""
    offset = instant.astimezone(schedule.zone).utcoffset()
    stride = _STRIDE
    while stride:
        if stride <= end - instant and (instant + stride).astimezone(schedule.zone).utcoffset() == offset:
            instant += stride
        else:
            stride = stride // MINUTE // 2 * MINUTE
    return instant


def _minute(instant: datetime) -> datetime:
    return EPOCH + (instant - EPOCH) // MINUTE * MINUTE
