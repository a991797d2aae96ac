"""Counts of many minutes at once are those that adding one by one gives."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from routines.core.minute_tally import MinuteTally

MINUTES = 200
sets = st.lists(st.tuples(st.frozensets(st.integers(0, MINUTES - 1)), st.integers(0, 9)), max_size=8)


def bits(minutes: frozenset[int]) -> int:
    return sum(1 << minute for minute in minutes)


@given(sets, st.integers(0, MINUTES), st.integers(0, MINUTES), st.integers(0, 40))
def test_the_counts_are_those_of_adding_one_by_one(
    added: list[tuple[frozenset[int], int]], first: int, length: int, most: int
) -> None:
    tally, second, counts = MinuteTally(), MinuteTally(), Counter[int]()
    for number, (minutes, times) in enumerate(added):
        (second if number % 2 else tally).add(bits(minutes), times)
        counts.update(dict.fromkeys(minutes, times))
    tally.add_all(second)
    assert [tally.at(minute) for minute in range(MINUTES)] == [counts[minute] for minute in range(MINUTES)]
    assert tally.total(first, first + length) == sum(counts[minute] for minute in range(first, first + length))
    among = frozenset(range(0, MINUTES, 3))
    above = tally.above(most) & bits(frozenset(range(MINUTES)))
    assert above == bits(frozenset(minute for minute in range(MINUTES) if counts[minute] > most))
    assert tally.busiest(bits(among), 5) == sorted(among, key=lambda minute: (-counts[minute], minute))[:5]
