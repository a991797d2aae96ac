"""What `routines doctor` looks at, and what it tells to do about what it finds: the folder, the key, the database.

It only reads; nothing is made or repaired.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from rich.console import Console
from sqlalchemy.exc import DBAPIError

from routines.cli.doctor_contents import examine_contents
from routines.clock import AS_IT_IS, SystemClock
from routines.core.errors import RoutinesError
from routines.core.zones import ZONE_DATA_VERSION
from routines.keyring import KEY_FILE_MODE, load_master_key
from routines.settings import Settings
from routines.storage.findings import Finding
from routines.storage.opening import database_at


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
        yield from database.examine(SystemClock().now)
        now = database.make_clock(AS_IT_IS).now()
        with database.read() as connection:
            yield from examine_contents(connection, settings, place, now)
    except RoutinesError as error:
        cause = error.__cause__
        why = str(cause.orig if isinstance(cause, DBAPIError) else error.sentence).strip().partition("\n")[0]
        remedy = (
            "Look whether another program holds it, or the disk" if path else "Look whether it runs, and at the URL"
        )
        yield Finding("database", f"{place}: {why}", remedy)
    except DBAPIError as error:
        yield Finding("database", f"{place}: {error.orig}", "Restore a backup, as docs/operations.md says")
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
