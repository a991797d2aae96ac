"""Fires everything that is due in a database, as a server's scheduler does: here, or in processes of their own.

`python -m benchmarks.bursts URL MILLISECONDS` makes ready, says so, and fires what is due at that instant once told to.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.filling import IDS
from benchmarks.stores import Store
from routines.cli.serving import GARBAGE_THRESHOLD, SWITCH_INTERVAL_SECONDS
from routines.core.instants import from_milliseconds, to_milliseconds
from routines.dispatch.scheduler import Scheduler
from routines.observer import NOBODY, Observer
from routines.storage.database import Database
from routines.storage.opening import DatabasePlace, open_database

GRACE = timedelta(minutes=1)


class StoppedClock:
    """The same instant for ever."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """That instant."""
        return self._at

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """As far before it."""
        return instant - timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Burst:
    """How long a burst took, what the processes that fired it took of a core, and what each of them fired."""

    seconds: float
    cpu_seconds: float
    settled: Sequence[int]


def prepare() -> None:
    """Set the interpreter as a server does once it is loaded."""
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)


def fire(store: Store, now: datetime, count: int, observer: Observer = NOBODY) -> float:
    """Fire everything that is due, which must be so many schedules, and tell the observer; the seconds it took."""
    done = _fire(store.url, now, observer)
    if sum(done.settled) != count:
        raise RuntimeError(f"{sum(done.settled)} schedules were fired where {count} were due")
    return done.seconds


def fire_by_processes(store: Store, now: datetime, count: int) -> Burst:
    """Have so many servers fire everything that is due at once; from the word until the last has ended."""
    command = [sys.executable, "-m", "benchmarks.bursts", store.url, str(to_milliseconds(now))]
    servers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
        for _ in range(count)
    ]
    for server in servers:
        assert server.stdout is not None  # noqa: S101 - tells the type checker that there is a pipe
        server.stdout.readline()
    began = perf_counter()
    for server in servers:
        assert server.stdin is not None  # noqa: S101 - the same
        server.stdin.write("now\n")
        server.stdin.flush()
    answers = [json.loads(server.stdout.readline()) for server in servers if server.stdout is not None]
    seconds = perf_counter() - began
    for server in servers:
        server.communicate()
    return Burst(seconds, sum(each["cpu_seconds"] for each in answers), [each["settled"] for each in answers])


def _fire(url: str, now: datetime, observer: Observer = NOBODY, *, when_told: bool = False) -> Burst:
    database = open_database(DatabasePlace(url, Path()), observer)
    try:
        _connect(database)
        scheduler = Scheduler(database, StoppedClock(now), IDS, grace=GRACE)
        if when_told:
            print("ready", flush=True)
            sys.stdin.readline()
        began, cpu_began = perf_counter(), process_time()
        settled = scheduler.fire_due()
        return Burst(perf_counter() - began, process_time() - cpu_began, [settled])
    finally:
        database.close()


def _connect(database: Database) -> None:
    """Open the connections that a burst takes, which a server has long had."""
    with ExitStack() as connections:
        for _ in range(database.writers):
            connections.enter_context(database.read())
            connections.enter_context(database.write())


def _main(url: str, now: str) -> None:
    prepare()
    done = _fire(url, from_milliseconds(int(now)), when_told=True)
    print(json.dumps({"cpu_seconds": done.cpu_seconds, "settled": done.settled[0]}), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
