"""What whoever measures the service is told of: plain events, said once for each set, request or heartbeat.

Nothing is counted, kept or sent here, and no layer that tells of something knows who listens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

import structlog

from routines.core.model import HeartbeatRun

log = structlog.get_logger(__name__)


FireKind = tuple[str, str, int | None, int]
"""What fires of a set have in common: source, status, slot (epoch milliseconds), and how many slots each stands for.

The last is 0 of all but the one record of slots that were dropped. A plain tuple: one is made for each fire.
"""


@dataclass(frozen=True, slots=True)
class FireSet:
    """A set of fires that was recorded as runs in one transaction at `fired_at` (epoch milliseconds).

    `traces` are the W3C trace contexts of those senders who sent one, each with the run that its fire became.
    """

    kinds: Mapping[FireKind, int]
    fired_at: int
    traces: Sequence[tuple[str, str]] = ()

    @property
    def size(self) -> int:
        """How many fires."""
        return sum(self.kinds.values())


class DatabaseFault(StrEnum):
    """Why a transaction failed."""

    BUSY = "busy"  # no connection, or no turn to write, was had in time
    UNAVAILABLE = "unavailable"  # only time or the operator can mend it: a full disk, a server that is away
    REFUSED = "refused"  # the database refused a statement of ours


class AnsweredRequest(NamedTuple):
    """An HTTP request whose reply has begun, `seconds` after it came, and what it said of itself."""

    method: str
    route: str
    status: int
    seconds: float
    request_id: str
    trace: str | None


class Observer(Protocol):
    """Whoever measures; told by any thread, and answered for in no way: what it does must be short and never fail."""

    def fires_recorded(self, fires: FireSet, seconds: float) -> None:
        """A set of fires is on disk; its transaction took so long."""
        ...

    def delivery_answered(self, outcome: str) -> None:
        """A webhook's sender was answered; the outcome is one of few words."""
        ...

    def heartbeats_started(self, runs: Sequence[HeartbeatRun]) -> None:
        """Heartbeats are on disk as running."""
        ...

    def heartbeats_ended(self, runs: Sequence[HeartbeatRun]) -> None:
        """Heartbeats are on disk with their end."""
        ...

    def database_failed(self, fault: DatabaseFault) -> None:
        """A transaction failed, and with it whatever was asked."""
        ...

    def request_answered(self, request: AnsweredRequest) -> None:
        """A reply has begun."""
        ...


class Nobody:
    """Measures nothing."""

    def fires_recorded(self, fires: FireSet, seconds: float) -> None:
        """Nothing."""

    def delivery_answered(self, outcome: str) -> None:
        """Nothing."""

    def heartbeats_started(self, runs: Sequence[HeartbeatRun]) -> None:
        """Nothing."""

    def heartbeats_ended(self, runs: Sequence[HeartbeatRun]) -> None:
        """Nothing."""

    def database_failed(self, fault: DatabaseFault) -> None:
        """Nothing."""

    def request_answered(self, request: AnsweredRequest) -> None:
        """Nothing."""


NOBODY: Observer = Nobody()


class Everybody:
    """Tells several observers; a fault of one of them is logged, and nobody else hears of it."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def fires_recorded(self, fires: FireSet, seconds: float) -> None:
        """Tell each."""
        for each in self._observers:
            with _harmless:
                each.fires_recorded(fires, seconds)

    def delivery_answered(self, outcome: str) -> None:
        """Tell each."""
        for each in self._observers:
            with _harmless:
                each.delivery_answered(outcome)

    def heartbeats_started(self, runs: Sequence[HeartbeatRun]) -> None:
        """Tell each."""
        for each in self._observers:
            with _harmless:
                each.heartbeats_started(runs)

    def heartbeats_ended(self, runs: Sequence[HeartbeatRun]) -> None:
        """Tell each."""
        for each in self._observers:
            with _harmless:
                each.heartbeats_ended(runs)

    def database_failed(self, fault: DatabaseFault) -> None:
        """Tell each."""
        for each in self._observers:
            with _harmless:
                each.database_failed(fault)

    def request_answered(self, request: AnsweredRequest) -> None:
        """Tell each."""
        for each in self._observers:
            with _harmless:
                each.request_answered(request)


class _Harmless:
    """Logs a fault and goes on: what was measured is done, and must not look as if it had failed."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        log.error("observer_failed", exc_info=error)
        return True


_harmless = _Harmless()
