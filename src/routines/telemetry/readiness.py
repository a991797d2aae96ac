"""Whether a server is ready for its part of the work, told as sentences.

Which parts it has is set when it is built; what waits in the database is the probe's to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from routines.core.limits import READY_DATABASE_SECONDS_MAX, READY_LATENESS_SECONDS_MAX
from routines.telemetry.backlog import Backlog, BacklogProbe

SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a server, whether it is ready, and a sentence about it."""

    name: str
    ready: bool
    sentence: str


class Readiness:
    """Tells whether a server is ready; `alive` says of each of its background parts whether that is at work."""

    def __init__(self, probe: BacklogProbe, alive: Mapping[str, Callable[[], bool]]) -> None:
        self._probe = probe
        self._alive = alive

    async def parts(self) -> list[Part]:
        """The database and each background part, in this order."""
        backlog = await self._probe.backlog(READY_DATABASE_SECONDS_MAX)
        return [_database(backlog), *(_background(name, is_alive(), backlog) for name, is_alive in self._alive.items())]


def _database(backlog: Backlog | None) -> Part:
    if backlog is None:
        return Part("database", False, f"The database does not answer within {READY_DATABASE_SECONDS_MAX:g} s")
    return Part("database", True, "The database answers")


def _background(name: str, is_alive: bool, backlog: Backlog | None) -> Part:  # noqa: FBT001 - one call, which reads well
    if not is_alive:
        return Part(name, False, f"The {name} is not at work: the server has not started it yet, or stops")
    if name != SCHEDULER or backlog is None:
        return Part(name, True, f"The {name} is at work")
    late, bound = backlog.slot_age_seconds, READY_LATENESS_SECONDS_MAX
    if late > bound:
        return Part(name, False, f"The oldest slot that is due waits for {late:.1f} s, longer than {bound:g} s")
    return Part(name, True, f"The oldest slot that is due waits for {late:.1f} s")
