"""Servers whose machines' clocks are wrong, or jump: on PostgreSQL slots fire by the database's clock all the same."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from support.chaos import Dice
from support.fleet import Fleet, FleetClock, found_companies
from support.ledger import Ledger, shown
from support.machine import MACHINE_FILE, Machine
from support.nursery import Nursery
from support.process import ServerProcess

pytestmark = pytest.mark.last
RATE = 60.0
GRACE_SECONDS = 600
JUMPS = 4
SCHEDULES = 10
HOUR_SECONDS = 3600.0
LATE_SECONDS_MAX = 1.5
"""Real ones, of which an hour would be 3,600; a machine on which other tests run takes its time."""
UP_SECONDS_MAX = 10
# The database's own word for when a slot was fired: not what the service wrote, but when it was committed.
FIRED_AT = """
    SELECT r.scheduled_for, extract(epoch FROM pg_xact_commit_timestamp(r.xmin))
    FROM runs r WHERE r.source = 'schedule' AND r.scheduled_for > :after
"""


def test_no_slot_fires_early_or_late_on_machines_whose_clocks_are_wrong_or_jump(
    nursery: Nursery, tmp_path: Path, database_url: str, dice: Dice
) -> None:
    machines = [tmp_path / "ahead", tmp_path / "behind"]
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet:
        ahead = server_on(fleet, machines[0], HOUR_SECONDS)
        found_companies(ahead, schedules=SCHEDULES, companies=1)
        wait_for_slots(fleet)
        began = fleet.clock.now()
        wait_for_slots(fleet)
        jump_to_and_fro(fleet, machines[0], dice)
        server_on(fleet, machines[1], -HOUR_SECONDS)  # both fire for a while
        assert ahead.terminate() == 0
        wait_for_slots(fleet)
        jump_to_and_fro(fleet, machines[1], dice)
        assert fleet.servers[1].terminate() == 0
        fired = fleet.ask(FIRED_AT, after=int(began.timestamp() * 1000))
        findings = [*Ledger(database_url).findings(), *fleet.log_findings()]
        for slot, committed_at in fired:
            late = (fleet.clock.shown_at(float(committed_at)) - slot / 1000) / RATE
            if not 0 <= late <= LATE_SECONDS_MAX:
                findings.append(f"wrong: slot {slot} fired {late:.3f} s after its time by the database's clock")
    assert not findings, f"{dice.seed}\n{shown(findings)}"
    assert len(fired) > 4 * SCHEDULES


def server_on(fleet: Fleet, machine: Path, ahead_seconds: float) -> ServerProcess:
    """A server that is up, on a machine whose clock is so wrong from the start."""
    Machine(clock_ahead_seconds=ahead_seconds).write(machine)
    server = fleet.add(**{MACHINE_FILE: str(machine)}, ROUTINES_MISFIRE_GRACE_SECONDS=str(GRACE_SECONDS))
    server.wait_until_up()
    return server


def jump_to_and_fro(fleet: Fleet, machine: Path, dice: Dice) -> None:
    """Have a machine's clock jump by two hours, both ways, while slots fire."""
    for jump in range(JUMPS):
        Machine(clock_ahead_seconds=HOUR_SECONDS if jump % 2 else -HOUR_SECONDS).write(machine)
        time.sleep(dice.random.uniform(0, 1.5))
    wait_for_slots(fleet)


def wait_for_slots(fleet: Fleet) -> None:
    """Return once the slots of the next two minutes have fired."""
    later = fleet.clock.now() + timedelta(minutes=2)
    fleet.wait_for("two minutes of the servers' clock", lambda: fleet.clock.now() > later, UP_SECONDS_MAX)
    fleet.wait_for_slots_until(later, UP_SECONDS_MAX)
