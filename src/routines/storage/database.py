"""What a database is to the rest of the service: short reads, and write transactions that announce what they moved.

Each database's package implements this; nothing outside those packages asks which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, Table

from routines.clock import Clock, ClockSetting, monotonic_seconds
from routines.core.deliveries import DeliveryRecord
from routines.core.errors import RoutinesError
from routines.core.fires import RoutineState
from routines.core.model import CatchUpPolicy
from routines.core.signing import SigningMode
from routines.observer import FireSet, Observer


class RowsRefusedError(RoutinesError):
    """A database cannot keep a row that another one kept."""


class DueTrigger(NamedTuple):
    """A schedule whose next slot has come, with what its slots are settled by."""

    id: str
    company_id: str
    routine_id: str
    cron_expression: str
    timezone: str
    slots_decided_until: datetime
    next_run_at: datetime
    catch_up_policy: CatchUpPolicy


class Claim(NamedTuple):
    """Schedules that were claimed, and their routines as they are under the lock, by id.

    Of some the row, or one beside it, holds what no server writes; only their ids are told.
    """

    triggers: list[DueTrigger]
    routines: dict[str, RoutineState]
    unreadable: list[str]


class Webhook(NamedTuple):
    """A webhook trigger, as far as a delivery is concerned."""

    id: str
    routine_id: str
    enabled: bool
    signing_mode: SigningMode | None
    replay_window_sec: int | None
    sealed_secret: bytes | None


class Move(NamedTuple):
    """A schedule that moves on: its slots up to `decided_until` are decided, and `next_run_at` follows."""

    trigger_id: str
    decided_until: datetime
    next_run_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rows:
    """What one batch of fires writes, as tuples in the order of the statements that take them.

    `runs`, `issues` and `wake_ups` in the order of their tables' columns;
    `aliases` (routine, cause, run, expiry); `triggers` (fired at, result, slots decided until, next run at, id), where
    a null leaves a column as it is, but the next run at follows from the third; `routines` (triggered at, enqueued at,
    id), the same. Instants are epoch milliseconds.
    """

    runs: list[tuple[object, ...]] = field(default_factory=list)
    issues: list[tuple[object, ...]] = field(default_factory=list)
    wake_ups: list[tuple[object, ...]] = field(default_factory=list)
    aliases: list[tuple[object, ...]] = field(default_factory=list)
    triggers: list[tuple[object, ...]] = field(default_factory=list)
    routines: list[tuple[object, ...]] = field(default_factory=list)


class HotStatements(Protocol):
    """The statements through which fires go, each over a whole set and in each database's own words."""

    def claim_due(self, company_ids: Sequence[str], now: datetime, each: int) -> Claim:
        """Schedules whose slot has come, with their routines locked: of each company up to `each`, longest due first.

        What another server has claimed is passed over.
        """
        ...

    def claim(self, trigger_ids: Sequence[str]) -> Claim:
        """Those triggers as they are now, with their routines locked.

        Ones that fire no more, and what another server has claimed, are left out.
        """
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

    def take_issue_numbers(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Reserve so many issue numbers of each company, and return each company's first."""
        ...

    def write(self, rows: Rows) -> None:
        """Write a batch."""
        ...

    def keep_unfired(self, records: Sequence[DeliveryRecord], kept_max: int) -> None:
        """Keep deliveries that made no run, and of each of their triggers no more than the newest `kept_max`.

        Nobody is waited for: what another server is removing just now is passed over, and goes with the next.
        """
        ...


class Locks(Protocol):
    """What a use case keeps to itself until its transaction ends; asked for in the order in which it stands here.

    One order for all is what keeps two transactions from waiting for each other. Fires lock routines alone, in
    the order of their ids, so a use case may lock a routine after its company and never the other way round. What a
    decision stands on is read after the lock. An id that does not exist locks nothing.
    """

    def registry(self) -> None:
        """What is one in the whole database: issue prefixes, facts."""
        ...

    def company(self, company_id: str) -> None:
        """A company, and the right to change what belongs to it but its issues."""
        ...

    def agent(self, agent_id: str) -> None:
        """The company of an agent, and the agent against those who start it."""
        ...

    def project(self, project_id: str) -> None:
        """The company of a project."""
        ...

    def goal(self, goal_id: str) -> None:
        """The company of a goal."""
        ...

    def routine(self, routine_id: str) -> None:
        """The company of a routine, and the routine against fires."""
        ...

    def trigger(self, trigger_id: str) -> None:
        """The company of a trigger, and its routine against fires."""
        ...

    def issues_of(self, company_id: str) -> None:
        """A company against changes of all but its issues, beside others who ask for the same."""
        ...

    def issue(self, issue_id: str) -> None:
        """The company of an issue as `issues_of` does, and the issue."""
        ...

    def issues(self, issue_ids: Sequence[str]) -> None:
        """Issues with their companies, each as `issue` does; what else is locked comes after all of them."""
        ...

    def routines(self, routine_ids: Sequence[str]) -> None:
        """Routines of a company that is locked, against fires."""
        ...

    def issue_tree(self, company_id: str) -> None:
        """Which issue is below which, in a company."""
        ...

    def removal(self) -> bool:
        """The removal of what is old; it is tried, and False if another server is at it."""
        ...

    def silences(self) -> bool:
        """Telling of routines that are quiet; it is tried, and False if another server is at it."""
        ...


Notice = Callable[[], None]


Companies = frozenset[str] | None
"""The ids of companies in which something happened; None for any of them."""


def ignore() -> None:
    """Nobody is to be told."""


def ignore_changes(_companies: Companies) -> None:
    """Nobody is to be told."""


class Notices(NamedTuple):
    """Who is told of what: a nearer slot than the next one known, agents to be started, activity, things to be sent."""

    slot: Callable[[datetime], None]
    wake_up: Notice
    changes: Callable[[Companies], None] = ignore_changes
    notification: Notice = ignore


class Announcing(Protocol):
    """What a transaction that is on disk tells its own server, and every other."""

    def announce_wake_up(self) -> None:
        """An agent may be started."""
        ...

    def announce_changes(self, company_ids: frozenset[str]) -> None:
        """There is new activity in these companies."""
        ...

    def announce_notification(self) -> None:
        """A notification is to be sent, which this server does; others find it when it does not."""
        ...


class Transaction:
    """One write transaction: the connection, its hot statements and locks, and what to do once it is on disk."""

    def __init__(
        self, connection: Connection, hot: HotStatements, locks: Locks, announcing: Announcing, observer: Observer
    ) -> None:
        self.connection = connection
        self.hot = hot
        self.locks = locks
        self.observer = observer
        self._announcing = announcing
        self._began_seconds = monotonic_seconds()
        self._wakes = False
        self._notifies = False
        self._changed: set[str] = set()
        self._after_commit: list[Callable[[], None]] = []

    def wakes(self) -> None:
        """Have the workers told, once this transaction is on disk, that an agent may be started."""
        self._wakes = True

    def notifies(self) -> None:
        """Have the sender told, once this transaction is on disk, that there is something to be sent."""
        self._notifies = True

    def changes(self, company_ids: Iterable[str]) -> None:
        """Have those who follow these companies told, once this transaction is on disk, that there is new activity."""
        self._changed.update(company_ids)

    def fired(self, fires: FireSet) -> None:
        """Have the observer told, once this transaction is on disk, of fires that were recorded in it."""
        if fires.kinds:
            self.after_commit(lambda: self.observer.fires_recorded(fires, monotonic_seconds() - self._began_seconds))

    def after_commit(self, action: Callable[[], None]) -> None:
        """Have `action` run once this transaction is on disk, and not at all if it is rolled back."""
        self._after_commit.append(action)

    def committed(self) -> None:
        """Run what was to follow the commit; called by the database, once."""
        if self._wakes:
            self._announcing.announce_wake_up()
        if self._notifies:
            self._announcing.announce_notification()
        if self._changed:
            self._announcing.announce_changes(frozenset(self._changed))
        for action in self._after_commit:
            action()


StoredRow = tuple[object, ...]
"""A whole row in the order of its table's columns, alike in every database: ids and words as text, instants as whole
milliseconds, flags as `bool`, secrets as `bytes`."""


class TableReader(Protocol):
    """One consistent state of a whole database, for as long as it is read."""

    def rows(self, table: Table) -> Iterator[StoredRow]:
        """Every row of a table in the order of its primary key, text by its bytes; few are in memory at a time."""
        ...


class TableWriter(Protocol):
    """A transaction that fills a database which is kept from everybody else."""

    def is_empty(self, table: Table) -> bool:
        """True if the table has no row."""
        ...

    def clear(self, table: Table) -> None:
        """Remove a table's rows."""
        ...

    def fill(self, table: Table, rows: Iterable[StoredRow]) -> None:
        """Store rows in their order; raises `RowsRefusedError` if the database cannot keep one of them."""
        ...


class PoolState(NamedTuple):
    """The connections of one kind that a server may have: how many at most, in use, and callers waiting for one."""

    name: str
    size: int
    in_use: int
    waiting: int


class Database(Protocol):
    """A migrated database."""

    @property
    def fires_at_once(self) -> int:
        """How many fires of a burst are written in one transaction."""
        ...

    @property
    def writers(self) -> int:
        """How many sets of fires are worth writing at once."""
        ...

    @property
    def rescan_seconds(self) -> float | None:
        """How often the next slot is looked up anew in case nobody told of it; None where nobody else changes it."""
        ...

    def oldest_write_seconds(self) -> float | None:
        """How long ago the oldest write transaction began that has not ended, of any server; 0.0 if there is none.

        All that comes to be seen later is of transactions that began after then, and so are their ids. None where
        writes come one after the other: what is seen is then all that there is up to it.
        """
        ...

    def make_clock(self, setting: ClockSetting) -> Clock:
        """The clock that decides for every server of this database, as a test may have set it."""
        ...

    def watch(self, notices: Notices) -> None:
        """From now until `close`, tell of slots that others announce, and of wake-ups and activity of any server."""
        ...

    def announce(self, next_run_at: datetime) -> None:
        """Tell every server that some trigger's next slot is now this one."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """A connection that sees one consistent state and cannot write; hold it briefly."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that is on disk when the block ends, or leaves no trace if it raises.

        Raises `UnavailableError` when the database cannot be written now.
        """
        ...

    def read_tables(self) -> AbstractContextManager[TableReader]:
        """All there is in one consistent state, whole tables at a time."""
        ...

    def write_tables(self) -> AbstractContextManager[TableWriter]:
        """A transaction of whole tables that is on disk when the block ends, or leaves no trace if it raises."""
        ...

    def pools(self) -> Sequence[PoolState]:
        """How busy its connections are, told without asking it anything."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for people; never with a password."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
