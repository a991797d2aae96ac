"""A server that stops in the middle of its work and keeps its locks: the others go on, and it doubles nothing later."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from support.chaos import Dice
from support.fleet import Closers, Fleet, FleetClock, found_companies
from support.ledger import Ledger, shown
from support.load import Load
from support.nursery import Nursery
from support.process import ServerProcess

pytestmark = pytest.mark.last
RATE = 60.0
SCHEDULES = 200
CAUGHT_SECONDS_MAX = 30
GIVEN_UP_SECONDS_MAX = 14
"""After 10 s in which nothing comes a transaction is ended, by the database or by another server within 2 s more."""
LATER = timedelta(minutes=2)
"""Far enough that every schedule has slots until then which only the others can fire."""
SETTLED_SECONDS_MAX = 20
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
IN_HAND = """
    SELECT query FROM pg_stat_activity
    WHERE pid = ANY(%s) AND backend_xid IS NOT NULL AND state = %s AND wait_event = 'ClientRead'
"""
AT_A_STATEMENT = "idle in transaction"
AT_A_COPY = "active"
"""What the database says of a session that waits for its client between statements, or for the rest of a COPY."""


@pytest.mark.parametrize("held_at", [AT_A_STATEMENT, AT_A_COPY])
def test_what_a_frozen_server_holds_is_fired_by_the_others(
    nursery: Nursery, tmp_path: Path, database_url: str, dice: Dice, held_at: str
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet:
        frozen = fleet.up(1).servers[0]
        company_ids, hooks = found_companies(frozen, schedules=SCHEDULES)
        with psycopg.connect(database_url) as onlooker:
            its_own = [session for (session,) in onlooker.execute(SESSIONS)]
        going_on = fleet.up(1).servers[1]
        loads = [
            Load([server.port], hooks, f"{dice.name} {server.port}", senders=2, now=fleet.clock.seconds)
            for server in (frozen, going_on)
        ]
        closers = Closers([going_on], company_ids, dice.name)
        with loads[0], loads[1], closers:
            held = freeze_in_hand(frozen, database_url, its_own, held_at)
            try:
                fleet.wait_for_slots_until(fleet.clock.now() + LATER, GIVEN_UP_SECONDS_MAX)
            except AssertionError as lost:
                raise AssertionError(f"{dice.seed}: {lost}; it was frozen with {held} in hand") from lost
            finally:
                frozen.thaw()
            fleet.up()
        fleet.wait_for_slots_until(fleet.clock.now(), SETTLED_SECONDS_MAX)
        fleet.stop()
        ledger = Ledger(database_url)
        findings = [
            *ledger.findings(),
            *ledger.two_open_issues(),
            *loads[0].unexpected,
            *loads[1].unexpected,
            *closers.unexpected,
            *fleet.log_findings(),
        ]
        assert not findings, f"{dice.seed}: frozen with {held} in hand\n{shown(findings)}"


def freeze_in_hand(server: ServerProcess, database_url: str, sessions: list[int], state: str) -> str:
    """Freeze a server at a moment at which one of its sessions holds locks in that state; what it was doing."""
    deadline = time.monotonic() + CAUGHT_SECONDS_MAX
    with psycopg.connect(database_url, autocommit=True) as onlooker:
        while time.monotonic() < deadline:
            if onlooker.execute(IN_HAND, (sessions, state)).fetchone() is None:
                continue
            server.freeze()
            time.sleep(0.02)  # until what it had sent is done
            held = onlooker.execute(IN_HAND, (sessions, state)).fetchone()
            if held is not None:
                return " ".join(held[0].split())[:80]
            server.thaw()
    pytest.fail(f"The server was never caught with locks in hand and {state}")
