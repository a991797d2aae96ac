"""Servers that are killed at any moment: no slot, fire or issue is lost or doubled, on either database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.chaos import Dice
from support.fleet import Closers, Fleet, FleetClock, found_companies
from support.ledger import Ledger, shown
from support.load import Load
from support.nursery import Nursery

pytestmark = pytest.mark.last
MINUTES_PER_SECOND = 1.0
RATE = 60 * MINUTES_PER_SECOND
BETWEEN_KILLS_SECONDS_MAX = 2.5
SETTLED_SECONDS_MAX = 20


def test_servers_killed_in_turn_on_one_postgres_lose_and_double_nothing(
    nursery: Nursery, tmp_path: Path, database_url: str, dice: Dice
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet:
        kill_at_random(fleet.up(3), dice, kills=20, schedules=200)


def test_a_server_killed_again_and_again_on_sqlite_loses_and_doubles_nothing(
    nursery: Nursery, tmp_path: Path, dice: Dice
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE)) as fleet:
        kill_at_random(fleet.up(1), dice, kills=8, schedules=100)


def kill_at_random(fleet: Fleet, dice: Dice, *, kills: int, schedules: int) -> None:
    """Kill servers while schedules fire, webhooks arrive and issues are closed; then everything must be accounted for.

    One time in ten all of them at once, so that slots are missed.
    """
    random = dice.random
    company_ids, hooks = found_companies(fleet.servers[0], schedules=schedules)
    ports = [server.port for server in fleet.servers]
    load = Load(ports, hooks, dice.name, senders=4, now=fleet.clock.seconds)
    closers = Closers(fleet.servers, company_ids, dice.name)
    with load, closers:
        for _ in range(kills):
            time.sleep(random.uniform(0, BETWEEN_KILLS_SECONDS_MAX))
            victims = fleet.servers if random.random() < 0.1 else [random.choice(fleet.servers)]
            for victim in victims:
                victim.kill()
            for victim in victims:
                victim.begin_restart()
        fleet.up()
    fleet.wait_for_slots_until(fleet.clock.now(), SETTLED_SECONDS_MAX)
    fleet.stop()
    ledger = Ledger(fleet.database_url)
    findings = [
        *ledger.findings(),
        *ledger.two_open_issues(),
        *load.findings(ledger),
        *closers.unexpected,
        *fleet.log_findings(),
    ]
    assert not findings, f"{dice.seed}\n{shown(findings)}"
    fired = len(ledger.fired_slots())
    summary = f"{fired} slots, {load.answers}, {load.cut_off} cut off, {closers.moved}, {len(ledger.runs)} runs"
    print(summary)  # noqa: T201 - says how much was tested
    assert fired > schedules, f"{dice.seed}: too little was fired to mean anything: {summary}"
    assert load.answers[202] > kills, f"{dice.seed}: too little was delivered to mean anything: {summary}"
