"""Stored JSON as people read it: laid out in lines, and cut where it is more than a page holds.

What may be stored is decided where it arrives.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from routines.web.times import When

CHARACTERS_SHOWN_MAX = 40_000  # escaped that is 200 kB at worst, and more than anybody reads


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload's text, and how many characters there are if it is only their beginning."""

    text: str
    characters: int
    is_whole: bool


def pretty(stored: str | None) -> Payload | None:
    """A JSON text laid out in lines; as it is stored where it is too long for that. None if there is nothing."""
    if stored is None:
        return None
    text = stored
    if len(stored) <= CHARACTERS_SHOWN_MAX:
        text = json.dumps(json.loads(stored), ensure_ascii=False, indent=2)
    if len(text) <= CHARACTERS_SHOWN_MAX:
        return Payload(text, len(stored), is_whole=True)
    return Payload(stored[:CHARACTERS_SHOWN_MAX], len(stored), is_whole=len(stored) <= CHARACTERS_SHOWN_MAX)


@dataclass(frozen=True, slots=True)
class Outage:
    """The slots that one run records as dropped."""

    count: int
    first: When
    last: When


def outage(details: str | None, shown: Callable[[datetime], When]) -> Outage | None:
    """What a run records of an outage, if it records one."""
    if details is None:
        return None
    told = json.loads(details)
    return Outage(
        int(told["count"]),
        shown(datetime.fromisoformat(told["from"])),
        shown(datetime.fromisoformat(told["to"])),
    )
