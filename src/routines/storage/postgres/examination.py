"""What can be wrong with a PostgreSQL server, as the service needs it: its version, its settings, the way to it.

It only reads; what is in the database is looked at elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from secrets import token_hex
from typing import NamedTuple

import psycopg
from psycopg import sql

from routines.clock import DatabaseClock, steady_seconds
from routines.core.errors import RoutinesError
from routines.storage.findings import Finding
from routines.storage.postgres.watch import ask_time, count_watches

VERSION_MIN = 15  # the oldest that is tested, and that PostgreSQL itself still mends
SKEW_TOLD = timedelta(seconds=1)
ECHO_SECONDS_MAX = 2.0  # a notification takes milliseconds
DURABILITY = ("fsync", "full_page_writes")
KIND = """
    SELECT current_setting('server_version_num')::int, split_part(current_setting('server_version'), ' ', 1),
           pg_is_in_recovery(), current_setting('server_encoding')
"""
FREE_CONNECTIONS = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0)
"""

Connect = Callable[[], psycopg.Connection]


class _Kind(NamedTuple):
    """The server's version, and why the service cannot work on it at all, if so, with what would be right."""

    version: str
    fault: str | None = None
    remedy: str | None = None


class DatabaseUnfitError(RoutinesError):
    """The service cannot work on that PostgreSQL as it is."""


def require_fit(connection: psycopg.Connection) -> None:
    """Make sure that the service can work on the server; raises `DatabaseUnfitError` with what would be right."""
    kind = _kind(connection)
    if kind.fault is not None:
        raise DatabaseUnfitError(f"PostgreSQL {kind.version} cannot be used: {kind.fault}. {kind.remedy}")


def examine_server(connection: psycopg.Connection, machine: Callable[[], datetime], each: int) -> Iterator[Finding]:
    """Version, role, encoding, clock, durability and room of the server, of which a server of ours takes `each`."""
    begun = steady_seconds()
    connection.execute("SELECT 1")
    milliseconds = (steady_seconds() - begun) * 1000
    kind = _kind(connection)
    told = f"{kind.version}, answers in {milliseconds:.1f} ms"
    yield Finding("PostgreSQL", told if kind.fault is None else f"{told}; {kind.fault}", kind.remedy)
    yield _clock(connection, machine)
    off = [name for name in DURABILITY if _shown(connection, name) == "off"]
    if off:
        remedy = f"Set {' = on and '.join(off)} = on in postgresql.conf, and reload"
        yield Finding("durability", f"{' and '.join(off)} off: what was acknowledged may be lost in a crash", remedy)
    yield _room(connection, each)


def examine_notifications(connect: Connect) -> Finding:
    """Whether what one connection announces reaches another by the URL that servers listen by."""
    channel = sql.Identifier(f"routines_doctor_{token_hex(8)}")
    with connect() as listening, connect() as telling:
        listening.execute(sql.SQL("LISTEN {}").format(channel))
        telling.execute(sql.SQL("NOTIFY {}").format(channel))
        arrived = next(listening.notifies(timeout=ECHO_SECONDS_MAX, stop_after=1), None)
    if arrived is None:
        return Finding(
            "notifications",
            "do not arrive: a pooler in transaction mode stands between",
            "Set ROUTINES_DATABASE_DIRECT_URL to the database's own address; until then a slot that another server "
            "was told of may fire seconds late",
        )
    return Finding("notifications", "arrive")


def _kind(connection: psycopg.Connection) -> _Kind:
    row = connection.execute(KIND).fetchone()
    assert row is not None  # noqa: S101 - a question without FROM has one row
    number, version, standby, encoding = row
    if number < VERSION_MIN * 10_000:
        return _Kind(version, "it is too old", f"Use PostgreSQL {VERSION_MIN} or newer")
    if standby:
        return _Kind(version, "it is a standby, which cannot be written", "Give the URL of the primary")
    if encoding != "UTF8":
        fault = f"its encoding is {encoding}, which cannot keep every text"
        return _Kind(version, fault, "Make the database anew: createdb --encoding=UTF8 --template=template0")
    return _Kind(version)


def _clock(connection: psycopg.Connection, machine: Callable[[], datetime]) -> Finding:
    clock = DatabaseClock()
    ask_time(connection, clock)
    skew = clock.now() - machine()
    if abs(skew) < SKEW_TOLD:
        return Finding("its clock", "as this machine's")
    way = "ahead of" if skew > timedelta(0) else "behind"
    told = f"{abs(skew).total_seconds():.1f} s {way} this machine's; servers go by the database's, so nothing is late"
    return Finding("its clock", told)


def _room(connection: psycopg.Connection, each: int) -> Finding:
    row = connection.execute(FREE_CONNECTIONS).fetchone()
    free, servers = 0 if row is None else int(row[0]), count_watches(connection)
    told = f"room for {free}; {servers} servers are there, and each takes up to {each}"
    if free >= each * max(servers, 1):
        return Finding("connections", told)
    needed = each * max(servers, 1)
    return Finding("connections", told, f"Raise max_connections for {needed} and more, or put PgBouncer in front")


def _shown(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return "" if row is None else str(row[0])
