"""A worker that runs beside the tests and starts real processes; what becomes of its heartbeats is read over the API.

Tests that only ask the worker's questions use `heartbeats`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from routines.heartbeat.worker import Worker
from routines.storage.database import Notices
from support.heartbeats import heartbeats, process_agent
from support.service import Company, Service, ok

T = TypeVar("T")
SECONDS_MAX = 20
"""For anything that happens in milliseconds unless the machine is very busy."""
POLL_SECONDS = 0.02  # each look takes the time of the worker, which is a thread beside
FINISHED = "succeeded,failed,timed_out,cancelled"
STAND_INS = Path(__file__).parent / "stand_ins"


class AtWork:
    """A service whose worker runs, and a company in it."""

    def __init__(self, service: Service, company: Company) -> None:
        self.service = service
        self.company = company
        self.board = company.board
        self._started = False

    @property
    def worker(self) -> Worker:
        """The worker of the server."""
        worker = self.service.server.worker
        assert worker is not None
        return worker

    def begin(self) -> None:
        """Have the worker take up what waits, and hear of whatever comes."""
        server = self.service.server
        server.database.watch(Notices(server.scheduler.notice, self.worker.notice, server.events.notice))
        self.worker.start()

    def agent(self, command: str | list[str], *, adapter: str = "process", **config: Any) -> str:
        """An agent that is started by this command."""
        return process_agent(self.company, adapterType=adapter, adapterConfig={"command": command, **config})

    def wake(self, agent: str) -> str:
        """Wake an agent for nothing in particular; the heartbeat."""
        woken: str = ok(self.board.post(f"/agents/{agent}/heartbeat/invoke"), 202)["id"]
        return woken

    def run(self, command: str | list[str], **config: Any) -> dict[str, Any]:
        """A heartbeat of a new agent with this command, once it has ended."""
        return self.ended(self.wake(self.agent(command, **config)))

    def get(self, run_id: str) -> dict[str, Any]:
        """A heartbeat as it now is."""
        found: dict[str, Any] = ok(self.board.get(f"/heartbeat-runs/{run_id}"))
        return found

    def ended(self, run_id: str) -> dict[str, Any]:
        """A heartbeat, once it has ended."""
        until(lambda: self.get(run_id)["status"] not in {"queued", "running"}, lambda: str(self.get(run_id)))
        return self.get(run_id)

    def all_ended(self, count: int, **filters: str) -> list[dict[str, Any]]:
        """So many heartbeats, oldest first, once they have ended and none is left."""
        until(
            lambda: (
                len(heartbeats(self.company, status=FINISHED, **filters)) == count
                and not heartbeats(self.company, status="queued,running", **filters)
            ),
            lambda: str(heartbeats(self.company, **filters)),
        )
        return heartbeats(self.company, **filters)[::-1]

    def log(self, run_id: str, after: int = 0) -> dict[str, Any]:
        """What a heartbeat has printed."""
        found: dict[str, Any] = ok(self.board.get(f"/heartbeat-runs/{run_id}/log", params={"after": str(after)}))
        return found

    def logged(self, run_id: str, text: str) -> str:
        """What a heartbeat has printed, once this is part of it."""
        until(lambda: text in self.log(run_id)["content"], lambda: str((self.get(run_id), self.log(run_id))))
        content: str = self.log(run_id)["content"]
        return content


def until(condition: Callable[[], object], otherwise: Callable[[], str], seconds: float = SECONDS_MAX) -> None:
    """Return once it is so; fail with what is the case instead."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {otherwise()}"
        time.sleep(POLL_SECONDS)


def is_alive(process: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_bytes().rpartition(b")")[2].split()[0] not in {b"Z", b"X"}
    except OSError:
        return not Path("/proc/self").exists()  # it ended just now; elsewhere than on Linux, nobody says more


def until_gone(*processes: int, seconds: float = SECONDS_MAX) -> None:
    """Return once all of them have ended."""
    until(
        lambda: not any(map(is_alive, processes)),
        lambda: f"{[each for each in processes if is_alive(each)]} live on",
        seconds,
    )
