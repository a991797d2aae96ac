"""Starting, stopping and being killed, with a real server process."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from support.process import ServerProcess

FAST = {"ROUTINES_TEST_CLOCK_RATE": "60"}  # a minute of schedules in each second
KILLS = 6


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def servers() -> Iterator[list[ServerProcess]]:
    started: list[ServerProcess] = []
    yield started
    for server in started:
        server.kill()


def company_with_routine(server: ServerProcess, **routine: Any) -> tuple[str, dict[str, Any]]:
    company = server.call("POST", "/companies", {"name": "Acme"})["id"]
    agent = server.call("POST", f"/companies/{company}/agents", {"name": "Ada"})["id"]
    project = server.call("POST", f"/companies/{company}/projects", {"name": "Web"})["id"]
    body = {"title": "Look around", "assigneeAgentId": agent, "projectId": project, **routine}
    return company, server.call("POST", f"/companies/{company}/routines", body)


def test_sigterm_finishes_what_is_in_hand_and_exits_0(data_dir: Path, servers: list[ServerProcess]) -> None:
    server = ServerProcess(data_dir)
    servers.append(server)
    server.wait_until_up()
    _, routine = company_with_routine(server, concurrencyPolicy="always_enqueue")
    acknowledged: list[str] = []

    def fire() -> None:
        try:
            while True:
                acknowledged.append(server.call("POST", f"/routines/{routine['id']}/run", {})["id"])
        except (URLError, ConnectionError, TimeoutError):
            return

    threads = [threading.Thread(target=fire) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 20:
        threads[0].join(0.01)
    assert server.terminate() == 0
    for thread in threads:
        thread.join()
    assert set(acknowledged) <= {run[0] for run in rows(data_dir, "SELECT id FROM runs")}


def test_a_killed_server_loses_and_doubles_nothing(data_dir: Path, servers: list[ServerProcess]) -> None:
    server = ServerProcess(data_dir, **FAST)
    servers.append(server)
    server.wait_until_up()
    _, routine = company_with_routine(
        server,
        concurrencyPolicy="always_enqueue",
        catchUpPolicy="enqueue_missed_with_cap",
        triggers=[{"kind": "schedule", "cronExpression": "* * * * *"} for _ in range(20)],
    )
    acknowledged: list[str] = []
    by_schedule = "SELECT 1 FROM runs WHERE source = 'schedule'"
    while not rows(data_dir, by_schedule):  # the first slots, within a second or two of the fast clock
        acknowledged.append(server.call("POST", f"/routines/{routine['id']}/run", {})["id"])
    for kill in range(KILLS):
        # Fires of our own measure out the time between kills, and must survive them.
        acknowledged += [
            server.call("POST", f"/routines/{routine['id']}/run", {"idempotencyKey": f"{kill}-{n}"})["id"]
            for n in range(40 + 17 * kill)
        ]
        server.kill()
        server.restart()
    assert server.terminate() == 0
    slots = rows(data_dir, "SELECT trigger_id, scheduled_for FROM runs WHERE source = 'schedule'")
    assert slots
    assert max(Counter(slots).values()) == 1
    assert set(acknowledged) <= {run[0] for run in rows(data_dir, "SELECT id FROM runs")}
    dropped = rows(data_dir, "SELECT 1 FROM runs WHERE details IS NOT NULL")
    for trigger_id, first, until, count in rows(
        data_dir,
        """
        SELECT t.id, min(r.scheduled_for), t.slots_decided_until, count(*) FROM triggers t
        JOIN runs r ON r.trigger_id = t.id WHERE t.kind = 'schedule' GROUP BY t.id
        """,
    ):
        assert dropped or count == (until - first) // 60_000 + 1, f"a slot of {trigger_id} is missing"
    assert not rows(
        data_dir,
        """
        SELECT r.id FROM runs r LEFT JOIN issues i ON i.origin_run_id = r.id
        WHERE r.status = 'issue_created' GROUP BY r.id HAVING count(i.id) <> 1
        """,
    )


def test_a_second_server_on_the_same_folder_is_refused_in_plain_words(
    data_dir: Path, servers: list[ServerProcess]
) -> None:
    server = ServerProcess(data_dir)
    servers.append(server)
    server.wait_until_up()
    second = ServerProcess(data_dir)
    servers.append(second)
    assert second.process.wait(timeout=15) == 2
    assert "Another server works on" in (data_dir.parent / "server.log").read_text(encoding="utf-8")


def rows(data_dir: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(data_dir / "routines.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
