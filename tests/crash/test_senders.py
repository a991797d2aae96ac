"""Servers that are killed while they send: every notification arrives, under one id, and its log says so."""

from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Event

import pytest

from support.chaos import Dice
from support.fleet import Fleet, FleetClock
from support.listener import LOOPBACK, Line, Listener, answering
from support.nursery import Nursery

pytestmark = pytest.mark.last
RATE = 120.0  # a sender's lease of a minute is over in half a second
NOTIFICATIONS = 12
KILLS = 2  # of every server
ARRIVED_SECONDS_MAX = 20
BETWEEN_KILLS_SECONDS_MAX = 0.4


def test_a_sender_killed_on_sqlite_loses_no_notification(nursery: Nursery, tmp_path: Path, dice: Dice) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE)) as fleet:
        kill_senders(fleet, dice, servers=1)


def test_senders_killed_in_turn_on_postgres_lose_no_notification(
    nursery: Nursery, tmp_path: Path, database_url: str, dice: Dice
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet:
        kill_senders(fleet, dice, servers=2)


def kill_senders(fleet: Fleet, dice: Dice, *, servers: int) -> None:
    """Kill a server in the middle of a delivery, and then at any moment, until all is told."""
    random = dice.random
    in_hand = Event()

    def holding(line: Line) -> None:
        line.read()
        in_hand.set()
        line.hear()  # until the caller is dead

    def dawdling(line: Line) -> None:
        line.read()
        time.sleep(random.uniform(0, 0.05))
        line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with Listener(holding, answering(503), dawdling) as receiver:
        for _ in range(servers):
            fleet.add(ROUTINES_PRIVATE_HOSTS=LOOPBACK)
        first = fleet.up().servers[0]
        company_id = first.call("POST", "/companies", {"name": "Acme"})["id"]
        body = {"channel": "webhook", "target": receiver.url, "events": ["run.failed"]}
        made = first.call("POST", f"/companies/{company_id}/notification-subscriptions", body)
        own = f"/notification-subscriptions/{made['subscription']['id']}"
        ids = {first.call("POST", f"{own}/test")["id"] for _ in range(NOTIFICATIONS)}
        assert in_hand.wait(ARRIVED_SECONDS_MAX), f"{dice.seed}: nothing was sent"
        for _ in range(KILLS):
            for victim in fleet.servers:
                victim.kill()
                victim.begin_restart()
            time.sleep(random.uniform(0, BETWEEN_KILLS_SECONDS_MAX))
        fleet.up()
        waiting = "SELECT count(*) FROM notifications WHERE status != 'delivered'"
        fleet.wait_for(f"{dice.seed}: all delivered", lambda: fleet.ask(waiting) == [(0,)], ARRIVED_SECONDS_MAX)
        fleet.stop()
    arrived = {request.headers["webhook-id"] for request in receiver.requests}
    assert arrived == ids, dice.seed
    assert {json.loads(request.body)["type"] for request in receiver.requests} == {"notification.test"}
    assert not list(fleet.log_findings()), dice.seed
