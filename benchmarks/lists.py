"""How long the two lists take that people look at most: a company's routines, and a page of a routine's runs.

Each request waits for the one before it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Figure, Group, at_most, percentile, ratios
from benchmarks.population import IDS, ONCE_A_YEAR, add_history, add_home, add_schedules, database_in
from benchmarks.serving import Caller, Server
from routines.dispatch.scheduler import Scheduler

PAGE = 50


class _StoppedClock:
    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


def _milliseconds(caller: Caller, path: str) -> float:
    began = perf_counter()
    caller.raw("GET", path)
    return (perf_counter() - began) * 1000


def _p50s(caller: Caller, paths: Sequence[str], times: int) -> list[float]:
    """The median wait for each of some paths, asked in turn."""
    waits = [[_milliseconds(caller, path) for path in paths] for _ in range(times)]
    return [percentile(each, 50) for each in zip(*waits, strict=True)]


def measure(*, quick: bool) -> Group:
    """The group's figures."""
    rounds, times, routines, long = (2, 3, 50, 1_000) if quick else (7, 20, 1_000, 200_000)
    short = 200
    with tempfile.TemporaryDirectory() as folder:
        database = database_in(Path(folder))
        last_year = datetime.now(UTC) - timedelta(days=366)
        listed = add_home(database, last_year)
        slot = add_schedules(database, listed, routines, last_year, expression=ONCE_A_YEAR)
        Scheduler(database, _StoppedClock(slot), IDS, grace=timedelta(minutes=1)).fire_due()
        long_id, short_id = add_history(database, datetime.now(UTC), (long, short))
        database.close()
        with Server(Path(folder)) as server:
            caller = Caller(server.port)
            list_path = f"/companies/{listed.company_id}/routines"
            pages = [f"/routines/{each}/runs?limit={PAGE}" for each in (long_id, short_id)]
            _p50s(caller, [list_path, *pages], 2)
            size = len(caller.raw("GET", list_path)) / 1000
            of_list = [_p50s(caller, [list_path], times)[0] for _ in range(rounds)]
            of_pages = [_p50s(caller, pages, 5 * times) for _ in range(rounds)]
    after_long, after_short = ([each[index] for each in of_pages] for index in (0, 1))
    return Group(
        "lists",
        f"GET over one keep-alive connection to a `routines serve` process: a company's {routines:,} routines, each "
        f"with a trigger, a last run and an open issue ({size:,.0f} kB); a page of {PAGE} runs of a routine with "
        f"{long:,} runs and of one with {short}, in turn",
        [
            Figure("list of routines, p50", of_list, "ms", at_most(60)),
            Figure("page of runs, p50", after_long, "ms"),
            Figure(f"  over the page at {short} runs", ratios(after_long, after_short), target=at_most(1.5)),
        ],
    )
