"""Heartbeats of real servers, shared out, stopped and killed: no issue is forgotten, none is worked on by two."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any
from urllib.error import HTTPError

import pytest

from routines.heartbeat.worker import LOOK_SECONDS
from routines.settings import Role, Settings
from routines.wiring import Server
from support.at_work import is_alive, until, until_gone
from support.chaos import Dice
from support.direct import DirectCalls
from support.fleet import AWAY, Fleet, FleetClock
from support.ledger import Ledger, shown
from support.nursery import Nursery
from support.process import ServerProcess
from support.recording_agent import COMMAND, Note, notes, together

pytestmark = pytest.mark.last
LEASE_SECONDS = 2
BETWEEN_KILLS_SECONDS_MAX = 2.5
SETTLED_SECONDS_MAX = 45
WORK_SECONDS_MAX = 60
OUTLIVES_SECONDS_MAX = 3
"""How long after its worker a child may be there; it is killed at once, unless the machine is very busy."""
STARTS = 5
NOTIFIED_SECONDS_MAX = 1.0
"""Most starts are that quick; without notifications half of them would take longer than LOOK_SECONDS / 2."""
BETWEEN_ISSUES_SECONDS = 0.2
NEVER_SECONDS = 2
"""After which those agents time out that never end."""
WAYS = ("done", "done done left failed", "left,done", "failed blocked done", "done done done never", "never,done")
"""What the agents do, the quick ones first; see `recording_agent`."""
DONE = "SELECT count(*) FROM issues WHERE status = 'done'"
UNFINISHED = "SELECT (SELECT count(*) FROM wake_ups), (SELECT count(*) FROM heartbeat_runs WHERE status = 'running')"


class Workplace:
    """A company whose agents are started by the servers of a fleet, each one at a time, and what they note."""

    def __init__(self, api: ServerProcess, folder: Path) -> None:
        self.notes_folder = folder / "notes"
        self.notes_folder.mkdir()
        self._api = api
        self.company: str = api.call("POST", "/companies", {"name": "Acme"})["id"]
        self.issues: list[str] = []

    def hire(self, *, timeout_seconds: int = 60, **environment: str) -> str:
        """An agent; `environment` tells it what to do."""
        config = {
            "command": COMMAND,
            "env": {"NOTES": str(self.notes_folder), **environment},
            "timeoutSec": timeout_seconds,
            "graceSec": 1,
        }
        body = {"name": "Grace", "adapterType": "process", "adapterConfig": config}
        agent: str = self._api.call("POST", f"/companies/{self.company}/agents", body)["id"]
        return agent

    def assign(self, agent: str) -> str:
        """A new issue for an agent, which wakes it."""
        body = {"title": "Look", "assigneeAgentId": agent}
        issue: str = self._api.call("POST", f"/companies/{self.company}/issues", body)["id"]
        self.issues.append(issue)
        return issue

    def noted(self, what: str) -> list[Note]:
        """Notes of one kind."""
        return [note for note in notes(self.notes_folder) if note.what == what]

    def at_work(self) -> list[int]:
        """The processes that have begun and live."""
        return [note.pid for note in self.noted("begin") if is_alive(note.pid)]

    def together(self) -> list[str]:
        """Where two worked on the same at the same time."""
        return list(together(notes(self.notes_folder)))


@pytest.fixture(params=["sqlite", "postgres"])
def fleet(request: pytest.FixtureRequest, nursery: Nursery, tmp_path: Path) -> Iterator[Fleet]:
    """Servers that are not started yet, on each kind of database."""
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    with Fleet(nursery, tmp_path, FleetClock(1), url) as ready:
        yield ready


def wait_until_nothing_is_left(fleet: Fleet, seconds: float) -> None:
    """Return once nothing is queued and nothing runs."""
    fleet.wait_for("every heartbeat has ended", lambda: fleet.ask(UNFINISHED) == [(0, 0)], seconds)


def findings_of(fleet: Fleet, workplace: Workplace) -> list[str]:
    """Every broken promise."""
    return [*workplace.together(), *Ledger(fleet.database_url).findings(), *fleet.log_findings()]


def assign_at_once(workplace: Workplace, agents: Sequence[str], each: int) -> None:
    """So many issues for each agent."""
    with ThreadPoolExecutor(4) as callers:
        list(callers.map(workplace.assign, [agent for _ in range(each) for agent in agents]))


def test_100_heartbeats_at_once_are_each_run_once_and_one_at_a_time_for_each_agent(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.add(ROUTINES_HEARTBEATS_AT_ONCE="20")
    workplace = Workplace(fleet.up().servers[0], tmp_path)
    agents = [workplace.hire(SECONDS="0.05") for _ in range(20)]
    assign_at_once(workplace, agents, each=5)
    wait_until_nothing_is_left(fleet, WORK_SECONDS_MAX)
    fleet.stop()
    assert not (found := findings_of(fleet, workplace)), shown(found)
    assert fleet.ask("SELECT status, attempt, count(*) FROM heartbeat_runs GROUP BY 1, 2") == [("succeeded", 1, 100)]
    assert fleet.ask("SELECT status, count(*) FROM issues GROUP BY 1") == [("done", 100)]
    for what in ("begin", "closed-done", "end"):
        assert sorted(note.issue for note in workplace.noted(what)) == sorted(workplace.issues), what


def test_two_workers_share_what_waits(nursery: Nursery, tmp_path: Path, database_url: str) -> None:
    with Fleet(nursery, tmp_path, FleetClock(1), database_url) as fleet:
        fleet.add(ROUTINES_HEARTBEATS_AT_ONCE="5")
        fleet.add(ROUTINES_HEARTBEATS_AT_ONCE="5")
        api = fleet.up().servers[0]
        workplace = Workplace(api, tmp_path)
        agents = [workplace.hire(SECONDS="0.1") for _ in range(12)]
        assign_at_once(workplace, agents, each=5)
        wait_until_nothing_is_left(fleet, WORK_SECONDS_MAX)
        fleet.stop()
        assert not (found := findings_of(fleet, workplace)), shown(found)
        assert sorted(note.issue for note in workplace.noted("closed-done")) == sorted(workplace.issues)
        shares = dict(fleet.ask("SELECT worker_id, count(*) FROM heartbeat_runs GROUP BY 1"))
        assert len(shares) == 2, shares
        assert min(shares.values()) >= 10, shares
        assert sum(shares.values()) == 60, shares


def test_a_wake_up_that_a_server_writes_that_is_no_worker_starts_on_another_within_a_second(
    nursery: Nursery, tmp_path: Path, database_url: str
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(1), database_url) as fleet:
        fleet.add(ROUTINES_ROLE="api,scheduler")
        fleet.up()
        fleet.add(ROUTINES_ROLE="heartbeat", ROUTINES_PUBLIC_URL=fleet.servers[0].url)
        workplace = Workplace(fleet.up().servers[0], tmp_path)
        agent = workplace.hire()
        for _ in range(STARTS):
            time.sleep(0.7)  # so that the worker does not look just because of what ended
            workplace.assign(agent)
            wait_until_nothing_is_left(fleet, SETTLED_SECONDS_MAX)
        waited = sorted(row[0] / 1000 for row in fleet.ask("SELECT started_at - created_at FROM heartbeat_runs"))
        assert len(waited) == STARTS
        assert waited[STARTS // 2] <= NOTIFIED_SECONDS_MAX, waited
        fleet.stop()
        assert not (found := findings_of(fleet, workplace)), shown(found)


def test_a_wake_up_of_which_no_notification_came_is_found_within_seconds(database_url: str, tmp_path: Path) -> None:
    place: dict[str, Any] = {"database_url": database_url, "master_key": "A" * 43 + "="}
    for_calls = Server(Settings(data_dir=tmp_path / "api", roles=frozenset({Role.API}), **place))
    found_at = for_calls.settings.base_url
    alone = Settings(data_dir=tmp_path / "worker", roles=frozenset({Role.HEARTBEAT}), public_url=found_at, **place)
    working = Server(alone)
    calls = DirectCalls(for_calls)
    try:
        for_calls.start()
        assert working.worker is not None
        working.worker.start()  # without what brings notifications
        company = calls.made("POST", "/companies", {"name": "Acme"})["id"]
        config = {"command": COMMAND, "env": {"NOTES": str(tmp_path)}}
        body = {"name": "Grace", "adapterType": "process", "adapterConfig": config}
        agent = calls.made("POST", f"/companies/{company}/agents", body)["id"]
        time.sleep(1)  # the worker has looked and found nothing
        calls.made("POST", f"/agents/{agent}/heartbeat/invoke", {})
        told_at = time.monotonic()
        until(lambda: notes(tmp_path), lambda: "it is not started")
        assert notes(tmp_path)[0].at - told_at <= LOOK_SECONDS + NOTIFIED_SECONDS_MAX
    finally:
        calls.close()
        for_calls.stop()
        working.stop()


def test_a_server_that_is_stopped_ends_its_children_and_the_next_does_their_work(fleet: Fleet, tmp_path: Path) -> None:
    server = fleet.up(1).servers[0]
    workplace = Workplace(server, tmp_path)
    agent = workplace.hire(ENDS="never,done")
    issue = workplace.assign(agent)
    fleet.wait_for("it begins", lambda: workplace.noted("begin"), SETTLED_SECONDS_MAX)
    [child] = workplace.at_work()
    assert server.terminate() == 0
    assert not is_alive(child)
    ended = "SELECT status, error_code, attempt FROM heartbeat_runs ORDER BY id"
    assert fleet.ask(ended) == [("failed", "worker_stopped", 1)]
    assert not (found := findings_of(fleet, workplace)), shown(found)
    server.restart()
    fleet.wait_for("the next does it", lambda: workplace.noted("closed-done"), SETTLED_SECONDS_MAX)
    wait_until_nothing_is_left(fleet, SETTLED_SECONDS_MAX)
    assert fleet.ask(ended) == [("failed", "worker_stopped", 1), ("succeeded", None, 1)]
    assert server.call("GET", f"/issues/{issue}")["status"] == "done"
    fleet.stop()
    assert not (found := findings_of(fleet, workplace)), shown(found)


def test_a_worker_killed_again_and_again_beside_a_server_for_calls_forgets_and_doubles_nothing(
    nursery: Nursery, tmp_path: Path, database_url: str, dice: Dice
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(1), database_url) as fleet:
        lease = str(LEASE_SECONDS)
        api = fleet.add(ROUTINES_ROLE="api,scheduler")
        for_work = {"ROUTINES_ROLE": "heartbeat", "ROUTINES_HEARTBEAT_LEASE_SECONDS": lease}
        worker = fleet.add(**for_work, ROUTINES_PUBLIC_URL=api.url)
        kill_at_random(fleet.up(), api, worker, dice, tmp_path, kills=6)


def test_a_server_killed_again_and_again_on_sqlite_forgets_and_doubles_no_issue(
    nursery: Nursery, tmp_path: Path, dice: Dice
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(1)) as fleet:
        server = fleet.add(ROUTINES_HEARTBEAT_LEASE_SECONDS=str(LEASE_SECONDS))
        kill_at_random(fleet.up(), server, server, dice, tmp_path, kills=4)


def test_a_worker_that_is_frozen_loses_its_work_to_another_and_does_not_go_on_with_it(
    nursery: Nursery, tmp_path: Path, database_url: str
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(1), database_url) as fleet:
        api = fleet.add(ROUTINES_ROLE="api,scheduler")
        for_work = {"ROUTINES_ROLE": "heartbeat", "ROUTINES_HEARTBEAT_LEASE_SECONDS": str(LEASE_SECONDS)}
        workers = [fleet.add(**for_work, ROUTINES_PUBLIC_URL=api.url) for _ in range(2)]
        workplace = Workplace(fleet.up().servers[0], tmp_path)
        issue = workplace.assign(workplace.hire(SECONDS="3"))
        until(workplace.at_work, lambda: "nobody has begun")
        [(worker_id,)] = fleet.ask("SELECT worker_id FROM heartbeat_runs")
        [frozen] = [each for each in workers if f":{each.process.pid}:" in worker_id]
        frozen.freeze()
        until_gone(*workplace.at_work(), seconds=LEASE_SECONDS)
        wait_until_nothing_is_left(fleet, SETTLED_SECONDS_MAX)
        frozen.thaw()
        fleet.stop()
        assert not (found := findings_of(fleet, workplace)), shown(found)
        ended = fleet.ask("SELECT status, error_code, attempt FROM heartbeat_runs ORDER BY attempt")
        assert ended == [("failed", "process_lost", 1), ("succeeded", None, 2)]
        assert [note.issue for note in workplace.noted("closed-done")] == [issue]


def kill_at_random(
    fleet: Fleet, api: ServerProcess, worker: ServerProcess, dice: Dice, folder: Path, *, kills: int
) -> None:
    """Kill the worker while agents of every kind are at work; then every issue must be accounted for."""
    workplace = Workplace(api, folder)
    agents = [
        workplace.hire(timeout_seconds=NEVER_SECONDS, ENDS=way, SECONDS=f"{dice.random.uniform(0, 0.6):.3f}")
        for way in WAYS
    ]
    with assigning(workplace, agents, dice) as unexpected:
        for _ in range(kills):
            time.sleep(dice.random.uniform(0, BETWEEN_KILLS_SECONDS_MAX))
            worker.kill()
            until_gone(*workplace.at_work(), seconds=OUTLIVES_SECONDS_MAX)
            worker.begin_restart()
            if dice.random.random() < 0.7:
                worker.wait_until_up()
        worker.wait_until_up()
        fleet.wait_for("enough is done to mean anything", lambda: fleet.ask(DONE)[0][0] >= kills, SETTLED_SECONDS_MAX)
    wait_until_nothing_is_left(fleet, SETTLED_SECONDS_MAX)
    fleet.stop()
    until_gone(*workplace.at_work(), seconds=OUTLIVES_SECONDS_MAX)
    found = [*findings_of(fleet, workplace), *forgotten(fleet, workplace), *unexpected]
    lost = fleet.ask("SELECT count(*) FROM heartbeat_runs WHERE error_code = 'process_lost'")[0][0]
    statuses = {
        str(status): int(count) for status, count in fleet.ask("SELECT status, count(*) FROM issues GROUP BY 1")
    }
    summary = f"{len(workplace.noted('begin'))} children, {lost} lost with their worker, issues {statuses}"
    print(summary)  # noqa: T201 - says how much was tested
    assert not found, f"{dice.seed}\n{shown(found)}"
    assert lost >= kills // 3, f"{dice.seed}: too little was lost to mean anything: {summary}"


@contextmanager
def assigning(workplace: Workplace, agents: Sequence[str], dice: Dice) -> Iterator[list[str]]:
    """Give issues to agents, the quick ones most; answers that no caller may get are added to the list."""
    ended = Event()
    unexpected: list[str] = []
    random = Random(f"{dice.name} assigning")  # noqa: S311 - chosen to be repeatable

    def assign() -> None:
        while not ended.wait(BETWEEN_ISSUES_SECONDS):
            try:
                workplace.assign(agents[min(random.randrange(len(agents)), random.randrange(len(agents)))])
            except HTTPError as error:
                if error.code != AWAY:
                    unexpected.append(f"wrong: who assigned an issue got {error.code} {error.read()!r}")
                error.close()
            except OSError:
                pass  # the server is being started anew

    thread = Thread(target=assign)
    thread.start()
    try:
        yield unexpected
    finally:
        ended.set()
        thread.join()


def forgotten(fleet: Fleet, workplace: Workplace) -> Iterator[str]:
    """Issues with which it is not done, and nobody was told."""
    stored = dict(fleet.ask("SELECT CAST(id AS text), status FROM issues"))
    told = {issue for (issue,) in fleet.ask("SELECT CAST(issue_id AS text) FROM comments")}
    for issue in workplace.issues:
        if issue not in stored:
            yield f"lost: issue {issue} was accepted and is not there"
    for issue, status in stored.items():
        if status not in {"done", "blocked"}:
            yield f"lost: issue {issue} is {status}, and nobody is at it"
        elif issue not in told:
            yield f"lost: issue {issue} is {status} without a comment"
