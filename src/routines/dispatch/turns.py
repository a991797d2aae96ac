"""Whose turn it is while a burst of slots is fired: the companies that have something due, one after the other.

What of theirs is fired is the scheduler's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from threading import Lock


class Turns:
    """The companies with something due, shared by those who fire it; a company stays until it has no more."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._companies: dict[str, None] = {}
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
            self.joined_until = until if self.joined_until is None else max(self.joined_until, until)

    def take(self, count: int) -> list[str]:
        """The next companies, at most so many, which then come last."""
        with self._lock:
            taken = list(self._companies)[:count]
            for each in taken:
                del self._companies[each]
                self._companies[each] = None
            return taken

    def leave(self, companies: Iterable[str]) -> None:
        """These have no more that is due."""
        with self._lock:
            for each in companies:
                self._companies.pop(each, None)
