"""20,000 schedules due at one minute: how fast they fire, and how long a webhook waits meanwhile.

What must be true of such a burst is tested elsewhere; here it is only timed.
"""

from __future__ import annotations

import gc
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, sleep, time
from typing import Any
from unittest.mock import patch

from benchmarks import rival
from benchmarks.figures import Figure, Group, at_least, at_most, percentile, ratios
from benchmarks.population import IDS, add_home, add_schedules, database_in
from benchmarks.serving import Server, webhooks
from benchmarks.webhook_load import Load, start
from routines.core.instants import from_milliseconds
from routines.dispatch.scheduler import Scheduler
from routines.storage.opening import DATABASE_FILE
from routines.storage.sqlite.database import SqliteDatabase
from routines.storage.sqlite.hot import SqliteStatements

BEFORE = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
GRACE = timedelta(minutes=1)
WEBHOOKS_PER_SECOND = 100
LEAD_SECONDS = 8.0  # from the start of the server to the minute of the burst
Chunk = list[tuple[str, list[Sequence[Any]]]]


class StoppedClock:
    """The same instant for ever."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """That instant."""
        return self._at


class Recorder:
    """Stands before the driver's connection and notes what is written through it."""

    def __init__(self, driver: sqlite3.Connection, chunk: Chunk) -> None:
        self._driver = driver
        self._chunk = chunk

    def execute(self, statement: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """Pass a statement on."""
        if not statement.lstrip().startswith("SELECT"):
            self._chunk.append((statement, [values]))
        return self._driver.execute(statement, values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Pass a statement on."""
        listed = list(rows)
        self._chunk.append((statement, listed))
        return self._driver.executemany(statement, listed)


def _fire(file: Path, now: datetime) -> float:
    """Fire everything that is due; the seconds it took."""
    database = SqliteDatabase(file)
    try:
        scheduler = Scheduler(database, StoppedClock(now), IDS, grace=GRACE)
        began = perf_counter()
        scheduler.fire_due()
        return perf_counter() - began
    finally:
        database.close()


def _recorded(file: Path, now: datetime) -> list[Chunk]:
    """What a burst writes, transaction by transaction."""
    chunks: list[Chunk] = []

    def statements(connection: Any) -> SqliteStatements:  # noqa: ANN401 - SQLAlchemy's
        made = SqliteStatements(connection)
        chunks.append([])
        made._driver = Recorder(made._driver, chunks[-1])  # type: ignore[assignment]  # noqa: SLF001 - stands in
        return made

    with patch("routines.storage.sqlite.database.SqliteStatements", statements):
        _fire(file, now)
    return chunks


def _replay(file: Path, chunks: list[Chunk]) -> float:
    """Write the same rows by the same statements in the same transactions, and nothing else; the seconds it took."""
    with closing(sqlite3.connect(file, isolation_level=None)) as driver:
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            driver.execute(f"PRAGMA {pragma}")
        began = perf_counter()
        for chunk in chunks:
            driver.execute("BEGIN IMMEDIATE")
            for statement, rows in chunk:
                driver.executemany(statement.partition("RETURNING")[0], rows)
            driver.execute("COMMIT")
        return perf_counter() - began


def _waits(count: int) -> tuple[list[float], float]:
    """How long webhooks waited, in milliseconds, that were sent to a server during a burst; and the burst's seconds."""
    with tempfile.TemporaryDirectory() as folder:
        database = database_in(Path(folder))
        slot = add_schedules(database, add_home(database, BEFORE), count, BEFORE)
        database.close()
        offset = slot.timestamp() - LEAD_SECONDS - time()
        with Server(Path(folder), clock_offset=offset) as server:
            targets = webhooks(server.port, 1, "coalesce_if_active")
            until_slot = slot.timestamp() - offset - time()
            seconds = until_slot + 2 + count / 2_000
            load = Load(server.port, targets, 64, int(seconds * WEBHOOKS_PER_SECOND), WEBHOOKS_PER_SECOND, offset)
            seen = start(load)()
            sleep(0.1)
        with closing(sqlite3.connect(Path(folder) / DATABASE_FILE)) as reader:
            last = "SELECT count(*), max(triggered_at) FROM runs WHERE source = 'schedule' AND scheduled_for = ?"
            fired, ended = reader.execute(last, (int(slot.timestamp() * 1000),)).fetchone()
    if fired != count:
        raise RuntimeError(f"{fired} of {count} slots were fired when the load had ended")
    burst = (from_milliseconds(ended) - slot).total_seconds()
    due_after = [at + offset - slot.timestamp() for at in seen.due_at]
    return [1000 * wait for wait, after in zip(seen.waits, due_after, strict=True) if 0 <= after <= burst], burst


def measure(*, quick: bool) -> Group:
    """The group's figures."""
    rounds, count = (1, 1_000) if quick else (5, 20_000)
    ours, replayed, rivals, waits, bursts = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template" / DATABASE_FILE
        database = database_in(template.parent)
        slot = add_schedules(database, add_home(database, BEFORE), count, BEFORE)
        database.close()

        def fresh() -> Path:
            return Path(shutil.copy(template, Path(folder) / DATABASE_FILE))

        chunks = _recorded(fresh(), slot)
        gc.freeze()  # as the server does once it is loaded
        for _ in range(rounds):
            ours.append(count / _fire(fresh(), slot))
            replayed.append(count / _replay(fresh(), chunks))
            rivals.append(rival.jobs_per_second(count, seconds_max=2 if quick else 20))
            waited, burst = _waits(count)
            waits.append(waited)
            bursts.append(burst)
    return Group(
        "due_burst",
        f"{count:,} routines with a schedule each, all due at one minute, each fire making a run, an issue and a "
        "wake-up, through Scheduler.fire_due on a file (synchronous=FULL); replay: the same rows by the same "
        f"statements in the same transactions from a bare driver; {WEBHOOKS_PER_SECOND} webhooks a second sent to a "
        "`routines serve` process while it fires such a burst; APScheduler 3 with its SQLAlchemy job store on SQLite, "
        "the same count of jobs due, stopped after 20 s; rounds interleaved",
        [
            Figure("fires", ours, "/s", at_least(8000)),
            Figure("  over replay", ratios(ours, replayed), target=at_least(0.45)),
            Figure("  over APScheduler", ratios(ours, rivals), target=at_least(1)),
            Figure("replay", replayed, "/s"),
            Figure("APScheduler", rivals, "/s"),
            Figure("burst in a server with webhooks", [count / burst for burst in bursts], "/s"),
            Figure("webhook during it, longest wait", [max(each) for each in waits], "ms", at_most(250)),
            Figure("  p99", [percentile(each, 99) for each in waits], "ms"),
            Figure("  p50", [percentile(each, 50) for each in waits], "ms"),
        ],
    )
