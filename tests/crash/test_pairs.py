"""Every use case against every other at the same moment, on two servers of one PostgreSQL: none waits for ever."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations_with_replacement, count
from pathlib import Path
from threading import Barrier, Lock
from time import monotonic
from typing import Any

import psycopg
import pytest

from routines.settings import Settings
from routines.wiring import Server
from support.chaos import Dice
from support.clock import MINUTE, MONDAY_NOON, ManualClock
from support.direct import DirectCalls, Reply, Request
from support.ledger import Ledger, shown
from support.postgres import Cluster

pytestmark = pytest.mark.last
MILLISECOND = timedelta(milliseconds=1)
ROUTINES = 2
SECONDS = 20
"""For as long each pair gets further rounds; the first round of each takes what it takes."""
PATIENCE_SECONDS = 60
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
FAULT = 500


@dataclass
class Node:
    """One of the two servers."""

    server: Server
    calls: DirectCalls


@dataclass
class Scene:
    """What a pair quarrels over: an agent with a few routines, each with schedules, webhooks and an open issue."""

    company: str
    project: str
    agent: str
    routines: list[str]
    schedules: list[str]
    rotated: str
    public_ids: list[str]
    issue: str
    subscription: str
    numbers: Iterator[int] = field(default_factory=count)


Act = Callable[[Node, Scene], list[Reply]]


def calls(*requests: Callable[[Scene], Request]) -> Act:
    """Calls, one after the other."""

    def act(node: Node, scene: Scene) -> list[Reply]:
        return [reply for request in requests for reply in node.calls.together([request(scene)])]

    return act


def deliver(node: Node, scene: Scene) -> list[Reply]:
    """A delivery to each routine, which share a transaction."""
    return node.calls.together(
        [("POST", f"/routine-triggers/public/{each}/fire", {"n": 1}) for each in scene.public_ids]
    )


def claim(node: Node, _scene: Scene) -> list[Reply]:
    """The scheduler's pass."""
    node.server.scheduler.fire_due()
    return []


def send(node: Node, _scene: Scene) -> list[Reply]:
    """The sender's pass; nobody may be told at that address, so each try fails, and is recorded."""
    node.server.sender.send_due()
    return []


def one_of(scene: Scene, *values: Any) -> Any:
    """One value after the other."""
    return values[next(scene.numbers) % len(values)]


ACTS: dict[str, Act] = {
    "deliver": deliver,
    "run by hand": calls(lambda scene: ("POST", f"/routines/{scene.routines[0]}/run", {"idempotencyKey": "again"})),
    "claim slots": claim,
    "pause and activate": calls(
        lambda scene: ("PATCH", f"/routines/{scene.routines[0]}", {"status": one_of(scene, "paused", "active")})
    ),
    "reschedule": calls(
        lambda scene: (
            "PATCH",
            f"/routine-triggers/{scene.schedules[0]}",
            {"cronExpression": one_of(scene, "*/2 * * * *", "* * * * *")},
        )
    ),
    "rotate": calls(lambda scene: ("POST", f"/routine-triggers/{scene.rotated}/rotate-secret", {})),
    "pause the agent": calls(
        lambda scene: ("POST", f"/agents/{scene.agent}/pause", {}),
        lambda scene: ("POST", f"/agents/{scene.agent}/resume", {}),
    ),
    "change the company": calls(
        lambda scene: ("PATCH", f"/companies/{scene.company}", {"status": one_of(scene, "paused", "active")})
    ),
    "change the project": calls(
        lambda scene: ("PATCH", f"/projects/{scene.project}", {"status": one_of(scene, "paused", "active")})
    ),
    "close and reopen": calls(
        lambda scene: ("PATCH", f"/issues/{scene.issue}", {"status": "done", "comment": "Done."}),
        lambda scene: ("PATCH", f"/issues/{scene.issue}", {"status": "todo"}),
    ),
    "check out": calls(
        lambda scene: (
            "POST",
            f"/issues/{scene.issue}/checkout",
            {"agentId": scene.agent, "expectedStatuses": ["todo", "in_progress", "done"]},
        )
    ),
    "release": calls(lambda scene: ("POST", f"/issues/{scene.issue}/release", {})),
    "comment": calls(lambda scene: ("POST", f"/issues/{scene.issue}/comments", {"body": "Look."})),
    "create an issue": calls(
        lambda scene: (
            "POST",
            f"/companies/{scene.company}/issues",
            {"title": "By hand", "assigneeAgentId": scene.agent, "parentId": scene.issue},
        )
    ),
    "disable and enable a subscription": calls(
        lambda scene: (
            "PATCH",
            f"/notification-subscriptions/{scene.subscription}",
            {"enabled": one_of(scene, False, True)},
        ),
        lambda scene: ("POST", f"/notification-subscriptions/{scene.subscription}/test", {}),
    ),
    "send": send,
    "add a trigger": calls(
        lambda scene: (
            "POST",
            f"/routines/{scene.routines[0]}/triggers",
            {"kind": "schedule", "cronExpression": "*/5 * * * *"},
        )
    ),
}
ENDS: dict[str, Act] = {
    "archive": calls(lambda scene: ("PATCH", f"/routines/{scene.routines[0]}", {"status": "archived"})),
    "delete the routine": calls(lambda scene: ("DELETE", f"/routines/{scene.routines[0]}?force=true", None)),
    "delete the trigger": calls(lambda scene: ("DELETE", f"/routine-triggers/{scene.schedules[0]}", None)),
    "terminate the agent": calls(lambda scene: ("POST", f"/agents/{scene.agent}/terminate", {})),
}
"""Acts after which there is nothing left to quarrel over."""


@pytest.fixture(scope="module")
def quick_cluster() -> Iterator[Cluster]:
    with Cluster(durable=False) as running:
        yield running


@pytest.fixture
def database(quick_cluster: Cluster, repetition: int) -> Iterator[str]:
    name = f"pairs_{repetition}"
    quick_cluster.server.create(name)
    yield quick_cluster.server.url(name)
    quick_cluster.server.drop(name)


@pytest.fixture
def nodes(database: str, tmp_path: Path, clock: ManualClock) -> Iterator[list[Node]]:
    key = b64encode(bytes(32)).decode()
    started = []
    for name in ("first", "second"):
        settings = Settings(data_dir=tmp_path / name, database_url=database, master_key=key, fires_per_minute=1_000_000)
        server = Server(settings, clock)
        server.batcher.start()
        started.append(Node(server, DirectCalls(server)))
    yield started
    for node in started:
        node.calls.close()
        node.server.stop()


class TickingClock(ManualClock):
    """Goes on by a millisecond whenever it is looked at, so that no two things happen at one instant."""

    def __init__(self) -> None:
        super().__init__(MONDAY_NOON)
        self._looking = Lock()

    def now(self) -> datetime:
        """The next millisecond."""
        with self._looking:
            return self.advance(MILLISECOND)


@pytest.fixture
def clock() -> ManualClock:
    return TickingClock()


def test_every_pair_of_use_cases_gets_on(nodes: list[Node], database: str, clock: ManualClock, dice: Dice) -> None:
    acts = ACTS | ENDS
    company = nodes[0].calls.made("POST", "/companies", {"name": "Acme"})["id"]
    project = nodes[0].calls.made("POST", f"/companies/{company}/projects", {"name": "Web"})["id"]
    to = {"channel": "webhook", "target": "http://127.0.0.1:9/told", "events": ["routine.paused"]}
    subscribed = nodes[0].calls.made("POST", f"/companies/{company}/notification-subscriptions", to)
    subscription = subscribed["subscription"]["id"]
    findings: list[str] = []
    with ThreadPoolExecutor(4) as threads, psycopg.connect(database, autocommit=True) as onlooker:
        before = onlooker.execute(DEADLOCKS).fetchone()
        pairs = list(combinations_with_replacement(acts, 2))
        ends_at = monotonic() + SECONDS
        rounds = 0
        scene = None
        while rounds < len(pairs) or monotonic() < ends_at:
            if rounds % len(pairs) == 0:
                dice.random.shuffle(pairs)
            pair = pairs[rounds % len(pairs)]
            rounds += 1
            scene = scene or make_scene(nodes[0], company, project, subscription)
            clock.advance(MINUTE + timedelta(milliseconds=dice.random.randrange(1000)))
            casts = [(nodes[0], pair[0]), (nodes[1], pair[1]), (nodes[0], pair[1]), (nodes[1], pair[0])]
            dice.random.shuffle(casts)
            findings += at_once(threads, [partial(acts[name], node, scene) for node, name in casts], pair)
            if ENDS.keys() & set(pair):
                scene = None
        nodes[0].server.scheduler.fire_due()
        after = onlooker.execute(DEADLOCKS).fetchone()
    if after != before:
        findings.append(f"wrong: PostgreSQL has counted {after} deadlocks, {before} before")
    print(f"{rounds} rounds of {len(pairs)} pairs")  # noqa: T201 - says how much was tested
    findings += Ledger(database).findings()
    assert not findings, f"{dice.seed}\n{shown(findings)}"


def at_once(threads: ThreadPoolExecutor, acts: Sequence[Callable[[], list[Reply]]], pair: tuple[str, str]) -> list[str]:
    """What was wrong with acts that began at the same moment."""
    ready = Barrier(len(acts))

    def begin(act: Callable[[], list[Reply]]) -> list[str]:
        ready.wait(PATIENCE_SECONDS)
        try:
            replies = act()
        except Exception as error:  # noqa: BLE001 - each is a finding
            return [f"wrong: {pair} raised {error!r}"]
        return [f"wrong: {pair} gave {reply}" for reply in replies if reply.status >= FAULT]

    return [finding for found in threads.map(begin, acts) for finding in found]


def make_scene(node: Node, company: str, project: str, subscription: str) -> Scene:
    """A new agent and its routines."""
    agent = node.calls.made("POST", f"/companies/{company}/agents", {"name": "Ada"})["id"]
    body = {
        "title": "Look around",
        "assigneeAgentId": agent,
        "projectId": project,
        "triggers": [
            {"kind": "schedule", "cronExpression": "* * * * *"},
            {"kind": "webhook", "signingMode": "none"},
        ],
    }
    made = [node.calls.made("POST", f"/companies/{company}/routines", body) for _ in range(ROUTINES)]
    run = node.calls.made("POST", f"/routines/{made[0]['id']}/run", {})
    return Scene(
        company,
        project,
        agent,
        [each["id"] for each in made],
        [each["triggers"][0]["id"] for each in made],
        made[1]["triggers"][1]["id"],
        [each["triggers"][1]["publicId"] for each in made],
        run["linkedIssueId"],
        subscription,
    )
