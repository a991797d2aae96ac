"""What `routines doctor` looks at inside a database, alike on every kind of them.

It only reads, and one consistent state.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from routines.core import cron
from routines.core.errors import RoutinesError
from routines.core.zones import ZONE_DATA_VERSION
from routines.dispatch.zone_data import FACT as ZONE_DATA
from routines.keyring import Keyring, load_master_key
from routines.services.sealing import FACT as FINGERPRINT
from routines.settings import Settings
from routines.storage import migrations
from routines.storage.findings import Finding
from routines.storage.queries import facts, orphans, runs, triggers

OVERDUE_MAX = timedelta(minutes=2)  # later than that with a server running, something is wrong


def examine_contents(connection: Connection, settings: Settings, place: str, now: datetime) -> Iterator[Finding]:
    """What is to be said of the rows of the database at `place`."""
    version, newest = migrations.version(connection), migrations.NEWEST_VERSION
    if version is None:
        yield Finding("database", f"{place} is empty; `routines serve` makes its tables")
        return
    if version != newest:
        remedy = "Start `routines serve`, which brings it up to date, or says that this program is too old for it"
        yield Finding("database", f"{place} has version {version}, this program {newest}", remedy)
        return
    yield Finding("database", f"{place}, version {version}")
    yield from _clock(connection, now)
    computed_by = facts.get(connection, ZONE_DATA)
    if computed_by not in {None, ZONE_DATA_VERSION}:
        yield Finding(
            "schedules", f"computed by time zone data {computed_by}", "Restart `routines serve`, which computes anew"
        )
    yield from _unreadable(connection)
    yield _secrets(connection, settings)
    for table, column, rows in orphans.find(connection):
        remedy = "Something other than Routines removed rows; restore a backup, or remove these too"
        yield Finding("orphans", f"{rows} rows of {table} whose {column} is of nothing that exists", remedy)


def _clock(connection: Connection, now: datetime) -> Iterator[Finding]:
    """The clock against what the database has seen of it, and against what should have been fired by it."""
    newest = runs.newest_instant(connection)
    if newest is not None and newest > now + OVERDUE_MAX:
        yield Finding(
            "clock", f"{now:%Y-%m-%d %H:%M} UTC, but a run is of {newest:%Y-%m-%d %H:%M}", "Set the clock (chrony, ntp)"
        )
    else:
        yield Finding("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    following = triggers.next_slot(connection)
    if following is not None and following < now - OVERDUE_MAX:
        yield Finding(
            "scheduler", f"a slot of {following:%Y-%m-%d %H:%M} UTC waits", "Start `routines serve`, or see its log"
        )


def _unreadable(connection: Connection) -> Iterator[Finding]:
    for trigger in triggers.live_schedules(connection):
        try:
            cron.parse(trigger.cron_expression or "", trigger.timezone or "")
        except RoutinesError as error:
            yield Finding("schedules", f"trigger {trigger.id}: {error.sentence}", "Change its expression or zone")


def _secrets(connection: Connection, settings: Settings) -> Finding:
    """Whether the master key opens a webhook secret that was sealed with it."""
    sealed = triggers.any_sealed(connection)
    known = facts.get(connection, FINGERPRINT)
    if sealed is None and known is None:
        return Finding("secrets", "none sealed yet")
    if not settings.master_key and not settings.key_file.exists():
        remedy = (
            f"Put {settings.key_file} back, or set ROUTINES_MASTER_KEY to what it was; if that is lost, start once "
            "with ROUTINES_ACCEPT_NEW_MASTER_KEY=1 and rotate the secret of each webhook"
        )
        return Finding("secrets", "sealed, and no master key is here", remedy)
    try:
        keyring = Keyring(load_master_key(settings.master_key, settings.key_file))
        if known not in {None, keyring.fingerprint}:
            return Finding("secrets", "sealed with another master key", "Give every server the same one")
        if sealed is not None and sealed.sealed_secret is not None:
            keyring.open(sealed.sealed_secret, owner=sealed.id)
    except RoutinesError as error:
        return Finding("secrets", "do not open with the master key", error.sentence)
    return Finding("secrets", "open with the master key")
