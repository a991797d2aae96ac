"""What `routines doctor` looks at, and what it tells to do about what it finds.

It only reads; nothing is made or repaired.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from routines.clock import SystemClock
from routines.core import cron
from routines.core.errors import RoutinesError
from routines.core.zones import ZONE_DATA_VERSION
from routines.dispatch.zone_data import FACT
from routines.keyring import KEY_FILE_MODE, Keyring, load_master_key
from routines.settings import Settings
from routines.storage import migrations
from routines.storage.opening import database_at
from routines.storage.queries import facts, runs, triggers

OVERDUE_MAX = timedelta(minutes=2)  # later than that with a server running, something is wrong


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was found, and what to do if it is not well."""

    subject: str
    found: str
    remedy: str | None = None


def examine(settings: Settings, console: Console) -> bool:
    """Print a line for each check, with what to do where something is wrong; True if all is well."""
    findings = list(_findings(settings))
    for finding in findings:
        mark = "[green]ok[/green]  " if finding.remedy is None else "[red]look[/red]"
        console.print(f"{mark}  {finding.subject:<15} ", end="")
        console.print(finding.found, markup=False, highlight=False, soft_wrap=True)
        if finding.remedy is not None:
            console.print(f"      {'':<15} {finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    return all(finding.remedy is None for finding in findings)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _data_folder(settings)
    yield _key(settings)
    yield Finding("time zone data", f"{ZONE_DATA_VERSION}, from the tzdata package")
    path = settings.database.file()
    if path is not None and not path.exists():
        yield Finding("database", f"{path} does not exist yet; `routines serve` makes it")
        return
    database = database_at(settings.database)
    place = database.place
    try:
        with database.read() as connection:
            yield from _database(connection, settings, place)
    except RoutinesError as error:
        yield Finding("database", f"{place}: {error.sentence}", "Look whether another program holds it, or the disk")
    except DBAPIError as error:
        yield Finding("database", f"{place}: {error.orig}", "Restore a backup, as docs/running.md says")
    finally:
        database.close()


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    if not folder.exists():
        return Finding("data folder", f"{folder} does not exist yet; `routines serve` makes it")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data folder", f"{folder} cannot be written", f"Run: chown -R $(id -un) '{folder}'")
    return Finding("data folder", str(folder))


def _key(settings: Settings) -> Finding:
    if settings.master_key:
        try:
            load_master_key(settings.master_key, settings.key_file)
        except RoutinesError as error:
            return Finding("master key", "ROUTINES_MASTER_KEY is set", error.sentence)
        return Finding("master key", "from ROUTINES_MASTER_KEY")
    if not settings.key_file.exists():
        return Finding("master key", f"{settings.key_file} does not exist yet; `routines serve` makes it")
    mode = stat.S_IMODE(settings.key_file.stat().st_mode)
    if mode & ~KEY_FILE_MODE:
        return Finding(
            "master key", f"{settings.key_file} has mode {mode:04o}", f"Run: chmod 600 '{settings.key_file}'"
        )
    try:
        load_master_key(None, settings.key_file)
    except RoutinesError as error:
        return Finding("master key", str(settings.key_file), error.sentence)
    return Finding("master key", f"{settings.key_file}, mode {mode:04o}")


def _database(connection: Connection, settings: Settings, place: str) -> Iterator[Finding]:
    version, newest = migrations.version(connection), migrations.NEWEST_VERSION
    if version != newest:
        remedy = "Start `routines serve`, which brings it up to date, or says that this program is too old for it"
        yield Finding("database", f"{place} has version {version}, this program {newest}", remedy)
        return
    yield Finding("database", f"{place}, version {version}")
    yield from _clock(connection)
    computed_by = facts.get(connection, FACT)
    if computed_by not in {None, ZONE_DATA_VERSION}:
        yield Finding(
            "schedules", f"computed by time zone data {computed_by}", "Restart `routines serve`, which computes anew"
        )
    yield from _unreadable(connection)
    yield _secrets(connection, settings)


def _clock(connection: Connection) -> Iterator[Finding]:
    """The clock against what the database has seen of it, and against what should have been fired by it."""
    now = SystemClock().now()
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
    if sealed is None or sealed.sealed_secret is None:
        return Finding("secrets", "none sealed yet")
    if not settings.master_key and not settings.key_file.exists():
        return Finding("secrets", "the key file is gone", f"Put {settings.key_file} back, or rotate each secret")
    try:
        keyring = Keyring(load_master_key(settings.master_key, settings.key_file))
        keyring.open(sealed.sealed_secret, owner=sealed.id)
    except RoutinesError as error:
        return Finding("secrets", "do not open with the master key", error.sentence)
    return Finding("secrets", "open with the master key")
