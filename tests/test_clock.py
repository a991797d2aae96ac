"""Ids sort in the order in which they were made, and carry the clock's time."""

from __future__ import annotations

from uuid import UUID

from routines.clock import Ids, SystemClock
from routines.core.instants import to_milliseconds
from support.clock import MONDAY_NOON, SECOND


def test_ids_are_version_7_uuids_with_the_instant_in_front() -> None:
    made = UUID(Ids().new(MONDAY_NOON))
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == to_milliseconds(MONDAY_NOON)


def test_ids_sort_as_they_were_made_also_when_the_clock_steps_back_a_little() -> None:
    ids = Ids()
    made = ids.many(MONDAY_NOON, 10_000) + ids.many(MONDAY_NOON - SECOND, 10) + ids.many(MONDAY_NOON + SECOND, 10)
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_the_machine_clock_is_on_whole_milliseconds() -> None:
    assert SystemClock().now().microsecond % 1000 == 0
