"""A token bucket per public id, so that nobody who knows one can flood a routine or guess at its secret.

It is counted before a signature is checked; each server counts for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from math import ceil

from routines.core.errors import RateLimitedError
from routines.core.limits import RATE_LIMITED_PUBLIC_IDS_MAX

MINUTE_SECONDS = 60.0


class RateLimiter:
    """Lets `per_minute` calls a minute through for each key; a minute's worth may come at once."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, key: str, now_seconds: float) -> None:
        """Count a call; raises `RateLimitedError` if it is one too many. `now_seconds` never runs backwards."""
        left, counted_at = self._buckets.pop(key, (float(self._per_minute), now_seconds))
        left = min(self._per_minute, left + (now_seconds - counted_at) * self._per_minute / MINUTE_SECONDS)
        admitted = left >= 1
        self._buckets[key] = (left - 1 if admitted else left, now_seconds)
        if len(self._buckets) > RATE_LIMITED_PUBLIC_IDS_MAX:
            self._buckets.popitem(last=False)
        if not admitted:
            wait = max(1, ceil((1 - left) * MINUTE_SECONDS / self._per_minute))
            raise RateLimitedError(
                f"More than {self._per_minute} fires a minute; the next is taken in {wait} s", retry_after_seconds=wait
            )
