"""APScheduler 3 with its SQLAlchemy job store, given a burst of due jobs.

It is set up as its documentation does; only the jobs' rows are made at once, since adding them takes it minutes.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from threading import Event
from time import perf_counter

from apscheduler.events import EVENT_JOB_EXECUTED  # type: ignore[import-untyped]  # it has no types
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore  # type: ignore[import-untyped]  # it has no types
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]  # it has no types
from sqlalchemy import insert, select, update


def work() -> None:
    """A job that has nothing to do."""


def jobs_per_second(url: str, count: int, *, seconds_max: float) -> float:
    """How many of `count` jobs due at once are run a second, measured for at most that long."""
    # In a process of its own, for a scheduler that is in the middle of a burst cannot be stopped.
    command = [sys.executable, "-m", "benchmarks.rival_apscheduler", url, str(count), str(seconds_max)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    return float(finished.stdout)


def _measure(url: str, count: int, seconds_max: float) -> float:
    store = SQLAlchemyJobStore(url=url.replace("postgresql:", "postgresql+psycopg:", 1))  # the driver that we have
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone=UTC)
    scheduler.start(paused=True)
    scheduler.add_job(work, "cron", minute="*", misfire_grace_time=3600)
    _multiply(store, count)
    done, finished = [0], Event()

    def note(_event: object) -> None:
        done[0] += 1
        if done[0] >= count:
            finished.set()

    scheduler.add_listener(note, EVENT_JOB_EXECUTED)
    began = perf_counter()
    scheduler.resume()
    finished.wait(seconds_max)
    return done[0] / (perf_counter() - began)


def _multiply(store: SQLAlchemyJobStore, count: int) -> None:
    """Have the store hold `count` jobs like its one job, all due now."""
    now = datetime.now(UTC)
    jobs = store.jobs_t
    with store.engine.begin() as connection:
        state = pickle.loads(connection.execute(select(jobs.c.job_state)).scalar_one())  # noqa: S301 - just made
        state["next_run_time"] = now
        rows = [
            {
                "id": f"job-{number}",
                "next_run_time": now.timestamp(),
                "job_state": pickle.dumps({**state, "id": f"job-{number}"}, pickle.HIGHEST_PROTOCOL),
            }
            for number in range(1, count)
        ]
        connection.execute(insert(jobs), rows)
        connection.execute(update(jobs).values(next_run_time=now.timestamp()))


if __name__ == "__main__":
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    print(_measure(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])), flush=True)
    os._exit(0)  # the scheduler is still at work
