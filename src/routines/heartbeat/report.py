"""What an agent's process says of its own work on standard output, and how a line of it is read safely.

How the process itself ended is not known here; the two meet in `outcome`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from routines.core.heartbeats import NO_USAGE, Usage
from routines.core.limits import COST_USD_MAX, TOKENS_MAX

LINE_BYTES_MAX = 4 * 1024 * 1024  # an image that an agent looks at comes as one line; its last word is far shorter
SUMMARY_CHARACTERS_MAX = 20_000  # what a person reads of one heartbeat
ERROR_CHARACTERS_MAX = 2_000
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """What an agent said: a summary, what it took, and its own word that it failed.

    It is not `complete` when the agent's format has a last word and that never came.
    """

    summary: str | None = None
    usage: Usage = NO_USAGE
    error: str | None = None
    complete: bool = True


class Reader(Protocol):
    """Takes standard output line by line; no line makes it raise, and it keeps little of them."""

    def feed(self, line: bytes) -> None:
        """Take one line, with or without its end, in the order in which it was written."""

    def report(self) -> Report:
        """What was said so far; asked once the process has ended."""


class SilentReader:
    """For a process of any kind: its output is its own, and its exit code alone tells how it went."""

    def feed(self, line: bytes) -> None:
        """Take no notice."""

    def report(self) -> Report:
        """Nothing but that nothing more was to be expected."""
        return Report()


def json_object(line: bytes) -> dict[str, Any] | None:
    """The JSON object that a line is, or None for anything else, whatever it is."""
    if len(line) > LINE_BYTES_MAX or not line.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(line.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def part(value: object, name: str) -> dict[str, Any]:
    """The object under a name of an object; an empty one for anything else."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def said(value: object, characters_max: int) -> str | None:
    """What an agent wrote, as text that a database keeps, or None where it wrote nothing."""
    if not isinstance(value, str) or not value.strip():
        return None
    kept = value.strip().replace("\0", "\ufffd").encode(errors="replace").decode()
    return kept if len(kept) <= characters_max else f"{kept[: characters_max - 1]}…"


def tokens(value: object) -> int:
    """A number of tokens; 0 for what is none."""
    return min(value, TOKENS_MAX) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def cost_micros(usd: object) -> int:
    """US dollars in millionths, rounded; 0 for what is no price."""
    if not isinstance(usd, int | float) or isinstance(usd, bool) or not 0 <= usd <= COST_USD_MAX:
        return 0
    return round(usd * _MICROS)
