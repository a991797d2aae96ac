"""procrastinate's periodic deferral on PostgreSQL, given a burst of due tasks.

It is set up as its documentation does: one task under as many periodic ids, deferred by its own `PeriodicDeferrer`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Iterator
from time import perf_counter, time

from procrastinate import App, PsycopgConnector
from procrastinate.periodic import PeriodicDeferrer, TaskAtTime


def deferrals_per_second(url: str, count: int, *, seconds_max: float) -> float:
    """How many of `count` tasks due at once are deferred a second, measured for at most that long."""
    # In a process of its own, as the other rival is.
    command = [sys.executable, "-m", "benchmarks.rival_procrastinate", url, str(count), str(seconds_max)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    return float(finished.stdout)


async def _work(timestamp: int) -> None:
    """A task that has nothing to do."""


async def _measure(url: str, count: int, seconds_max: float) -> float:
    app = App(connector=PsycopgConnector(conninfo=url))
    task = app.task(name="work")(_work)
    for number in range(count):
        app.periodic(cron="* * * * *", periodic_id=str(number))(task)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        deferrer = PeriodicDeferrer(registry=app.periodic_registry)
        began = perf_counter()
        await deferrer.defer_jobs(_until(began + seconds_max, deferrer.get_previous_tasks(at=time())))
        seconds = perf_counter() - began
        done = await app.connector.execute_query_one_async("SELECT count(*) FROM procrastinate_jobs")
    return float(done["count"] / seconds)


def _until(end: float, tasks: Iterable[TaskAtTime]) -> Iterator[TaskAtTime]:
    for task in tasks:
        if perf_counter() > end:
            return
        yield task


if __name__ == "__main__":
    print(asyncio.run(_measure(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))), flush=True)
