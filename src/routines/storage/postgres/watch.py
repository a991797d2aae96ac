"""What PostgreSQL tells a server unasked: its time, that some trigger's next slot came nearer, and that a server hangs.

One thread and one connection of its own; while that is away, the clock goes on by itself, and slots are found when
they are looked for next.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Event, Lock, Thread

import psycopg
import structlog

from routines.clock import DatabaseClock, monotonic_seconds, steady_seconds
from routines.core.instants import from_milliseconds, to_milliseconds
from routines.storage.database import Notices, ignore

CHANNEL = "routines_next_slot"
WAKE_UP_CHANNEL = "routines_wake_up"
CHANGES_CHANNEL = "routines_changes"
LISTEN = f"LISTEN {CHANNEL}; LISTEN {WAKE_UP_CHANNEL}; LISTEN {CHANGES_CHANNEL}"
ANNOUNCE = "SELECT pg_notify(%s, %s)"
TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"
WATCHES = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND query = ANY(%s) AND state_change > clock_timestamp() - interval '5 seconds'
"""
COMPANIES_TOLD_MAX = 100  # ids in one notification, which holds at most 8,000 bytes; of more than these, none is named
ASK_TIME_SECONDS = 1.0  # as long a jump of the database's clock, or a sleep of this machine, goes unnoticed
ANNOUNCE_PAUSE_SECONDS = 0.1  # PostgreSQL sends notifications of all transactions one after the other, so they are few
RECONNECT_SECONDS = 1.0
STOP_SECONDS_MAX = 2.0
END_HUNG_SECONDS = 2.0  # how often hung sessions are looked for
HUNG_SECONDS = 10  # in the middle of a statement a server waits for nothing but the database
APPLICATION_NAME = "routines"
"""By which the database knows the sessions of the service's servers from those of people and their tools."""
WRITING_NAME = "routines writing"
"""The same of a session that is in a write transaction."""
# The database itself ends a transaction whose server is silent between two statements, but waits for ever for the rest
# of one, such as a COPY: meanwhile the locks of a server that was frozen or cut off would keep its slots from firing.
END_HUNG = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = '{WRITING_NAME}'
        AND backend_xid IS NOT NULL AND state = 'active' AND wait_event_type = 'Client'
        AND query_start < clock_timestamp() - interval '{HUNG_SECONDS} seconds'
"""  # noqa: S608 - constants

log = structlog.get_logger(__name__)


class Watch:
    """Keeps a clock in step, and carries announcements of slots from server to server, between `start` and `stop`."""

    def __init__(self, connect: Callable[[], psycopg.Connection], clock: DatabaseClock) -> None:
        self._connect = connect
        self._clock = clock
        self._notices = Notices(slot=_ignore, wake_up=ignore)
        self._stopping = Event()
        self._announcement = Lock()
        self._to_announce: datetime | None = None
        self._wake_up_to_announce = False
        self._changes_to_announce: set[str] = set()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._thread = Thread(target=self._run, name="postgres-watch", daemon=True)

    def start(self, notices: Notices) -> None:
        """Begin, telling of what other servers announce."""
        self._notices = notices
        self._thread.start()

    def stop(self) -> None:
        """Let go of the connection."""
        self._stopping.set()
        self._ring()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS_MAX)  # a database that is cut off may keep it waiting
        self._bell.close()
        self._ear.close()

    def announce(self, next_run_at: datetime) -> None:
        """Tell every server of a slot, soon; of several at once only the nearest is told."""
        with self._announcement:
            if self._to_announce is not None and self._to_announce <= next_run_at:
                return
            self._to_announce = next_run_at
        self._ring()

    def announce_wake_up(self) -> None:
        """Tell every server, soon, that an agent may be started; of several times at once one is told."""
        with self._announcement:
            self._wake_up_to_announce = True
        self._ring()

    def announce_changes(self, company_ids: frozenset[str]) -> None:
        """Tell every server, soon, of new activity in these companies."""
        with self._announcement:
            self._changes_to_announce |= company_ids
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # it rings already, or nobody is there any more
            self._bell.send(b".")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._connect() as connection, selectors.DefaultSelector() as selector:
                    selector.register(connection, selectors.EVENT_READ)
                    selector.register(self._ear, selectors.EVENT_READ)
                    connection.execute(LISTEN)
                    # Whatever was announced while nobody listened is looked for now.
                    self._notices.slot(self._clock.now())
                    self._notices.wake_up()
                    self._notices.changes(None)
                    self._attend(connection, selector)
            except (psycopg.Error, OSError) as error:
                log.warning("database_watch_lost", error=str(error).strip())
                self._stopping.wait(RECONNECT_SECONDS)
            except Exception:
                log.exception("database_watch_failed")
                self._stopping.wait(RECONNECT_SECONDS)

    def _attend(self, connection: psycopg.Connection, selector: selectors.BaseSelector) -> None:
        """Listen, tell, ask for the time and end what hangs, until the server stops or the connection is lost."""
        end_hung_at = monotonic_seconds() + END_HUNG_SECONDS
        while not self._stopping.is_set():
            if monotonic_seconds() > end_hung_at:
                end_hung_at = monotonic_seconds() + END_HUNG_SECONDS
                _end_hung(connection)
            ask_time(connection, self._clock)
            self._tell(connection)
            for notification in connection.notifies(timeout=0):
                self._hear(notification)
            ready = selector.select(ASK_TIME_SECONDS)
            if any(key.fileobj is self._ear for key, _ in ready):
                self._stopping.wait(ANNOUNCE_PAUSE_SECONDS)
                self._ear.recv(4096)

    def _tell(self, connection: psycopg.Connection) -> None:
        with self._announcement:
            nearest, self._to_announce = self._to_announce, None
            wake_up, self._wake_up_to_announce = self._wake_up_to_announce, False
            changed, self._changes_to_announce = self._changes_to_announce, set()
        if nearest is not None:
            connection.execute(ANNOUNCE, (CHANNEL, str(to_milliseconds(nearest))))
        if wake_up:
            connection.execute(ANNOUNCE, (WAKE_UP_CHANNEL, ""))
        if changed:
            named = sorted(changed) if len(changed) <= COMPANIES_TOLD_MAX else []
            connection.execute(ANNOUNCE, (CHANGES_CHANNEL, " ".join(named)))

    def _hear(self, notification: psycopg.Notify) -> None:
        if notification.channel == WAKE_UP_CHANNEL:
            self._notices.wake_up()
        elif notification.channel == CHANGES_CHANNEL:
            self._notices.changes(frozenset(notification.payload.split()) or None)
        else:
            self._notices.slot(from_milliseconds(int(notification.payload)))


def ask_time(connection: psycopg.Connection, clock: DatabaseClock) -> None:
    """Set a clock by the database's."""
    asked_at = steady_seconds()
    row = connection.execute(TIME).fetchone()
    if row is not None:
        clock.answered(row[0], asked_at)


def count_watches(connection: psycopg.Connection) -> int:
    """How many servers work on the database, told by their watches, which ask for the time each second."""
    row = connection.execute(WATCHES, ([TIME, LISTEN],)).fetchone()
    return 0 if row is None else int(row[0])


def _end_hung(connection: psycopg.Connection) -> None:
    """End the sessions of servers that hang in the middle of a statement, so that others take up their slots."""
    ended = len(connection.execute(END_HUNG).fetchall())
    if ended:
        log.warning("hung_sessions_ended", sessions=ended)


def _ignore(_next_run_at: datetime) -> None:
    """Nobody is to be told."""
