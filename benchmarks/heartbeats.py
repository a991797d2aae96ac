"""Heartbeats: from a fire to the start of its agent, starts a second, claims from a long queue, and a child that talks.

Agents are commands of a few milliseconds; what an agent does is not measured.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, sleep

from sqlalchemy import update

from benchmarks.figures import Figure, Group, at_least, at_most, percentile, ratios
from benchmarks.filling import IDS, Home, add_homes
from benchmarks.machine import peak_megabytes, resident_megabytes
from benchmarks.serving import Caller, Server
from benchmarks.stores import Store, Stores, opened
from routines.clock import SystemClock
from routines.core import model
from routines.core.heartbeats import Outcome
from routines.core.instants import to_milliseconds
from routines.keyring import KEY_BYTES, Keyring
from routines.services.context import Context
from routines.services.heartbeat_work import Ending, HeartbeatWork, Work
from routines.storage import schema
from routines.storage.database import Database

TRUE = {"command": ["/bin/true"]}
FEW, MANY = 1_000, 100_000
AGENTS = 20
PLACES = 50
CLAIMED = 10
BETWEEN_SECONDS = 0.3  # idle again before the next fire
PATIENCE_SECONDS = 120
GIGABYTE = 1_000_000_000


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    fires, starts, rounds, printed = (5, 40, 1, GIGABYTE // 100) if quick else (100, 400, 3, GIGABYTE)
    delays = _delays(stores, fires)
    started, bare = zip(*(_starts(stores, starts) for _ in range(rounds)), strict=True)
    claims = _claims(stores, FEW, FEW * 2 if quick else MANY, rounds=5 if quick else 15)
    grown, peak = _talkative(stores, printed)
    return Group(
        f"heartbeats on {stores.kind}",
        f"{fires} fires of an idle `routines serve`, one at a time, each starting a shell that notes when it began; "
        f"{starts} heartbeats of `true`, queued and then let go, on one worker with {PLACES} places, against as many "
        f"`subprocess.run` of it in turn; claims of {CLAIMED} of {MANY:,} queued wake-ups of {AGENTS} agents "
        f"and of {FEW:,}, in turn; resident memory of the server, and its peak while a child prints {printed:,} bytes",
        [
            Figure("fire to child, p50", [percentile(delays, 50)], "ms", at_most(50)),
            Figure("  p99", [percentile(delays, 99)], "ms", at_most(250)),
            Figure("starts of true", started, "/s"),
            Figure("  over subprocess.run", ratios(started, bare), target=at_least(0.5)),
            Figure("subprocess.run", bare, "/s"),
            Figure(f"claim of {CLAIMED} of {MANY:,}", claims[1], "ms"),
            Figure(f"  of {FEW:,}", claims[0], "ms"),
            Figure("  over that", ratios(claims[1], claims[0]), target=at_most(1.5)),
            Figure("memory while a child prints", [peak], "MB"),
            Figure("  more than before", [grown], "MB", at_most(20)),
        ],
    )


class _Board:
    """A company on a server, and what is asked of it."""

    def __init__(self, server: Server) -> None:
        self._caller = Caller(server.port)
        self.company = self._caller.call("POST", "/companies", {"name": "Acme"})["id"]
        self._project = self._caller.call("POST", f"/companies/{self.company}/projects", {"name": "Web"})["id"]

    def agent(self, config: Mapping[str, object], runs_at_once: int = 1) -> str:
        """An agent that is started by a command."""
        runtime = {"heartbeat": {"maxConcurrentRuns": runs_at_once}}
        body = {"name": "Ada", "adapterType": "process", "adapterConfig": config, "runtimeConfig": runtime}
        return str(self._caller.call("POST", f"/companies/{self.company}/agents", body)["id"])

    def routine(self, agent: str) -> str:
        """A routine of that agent, of which each fire makes an issue."""
        body = {
            "title": "Work",
            "assigneeAgentId": agent,
            "projectId": self._project,
            "concurrencyPolicy": "always_enqueue",
        }
        return str(self._caller.call("POST", f"/companies/{self.company}/routines", body)["id"])

    def post(self, path: str) -> None:
        """A call without a body."""
        self._caller.call("POST", path, {})

    def fire(self, routine: str) -> datetime:
        """Fire a routine; when the fire was accepted."""
        at: str = self._caller.call("POST", f"/routines/{routine}/run", {})["triggeredAt"]
        return datetime.fromisoformat(at)


def _delays(stores: Stores, fires: int) -> list[float]:
    """Milliseconds from each fire to the start of its agent."""
    with tempfile.TemporaryDirectory() as folder, stores.new() as store, Server(store) as server:
        note = Path(folder, "began")
        board = _Board(server)
        # The second heartbeat for an issue that the first one leaves is not of interest.
        command = f'test "$PAPERCLIP_WAKE_REASON" = issue_assigned && date +%s.%N >> {note}'
        routine = board.routine(board.agent({"command": command}))
        board.fire(routine)
        _await(partial(_has_lines, note, 1))
        accepted = []
        for number in range(fires):
            sleep(BETWEEN_SECONDS)
            accepted.append(board.fire(routine).timestamp())
            _await(partial(_has_lines, note, number + 2))
        began = [float(line) for line in note.read_text(encoding="utf-8").split()[1:]]
        return [1000 * (child - fire) for child, fire in zip(began, accepted, strict=True)]


def _has_lines(file: Path, count: int) -> bool:
    return file.exists() and file.read_text(encoding="utf-8").count("\n") == count


def _starts(stores: Stores, count: int) -> tuple[float, float]:
    """Heartbeats of `true` a second on one worker, and bare starts a second."""
    with stores.new() as store, Server(store, heartbeats=PLACES) as server:
        board = _Board(server)
        agent = board.agent(TRUE, PLACES)
        routine = board.routine(agent)
        board.post(f"/agents/{agent}/pause")
        for _ in range(count):
            board.fire(routine)
        began = perf_counter()
        board.post(f"/agents/{agent}/resume")
        _await(lambda: _ended(store) >= count)
        seconds = perf_counter() - began
        ended = _ended(store)
    began = perf_counter()
    for _ in range(count):
        subprocess.run(TRUE["command"], check=True)  # noqa: S603 - our own command
    return ended / seconds, count / (perf_counter() - began)


def _ended(store: Store) -> int:
    return int(store.rows("SELECT count(*) FROM heartbeat_runs WHERE status = 'succeeded'")[0][0])


def _claims(stores: Stores, few: int, many: int, *, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of claims from a short queue and from a long one, in turn."""
    took: dict[int, list[float]] = defaultdict(list)
    with _queue(stores, few) as short, _queue(stores, many) as long:
        for _ in range(rounds):
            for count, work in ((few, short), (many, long)):
                began = perf_counter()
                claimed = work.claim(CLAIMED).works
                took[count].append(1000 * (perf_counter() - began))
                if len(claimed) != CLAIMED:
                    raise RuntimeError(f"{len(claimed)} of {CLAIMED} were claimed")
                _give_back(work, claimed)
    return took[few], took[many]


@contextmanager
def _queue(stores: Stores, count: int) -> Iterator[HeartbeatWork]:
    """A worker of a database in which so many wake-ups wait, for agents of several companies."""
    now = datetime.now(UTC)
    with stores.new() as store:
        homes = add_homes(store, now, AGENTS)
        waiting = [(IDS.new(now), IDS.new(now), homes[number % AGENTS]) for number in range(count)]
        at = to_milliseconds(now)
        store.load(schema.issues, ISSUE_COLUMNS, (_issue_row(issue, home, at) for _, issue, home in waiting))
        reason = model.WakeReason.ISSUE_ASSIGNED.value
        store.load(
            schema.wake_ups,
            schema.wake_ups.c.keys(),
            ((identity, home.company_id, home.agent_id, issue, reason, 1, at) for identity, issue, home in waiting),
        )
        store.settle()
        with opened(store) as database:
            _let_be_started(database)
            yield HeartbeatWork(_context(database), "benchmark", timedelta(hours=1))


ISSUE_COLUMNS = (
    "id",
    "company_id",
    "identifier",
    "title",
    "status",
    "priority",
    "assignee_agent_id",
    "created_at",
    "updated_at",
)


def _issue_row(identity: str, home: Home, at: int) -> tuple[object, ...]:
    status, priority = model.IssueStatus.TODO.value, model.Priority.MEDIUM.value
    return (identity, home.company_id, identity, "Work", status, priority, home.agent_id, at, at)


def _let_be_started(database: Database) -> None:
    """Make commands of the agents, which were made without one."""
    with database.write() as transaction:
        started = update(schema.agents).values(adapter_type=model.AdapterType.PROCESS)
        transaction.connection.execute(started)


def _context(database: Database) -> Context:
    return Context(
        database=database,
        clock=SystemClock(),
        ids=IDS,
        keyring=Keyring(b"0" * KEY_BYTES),
        grace=timedelta(minutes=1),
        public_url="http://127.0.0.1:3100",
        notice_slot=lambda _: None,
    )


def _give_back(work: HeartbeatWork, claimed: Sequence[Work]) -> None:
    """End what was claimed, so that its agents have a place again; nobody is woken for it any more."""
    cancelled = Outcome(model.HeartbeatStatus.CANCELLED)
    work.finish([Ending(each.run, cancelled, [], None) for each in claimed])


def _talkative(stores: Stores, count: int) -> tuple[float, float]:
    """How much larger the server gets while a child prints so many bytes, and how large it is at its peak, in MB."""
    with stores.new() as store, Server(store) as server:
        board = _Board(server)
        quiet = board.routine(board.agent(TRUE))
        board.fire(quiet)
        _await(lambda: _ended(store) >= 1)
        before = resident_megabytes(server.pid)
        ended = _ended(store)
        board.fire(board.routine(board.agent({"command": f"head -c {count} /dev/zero"})))
        _await(lambda: _ended(store) > ended)
        peak = peak_megabytes(server.pid)
        return peak - before, peak


def _await(true: Callable[[], bool]) -> None:
    """Return once it is; raise when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("The heartbeats did not come to their end")
        sleep(0.005)
