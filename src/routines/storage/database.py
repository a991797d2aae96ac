"""What a database is to the rest of the service: short reads, and write transactions that announce what they moved.

Each database's package implements this; nothing outside those packages asks which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from routines.core.fires import RoutineState
from routines.core.model import CatchUpPolicy
from routines.core.signing import SigningMode


class DueTrigger(NamedTuple):
    """A schedule whose next slot has come, with what its slots are settled by."""

    id: str
    routine_id: str
    cron_expression: str
    timezone: str
    slots_decided_until: datetime
    next_run_at: datetime
    catch_up_policy: CatchUpPolicy


class Webhook(NamedTuple):
    """A webhook trigger, as far as a delivery is concerned."""

    id: str
    routine_id: str
    enabled: bool
    signing_mode: SigningMode | None
    replay_window_sec: int | None
    sealed_secret: bytes | None


@dataclass(frozen=True, slots=True)
class Rows:
    """What one batch of fires writes, as tuples in the order of the statements that take them.

    `runs` and `issues` in the order of their tables' columns; `wake_ups` (issue, agent, company, reason, at);
    `aliases` (routine, cause, run, expiry); `fired_triggers` (at, result, trigger); `decided_triggers`
    (result, trigger); `triggered_routines` (at, routine); `enqueued_routines` (at, at, routine). Instants are epoch
    milliseconds.
    """

    runs: list[tuple[object, ...]] = field(default_factory=list)
    issues: list[tuple[object, ...]] = field(default_factory=list)
    wake_ups: list[tuple[object, ...]] = field(default_factory=list)
    aliases: list[tuple[object, ...]] = field(default_factory=list)
    fired_triggers: list[tuple[object, ...]] = field(default_factory=list)
    decided_triggers: list[tuple[object, ...]] = field(default_factory=list)
    triggered_routines: list[tuple[object, ...]] = field(default_factory=list)
    enqueued_routines: list[tuple[object, ...]] = field(default_factory=list)


class HotStatements(Protocol):
    """The statements through which fires go, each over a whole set and in each database's own words."""

    def claim(self, trigger_ids: Sequence[str]) -> list[DueTrigger]:
        """Those triggers, and their routines, locked and as they are now; ones that fire no more are left out."""
        ...

    def webhooks(self, public_ids: Sequence[str]) -> dict[str, Webhook]:
        """The webhook triggers behind these public ids; unknown ones are left out."""
        ...

    def routine_states(self, routine_ids: Sequence[str]) -> dict[str, RoutineState]:
        """The routines, locked, with their open issues; deleted and unknown ones are left out."""
        ...

    def known_causes(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are runs already, and which."""
        ...

    def known_aliases(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are further causes of runs, and of which."""
        ...

    def take_issue_numbers(self, company_id: str, count: int) -> int:
        """Reserve `count` issue numbers of a company and return the first."""
        ...

    def write(self, rows: Rows) -> None:
        """Write a batch."""
        ...

    def advance(self, triggers: Sequence[tuple[datetime, datetime | None, str]]) -> None:
        """Move schedules on: (slots decided until, next run at, trigger id) each."""
        ...


class Transaction:
    """One write transaction: the connection, its hot statements, and what to do once it is on disk."""

    def __init__(self, connection: Connection, hot: HotStatements) -> None:
        self.connection = connection
        self.hot = hot
        self._after_commit: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        """Have `action` run once this transaction is on disk, and not at all if it is rolled back."""
        self._after_commit.append(action)

    def committed(self) -> None:
        """Run what was to follow the commit; called by the database, once."""
        for action in self._after_commit:
            action()


class Database(Protocol):
    """A migrated database."""

    def read(self) -> AbstractContextManager[Connection]:
        """A connection that sees one consistent state and cannot write; hold it briefly."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that is on disk when the block ends, or leaves no trace if it raises.

        Raises `UnavailableError` when the database cannot be written now.
        """
        ...

    def describe(self) -> Mapping[str, str]:
        """What `doctor` and logs say of it: kind, place, version."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
