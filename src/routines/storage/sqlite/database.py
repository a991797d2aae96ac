"""SQLite as a database of the service: one writer in turn, readers beside it, every commit on disk.

Write-ahead logging lets readers go on during a write; `synchronous=FULL` makes a commit survive a power cut
(sqlite.org/pragma.html#pragma_synchronous). The statements are in `hot`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from routines.clock import Clock, ClockSetting, SystemClock, monotonic_seconds
from routines.core.errors import UnavailableError
from routines.core.limits import FIRES_PER_TRANSACTION_MAX
from routines.observer import NOBODY, DatabaseFault, Observer
from routines.storage import migrations
from routines.storage.database import Notices, PoolState, Transaction, ignore, ignore_changes
from routines.storage.findings import Finding
from routines.storage.pool import WatchedPool, state_of
from routines.storage.sqlite.fair_lock import FairLock, NoTurnError
from routines.storage.sqlite.hot import SqliteStatements
from routines.storage.sqlite.locks import SqliteLocks
from routines.storage.sqlite.tables import SqliteTables

READERS_MAX = 8  # more than two cores can use; each holds a page cache
BUSY_TIMEOUT_MILLISECONDS = 5_000  # only another process can hold the file: a backup, a shell
BUSY_PAUSE_SECONDS = 0.01  # between two tries where SQLite itself does not wait
PATIENCE_SECONDS = 5.0  # how long a caller waits for a connection, or for its turn to write, before it is told 503
STATEMENTS_CACHED = 256  # all that the service ever prepares

PRIMARY_CODE_MASK = 0xFF  # sqlite.org/rescode.html: the rest of a code only tells more of it
NOT_OUR_FAULT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)

log = structlog.get_logger(__name__)


class SqliteDatabase:
    """The database file at `path`; `migrate` before the first use."""

    fires_at_once = FIRES_PER_TRANSACTION_MAX  # all others wait meanwhile
    writers = 1
    rescan_seconds = None  # one server, which knows of each change

    def __init__(self, path: Path, observer: Observer = NOBODY) -> None:
        self.path = path
        self._observer = observer
        self._notices = Notices(lambda _: None, ignore, ignore_changes)
        self._writer_turn = FairLock(patience_seconds=PATIENCE_SECONDS)
        self._writer = _engine(path, connections=1, begin="BEGIN IMMEDIATE", pragmas=("synchronous=FULL",))
        self._readers = _engine(path, connections=READERS_MAX, begin="BEGIN", pragmas=("query_only=ON",))

    def migrate(self) -> None:
        """Bring the file up to date, under the writer's lock; raises `DatabaseTooNewError` having changed nothing."""
        with self._faults_told_apart(), self._writer_turn.turn(), self._writer.begin() as connection:
            migrations.upgrade(connection)

    def make_clock(self, setting: ClockSetting) -> Clock:
        """The machine's clock."""
        return SystemClock(setting)

    def watch(self, notices: Notices) -> None:
        """From now on, tell of wake-ups and activity; there is no other server to hear of slots from."""
        self._notices = notices

    def announce(self, next_run_at: datetime) -> None:
        """Nothing: there is no other server to tell."""

    def announce_wake_up(self) -> None:
        """Tell this server that an agent may be started."""
        self._notices.wake_up()

    def announce_changes(self, company_ids: frozenset[str]) -> None:
        """Tell this server of new activity."""
        self._notices.changes(company_ids)

    def announce_notification(self) -> None:
        """Tell this server that there is something to be sent."""
        self._notices.notification()

    def oldest_write_seconds(self) -> None:
        """None: there is one writer, who makes ids in ascending order, so nothing comes in between what is seen."""

    def pools(self) -> list[PoolState]:
        """How busy its connections are; who waits for the writer waits for a turn."""
        writer = state_of("writers", self._writer)
        return [state_of("readers", self._readers), writer._replace(waiting=writer.waiting + self._writer_turn.waiting)]

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.path)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state and cannot write; hold it briefly."""
        with self._faults_told_apart(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that is on disk when the block ends, or leaves no trace if it raises.

        Raises `UnavailableError` when the file cannot be written now: disk full, or held by another process.
        """
        with self._faults_told_apart(), self._writer_turn.turn(), self._writer.begin() as connection:
            transaction = Transaction(connection, SqliteStatements(connection), SqliteLocks(), self, self._observer)
            yield transaction
        transaction.committed()

    @contextmanager
    def read_tables(self) -> Iterator[SqliteTables]:
        """All there is in one consistent state, whole tables at a time."""
        with self.read() as connection:
            yield SqliteTables(connection)

    @contextmanager
    def write_tables(self) -> Iterator[SqliteTables]:
        """A transaction of whole tables that is on disk when the block ends, or leaves no trace if it raises."""
        with self.write() as transaction:
            yield SqliteTables(transaction.connection)

    def examine(self, machine: Callable[[], datetime]) -> Iterator[Finding]:
        """What is to be said of the library that reads the file."""
        del machine  # its time is the machine's
        yield Finding("SQLite", sqlite3.sqlite_version)

    def close(self) -> None:
        """Let go of every connection, folding the write-ahead log into the file."""
        self._readers.dispose()
        self._writer.dispose()

    @contextmanager
    def _faults_told_apart(self) -> Iterator[None]:
        """Turn what only time or the operator can mend into `UnavailableError`; our own faults stay what they are."""
        try:
            yield
        except (PoolTimeoutError, NoTurnError) as error:
            self._observer.database_failed(DatabaseFault.BUSY)
            raise UnavailableError("The database is busy; try again in a second") from error
        except (DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if code & PRIMARY_CODE_MASK not in NOT_OUR_FAULT:
                self._observer.database_failed(DatabaseFault.REFUSED)
                raise
            self._observer.database_failed(DatabaseFault.UNAVAILABLE)
            log.warning("database_unavailable", error=str(cause))
            raise UnavailableError("The database cannot be used now; try again") from error


def _engine(path: Path, *, connections: int, begin: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        poolclass=WatchedPool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=PATIENCE_SECONDS,
        hide_parameters=True,  # an error's text reaches the log, and values may be secrets
        connect_args={
            "check_same_thread": False,  # a connection moves between threads, but is used by one at a time
            "cached_statements": STATEMENTS_CACHED,
            "isolation_level": None,  # transactions begin where the service says, not where the driver guesses
        },
    )

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
        _log_ahead(connection)
        for pragma in ("foreign_keys=ON", *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _beginner(begin))
    return engine


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, waiting for other programs that do so on the same new file.

    SQLite answers BUSY to all but one of them, and at once: waiting inside could be a deadlock of two who both read.
    """
    patient_until = monotonic_seconds() + PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic_seconds() > patient_until:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


def _beginner(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin
