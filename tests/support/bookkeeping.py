"""The books of a test: what must have become of every slot, kept by the contract alone as the test goes along."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from routines.core import cron
from routines.core.instants import iso

GRACE = timedelta(seconds=60)
CATCH_UP_RUNS_MAX = 25


@dataclass
class RoutineBook:
    """A routine as its changes have left it."""

    id: str
    agent_id: str
    project_id: str
    status: str
    concurrency: str
    catch_up: str
    deleted: bool = False
    open_issues: set[str] = field(default_factory=set)


@dataclass
class TriggerBook:
    """A trigger that is called or fired from outside."""

    id: str
    routine: RoutineBook
    public_id: str | None
    enabled: bool = True


@dataclass
class ScheduleBook:
    """A schedule: what it was and is, up to when its slots are decided, and what became of each that was due."""

    id: str
    routine: RoutineBook
    expression: str
    zone: str
    decided_until: datetime
    enabled: bool = True
    deleted: bool = False
    fired: list[str] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)
    history: list[tuple[str, str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append((self.expression, self.zone, self.live))

    @property
    def live(self) -> bool:
        """Whether its slots are due."""
        gone = self.deleted or self.routine.deleted
        return self.enabled and self.routine.status == "active" and not gone

    @property
    def next_run_at(self) -> str | None:
        """Its next slot, or None while none is due."""
        if not self.live:
            return None
        return iso(cron.next_after(cron.parse(self.expression, self.zone), self.decided_until))

    def settle(self, now: datetime) -> None:
        """Decide all slots that are due."""
        if not self.live:
            return
        due = list(cron.between(cron.parse(self.expression, self.zone), self.decided_until, now))
        if not due:
            return
        self.decided_until = now
        missed = [slot for slot in due if now - slot > GRACE]
        kept_max = CATCH_UP_RUNS_MAX if self.routine.catch_up == "enqueue_missed_with_cap" else 0
        dropped = missed[: max(0, len(missed) - kept_max)]
        self.fired += [iso(slot) for slot in due[len(dropped) :]]
        if dropped:
            self.dropped.append({"count": len(dropped), "from": iso(dropped[0]), "to": iso(dropped[-1])})

    def changed(self, now: datetime) -> None:
        """Note a change after which it counts from `now` on; what was due before was settled."""
        self.decided_until = max(now, self.decided_until)
        self.history.append((self.expression, self.zone, self.live))
