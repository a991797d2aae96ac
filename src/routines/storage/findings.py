"""What an examination finds, in the words in which `routines doctor` tells it.

What is looked at is said where it is known: in each database's package, and in `cli`.
"""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One check: what was looked at, what was found, and what to do if it is not well."""

    subject: str
    found: str
    remedy: str | None = None
