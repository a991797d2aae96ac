"""Whose turn it is while a burst of slots is fired: the companies that have something due, one after the other.

What of theirs is fired is the scheduler's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from threading import Lock


class Turns:
    """The companies with something due, shared by those who fire it; a company stays until it has no more."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._companies: dict[str, None] = {}
        self._told: Counter[str] = Counter()
        self.joined_until: datetime | None = None
        """Slots up to this instant have been looked for."""

    @property
    def waiting(self) -> bool:
        """True while some company has a turn."""
        return bool(self._companies)

    def join(self, companies: Iterable[str], until: datetime) -> None:
        """Give these companies a turn, before those that had theirs, unless they wait for one already."""
        with self._lock:
            joining = [each for each in companies if each not in self._companies]
            self._companies = dict.fromkeys(joining) | self._companies
            self._told.update(joining)
            self.joined_until = until if self.joined_until is None else max(self.joined_until, until)

    def take(self, count: int) -> dict[str, int]:
        """The next companies, at most so many, which then come last; each with how often it was told to have more."""
        with self._lock:
            taken = list(self._companies)[:count]
            for each in taken:
                del self._companies[each]
                self._companies[each] = None
            return {each: self._told[each] for each in taken}

    def end(self, taken: Mapping[str, int], with_more: Collection[str]) -> None:
        """Those who had their turn and have more keep one; the others leave.

        Unless somebody has told otherwise since: who found nothing to claim may have met another who had it claimed.
        """
        with self._lock:
            for company_id, told in taken.items():
                if company_id in with_more:
                    self._told[company_id] += 1
                    self._companies.setdefault(company_id)
                elif self._told[company_id] == told:
                    self._companies.pop(company_id, None)
