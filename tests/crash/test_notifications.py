"""What one server is told of another's changes: with notifications a slot is on time, without it is a little late."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from routines.settings import Role, Settings
from routines.storage.postgres.database import RESCAN_SECONDS
from routines.wiring import Server
from support.direct import DirectCalls

pytestmark = pytest.mark.last
SLOT_AFTER_SECONDS = 4.0
"""When a whole minute comes, counted from the start of the scheduler."""
CHANGE_BEFORE_SECONDS = 2.0
"""So that, when the slot comes, the scheduler's own next look is a second away."""
ON_TIME_SECONDS = 0.5
MARGIN_SECONDS = 1.5
FIRED = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM runs WHERE source = 'schedule'
"""
END_LISTENERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%clock_timestamp%'
"""


class ShiftedClock:
    """The machine's clock, which is the database's too, set to where a test wants it."""

    offset = timedelta(0)

    def now(self) -> datetime:
        """That instant."""
        return datetime.fromtimestamp(time.time(), UTC) + self.offset

    def earlier(self, instant: datetime, seconds: float) -> datetime:
        """That instant, less the seconds."""
        return instant - timedelta(seconds=seconds)


def start_deaf(server: Server) -> None:
    """Start a server's scheduler alone, without what brings notifications."""
    server.scheduler.start()


def test_a_slot_that_another_server_announced_is_on_time(database_url: str, tmp_path: Path) -> None:
    assert lateness(database_url, tmp_path, Server.start) <= ON_TIME_SECONDS


def test_a_slot_of_which_no_notification_came_is_found_within_seconds(database_url: str, tmp_path: Path) -> None:
    assert lateness(database_url, tmp_path, start_deaf) <= RESCAN_SECONDS + MARGIN_SECONDS


def test_a_slot_is_found_while_every_watch_is_cut_off_again_and_again(database_url: str, tmp_path: Path) -> None:
    with watches_cut_off(database_url):
        assert lateness(database_url, tmp_path, Server.start) <= RESCAN_SECONDS + MARGIN_SECONDS


def lateness(database_url: str, folder: Path, start: Callable[[Server], None]) -> float:
    """How many seconds after its time a slot fires on a server that learns of it from another one."""
    clock = ShiftedClock()
    place: dict[str, Any] = {"database_url": database_url, "master_key": b64encode(bytes(32)).decode()}
    for_calls = Server(Settings(data_dir=folder / "api", roles=frozenset({Role.API}), **place), clock)
    scheduling = Server(Settings(data_dir=folder / "scheduler", roles=frozenset({Role.SCHEDULER}), **place), clock)
    calls = DirectCalls(for_calls)
    try:
        for_calls.start()
        company = calls.made("POST", "/companies", {"name": "Acme"})["id"]
        agent = calls.made("POST", f"/companies/{company}/agents", {"name": "Ada"})["id"]
        project = calls.made("POST", f"/companies/{company}/projects", {"name": "Web"})["id"]
        body = {"title": "Look around", "assigneeAgentId": agent, "projectId": project}
        routine = calls.made("POST", f"/companies/{company}/routines", body)["id"]
        slot_at = time.time() + SLOT_AFTER_SECONDS
        clock.offset = timedelta(seconds=60 - slot_at % 60)
        start(scheduling)
        time.sleep(SLOT_AFTER_SECONDS - CHANGE_BEFORE_SECONDS)
        schedule = {"kind": "schedule", "cronExpression": "* * * * *"}
        calls.made("POST", f"/routines/{routine}/triggers", schedule)
        with psycopg.connect(database_url, autocommit=True) as onlooker:
            while (fired := onlooker.execute(FIRED).fetchone()) is None:
                assert time.time() < slot_at + 2 * RESCAN_SECONDS, "lost: the slot has not fired"
                time.sleep(0.02)
        late: float = fired[0] - slot_at
        assert late >= 0, f"wrong: the slot fired {-late} s before its time"
        return late
    finally:
        calls.close()
        for_calls.stop()
        scheduling.stop()


@contextmanager
def watches_cut_off(database_url: str) -> Iterator[None]:
    """End every connection by which a server listens, ten times a second."""
    ended = Event()

    def cut_off() -> None:
        with psycopg.connect(database_url, autocommit=True) as operator:
            while not ended.wait(0.1):
                operator.execute(END_LISTENERS)

    thread = Thread(target=cut_off)
    thread.start()
    yield
    ended.set()
    thread.join()
