"""PostgreSQL as a database of the service: any number of servers, each with a few connections and its time from here.

READ COMMITTED for what writes, with locks; one snapshot for what reads. The statements are in `hot`, the locks in
`locks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any

import psycopg
import structlog
from psycopg.types.string import TextLoader
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from routines.clock import Clock, ClockSetting, DatabaseClock
from routines.core.errors import UnavailableError
from routines.observer import NOBODY, DatabaseFault, Observer
from routines.storage import migrations
from routines.storage.database import Notices, PoolState, Transaction
from routines.storage.findings import Finding
from routines.storage.pool import WatchedPool, state_of
from routines.storage.postgres.examination import examine_notifications, examine_server, require_fit
from routines.storage.postgres.hot import PostgresStatements
from routines.storage.postgres.locks import PostgresLocks
from routines.storage.postgres.tables import PostgresTables
from routines.storage.postgres.watch import APPLICATION_NAME, WRITING_NAME, Watch, ask_time, count_watches
from routines.storage.schema import metadata

READERS_MAX = 8  # more than two cores can use; a server's connections are few, for a database has some hundred
WRITERS_MAX = 6  # the batcher's, the scheduler's, and use cases, which wait for each other by company anyway
ASIDE_MAX = 2  # for statements that take no time and commit at once
PATIENCE_SECONDS = 5.0  # how long a caller waits for a connection, or for a lock, before it is told 503
RESCAN_SECONDS = 5.0  # how late a slot may be found of which the announcement was lost
IDLE_SECONDS_MAX = 10  # a server that hangs in the middle of a transaction loses it, and others take up its slots

CONNECTION: Mapping[str, Any] = {
    "application_name": APPLICATION_NAME,
    "client_encoding": "utf8",  # also of a database of another encoding, which can then be told so
    "autocommit": True,  # transactions begin where the service says, with its own words
    "prepare_threshold": None,  # a plan that is kept fits the table as it was
    "connect_timeout": 5,
    # A database that is cut off without a word is given up after some 25 seconds.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
BEGAN_AT = "SELECT extract(epoch FROM transaction_timestamp())::float8"
BEGIN_WRITE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
    f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS:.0f}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS_MAX}s'; "
    "SET LOCAL synchronous_commit = on; "
    # All that a write transaction reads, it finds by index, a row or a set of ids at a time. A planner that knows
    # nothing of a table yet, or what it knew before ten thousand fires, would rather read the whole of it.
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; "
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; "
    # So there is one plan for each statement, whatever the tables hold, and it need not be made each time.
    "SET LOCAL plan_cache_mode = force_generic_plan; "
    # Past this moment others know of the transaction (OLDEST_WRITE), and the clock by which it makes ids is not behind.
    f"SET LOCAL application_name = '{WRITING_NAME}'; {BEGAN_AT}"
)
# Which transactions may still show something that nobody has seen yet? Those that write, known by the name that they
# bear from their first message to their end: a session of ours that only reads, a backup, and whatever people do with
# tools of their own write no activity, however long they take. A transaction that has no number yet counts too, for it
# may have read the clock. One that this does not find is either seen by every later snapshot, for its effects show
# before its name goes, or will read the clock after this question was asked. All servers are one role of the database,
# which sees its own sessions' times.
OLDEST_WRITE = f"""
    SELECT extract(epoch FROM statement_timestamp() - min(xact_start))::float8 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = '{WRITING_NAME}'
"""  # noqa: S608 - constants
# A migration of large tables takes its time, and so do those who start meanwhile, and a busy machine between two steps.
PATIENT = "SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '60s'"
PREPARED_AFTER = 1  # planning takes longer than running what is found by index
PREPARED_MAX = 200  # more than the statements of all use cases
# What was planned while a table was small may read all of a routine's runs to find one: too slow a while later.
REPLAN_SECONDS = 5.0
DISCARD_PLANS = "DISCARD PLANS"
# What a pooler in transaction mode makes of statements that were prepared: unknown, or known already.
PREPARED_ELSEWHERE = frozenset({"26000", "42P05"})

# Classes of SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html) that only time or the operator can mend:
# connection exceptions, transaction rollback, insufficient resources, operator intervention, system error.
NOT_OUR_FAULT_CLASSES = frozenset({"08", "40", "53", "57", "58"})
NOT_OUR_FAULT = frozenset({"25P03", "25006", "55P03"})  # idle too long, read-only (a standby), a lock not had in time

log = structlog.get_logger(__name__)


class PostgresDatabase:
    """The database at `url`; `migrate` before the first use.

    `direct_url` leads to the same database past a pooler in transaction mode, which does not carry notifications.
    """

    fires_at_once = 1_000  # only fires of the same routines wait meanwhile, for some 200 ms
    writers = 2  # one is decided here while PostgreSQL writes the other
    rescan_seconds = RESCAN_SECONDS

    def __init__(self, url: str, direct_url: str | None = None, observer: Observer = NOBODY) -> None:
        self._observer = observer
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self._direct_url = make_url(direct_url or url).set(drivername="postgresql")
        self._prepares = direct_url is None  # with one there is a pooler between, which they do not pass
        self._writers = _engine(self.url.render_as_string(hide_password=False), WRITERS_MAX, None)
        event.listen(self._writers, "after_cursor_execute", _go_to_the_last_answer)
        event.listen(self._writers, "begin", self._begin_to_write)
        event.listen(self._writers, "checkout", self._let_prepare)
        self._readers = _engine(self.url.render_as_string(hide_password=False), READERS_MAX, BEGIN_READ)
        # Past a pooler: transactions that hold all of its connections would wait for one more without end.
        aside = self._direct_url.set(drivername="postgresql+psycopg")
        self._aside = _engine(aside.render_as_string(hide_password=False), ASIDE_MAX, None)
        self._watch: Watch | None = None
        self._notices: Notices | None = None
        self._clock = DatabaseClock()

    def migrate(self) -> None:
        """Bring the database up to date, one server at a time.

        Raises `DatabaseUnfitError` or `DatabaseTooNewError`, having changed nothing.
        """
        with self.read() as connection:
            require_fit(_driver(connection))
        with self._faults_told_apart(), self._writers.begin() as connection:
            connection.exec_driver_sql(PATIENT)
            PostgresLocks(_driver(connection)).registry()
            migrations.upgrade(connection)

    def make_clock(self, setting: ClockSetting) -> Clock:
        """The database's clock; raises `UnavailableError` if it cannot be asked now."""
        self._clock = DatabaseClock(setting)
        with self._faults_told_apart(), self._readers.begin() as connection:
            ask_time(_driver(connection), self._clock)
        return self._clock

    def oldest_write_seconds(self) -> float:
        """How long ago the oldest write transaction began that has not ended, of any server; 0.0 if there is none."""
        with self.read() as connection:
            row = _driver(connection).execute(OLDEST_WRITE).fetchone()
        return 0.0 if row is None or row[0] is None else max(0.0, float(row[0]))

    def watch(self, notices: Notices) -> None:
        """From now until `close`, keep the clock in step, and tell of what is announced, by other servers too."""
        self._notices = notices
        self._watch = Watch(self._connect_directly, self._clock)
        self._watch.start(notices)

    def announce(self, next_run_at: datetime) -> None:
        """Tell every server that some trigger's next slot is now this one."""
        if self._watch is not None:
            self._watch.announce(next_run_at)

    def announce_wake_up(self) -> None:
        """Tell every server that an agent may be started."""
        if self._notices is not None and self._watch is not None:
            self._notices.wake_up()
            self._watch.announce_wake_up()

    def announce_changes(self, company_ids: frozenset[str]) -> None:
        """Tell every server of new activity, this one at once."""
        if self._notices is not None and self._watch is not None:
            self._notices.changes(company_ids)
            self._watch.announce_changes(company_ids)

    def announce_notification(self) -> None:
        """Tell this server that there is something to be sent; others look every few seconds."""
        if self._notices is not None:
            self._notices.notification()

    def pools(self) -> list[PoolState]:
        """How busy its connections are."""
        engines = {"readers": self._readers, "writers": self._writers, "aside": self._aside}
        return [state_of(name, engine) for name, engine in engines.items()]

    @property
    def place(self) -> str:
        """Where it is, for people: the URL without its password."""
        return self.url.set(drivername="postgresql").render_as_string()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state and cannot write; hold it briefly."""
        with self._faults_told_apart(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that is on disk when the block ends, or leaves no trace if it raises.

        Raises `UnavailableError` when the database cannot be written now; was that during the commit, it may be on
        disk all the same.
        """
        with self._faults_told_apart(), self._noticing_a_pooler(), self._writers.begin() as connection:
            driver = _driver(connection)
            transaction = Transaction(
                connection, PostgresStatements(driver, self._lend_aside), PostgresLocks(driver), self, self._observer
            )
            yield transaction
        transaction.committed()

    @contextmanager
    def read_tables(self) -> Iterator[PostgresTables]:
        """All there is in one consistent state, whole tables at a time."""
        with self.read() as connection:
            yield PostgresTables(_driver(connection))

    @contextmanager
    def write_tables(self) -> Iterator[PostgresTables]:
        """A transaction of whole tables that is on disk when the block ends, or leaves no trace if it raises."""
        with self.write() as transaction:
            tables = PostgresTables(_driver(transaction.connection))
            tables.keep_others_out(metadata.sorted_tables)
            yield tables

    def examine(self, machine: Callable[[], datetime]) -> Iterator[Finding]:
        """What is to be said of the server and the way to it; `machine` tells this machine's time."""
        with self.read() as connection:
            yield from examine_server(_driver(connection), machine, READERS_MAX + WRITERS_MAX + ASIDE_MAX + 1)
        with self._faults_told_apart():
            yield examine_notifications(self._connect_directly)

    def servers(self) -> int:
        """How many servers work on it at this moment."""
        with self.read() as connection:
            return count_watches(_driver(connection))

    def close(self) -> None:
        """Let go of every connection."""
        if self._watch is not None:
            self._watch.stop()
        self._readers.dispose()
        self._writers.dispose()
        self._aside.dispose()

    @contextmanager
    def _lend_aside(self) -> Iterator[psycopg.Connection]:
        """A connection on which each statement is a transaction."""
        with self._faults_told_apart(), self._aside.connect() as connection:
            try:
                yield _driver(connection)
            except psycopg.Error as error:
                connection.invalidate(error)  # the pool does not see what happens to the driver
                raise

    def _begin_to_write(self, connection: Connection) -> None:
        """Begin, with a clock that shows nothing earlier than when the database says that it began."""
        self._clock.not_before(connection.exec_driver_sql(BEGIN_WRITE).scalar_one())

    def _let_prepare(self, connection: psycopg.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        connection.prepare_threshold = PREPARED_AFTER if self._prepares else None
        connection.prepared_max = PREPARED_MAX
        now = monotonic()
        if now - record.info.setdefault("planned_at", now) >= REPLAN_SECONDS:
            record.info["planned_at"] = now
            try:
                connection.execute(DISCARD_PLANS)
            except psycopg.OperationalError as error:
                raise DisconnectionError(str(error)) from error  # the pool then makes a new connection

    @contextmanager
    def _noticing_a_pooler(self) -> Iterator[None]:
        """Prepare no more once it shows that transactions of one connection run on several of the database's."""
        try:
            yield
        except (DBAPIError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if getattr(cause, "sqlstate", None) not in PREPARED_ELSEWHERE:
                raise
            self._prepares = False
            self._writers.dispose()
            log.warning("pooler_noticed", error=str(cause).strip())
            raise UnavailableError("The database was reached through a pooler; try again") from error

    @contextmanager
    def _faults_told_apart(self) -> Iterator[None]:
        """Turn what only time or the operator can mend into `UnavailableError`; our own faults stay what they are."""
        try:
            yield
        except PoolTimeoutError as error:
            self._observer.database_failed(DatabaseFault.BUSY)
            raise UnavailableError("The database is busy; try again in a second") from error
        except (DBAPIError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            state = getattr(cause, "sqlstate", None)
            lost = state is None and isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
            if not lost and state not in NOT_OUR_FAULT and (state or "")[:2] not in NOT_OUR_FAULT_CLASSES:
                self._observer.database_failed(DatabaseFault.REFUSED)
                raise
            self._observer.database_failed(DatabaseFault.UNAVAILABLE)
            log.warning("database_unavailable", error=str(cause).strip(), sqlstate=state)
            raise UnavailableError("The database cannot be used now; try again") from error

    def _connect_directly(self) -> psycopg.Connection:
        return psycopg.connect(
            self._direct_url.render_as_string(hide_password=False),
            **CONNECTION,
        )


def _engine(url: str, connections: int, begin: str | None) -> Engine:
    engine = create_engine(
        url,
        poolclass=WatchedPool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=PATIENCE_SECONDS,
        pool_use_lifo=True,  # a quiet server then keeps few connections busy
        hide_parameters=True,  # an error's text reaches the log, and values may be secrets
        use_native_hstore=False,  # would be asked for on every connection
        connect_args=dict(CONNECTION),
    )

    def prepare(connection: psycopg.Connection, _record: object) -> None:
        connection.adapters.register_loader("uuid", TextLoader)  # ids are texts to the program

    event.listen(engine, "connect", prepare)
    if begin is not None:
        event.listen(engine, "begin", _beginner(begin))
    return engine


def _go_to_the_last_answer(
    _connection: Connection, cursor: psycopg.Cursor, statement: str, _values: object, _context: object, _many: object
) -> None:
    """Of several statements in one message only the last one has an answer that is read."""
    if statement == BEGIN_WRITE:
        while cursor.nextset():
            pass


def _beginner(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _driver(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - tells the type checker what the engine makes
    return driver
