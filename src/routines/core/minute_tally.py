"""How often each minute of a stretch is counted, by a handful of operations on long numbers for any number of minutes.

What is counted, and which instant the first minute is, is the caller's to know.
"""

from __future__ import annotations


class MinuteTally:
    """A count for each minute; a set of minutes is a number of which bit n stands for the nth minute.

    Digit k holds the kth binary digit of all counts at once, so that adding a set is a few operations, however many
    minutes are in it.
    """

    def __init__(self) -> None:
        self._digits: list[int] = []

    def add(self, minutes: int, times: int = 1) -> None:
        """Count each of these minutes so many times more."""
        for place in range(times.bit_length()):
            if times >> place & 1:
                self._carry(minutes, place)

    def add_all(self, other: MinuteTally) -> None:
        """Count each minute as many times more as the other tally does."""
        for place, digit in enumerate(other._digits):
            self._carry(digit, place)

    def total(self, first: int, end: int) -> int:
        """The sum of the counts from minute `first` on and before minute `end`."""
        window = (1 << end - first) - 1
        return sum((digit >> first & window).bit_count() << place for place, digit in enumerate(self._digits))

    def at(self, minute: int) -> int:
        """The count of one minute."""
        return self.total(minute, minute + 1)

    def above(self, most: int) -> int:
        """The minutes of which the count is larger than `most`."""
        larger, equal = 0, -1
        for place in reversed(range(max(len(self._digits), most.bit_length()))):
            digit = self._digits[place] if place < len(self._digits) else 0
            if most >> place & 1:
                equal &= digit
            else:
                larger |= equal & digit
                equal &= ~digit
        return larger

    def busiest(self, among: int, limit: int) -> list[int]:
        """Up to `limit` of these minutes, those with the largest counts first, and of equal ones the earlier."""
        found: list[int] = []
        while among and len(found) < limit:
            most = among
            for digit in reversed(self._digits):
                most = most & digit or most
            among &= ~most
            while most and len(found) < limit:
                lowest = most & -most
                found.append(lowest.bit_length() - 1)
                most ^= lowest
        return found

    def _carry(self, minutes: int, place: int) -> None:
        while minutes:
            if place >= len(self._digits):
                self._digits += [0] * (place + 1 - len(self._digits))
            digit = self._digits[place]
            self._digits[place], minutes = digit ^ minutes, digit & minutes
            place += 1
