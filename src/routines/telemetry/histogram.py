"""A histogram that takes many equal values at once, for fires are counted by the set.

What is measured with it is said in `metrics`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from threading import Lock

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class SetHistogram(Collector):
    """Counts values into buckets; `bounds` ascend, and what is larger than the last is counted all the same."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = [*bounds, float("inf")]
        self._lock = Lock()
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float, count: int) -> None:
        """Count a value that was seen so many times."""
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += count
            self._sum += value * count

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """All that was counted."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        names = [*map(str, self._bounds[:-1]), "+Inf"]
        buckets = [(name, float(count)) for name, count in zip(names, accumulate(counts), strict=True)]
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=total)
