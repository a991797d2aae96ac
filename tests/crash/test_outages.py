"""Databases that go away under load: callers are told to come back, and when the database is back all goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

import psycopg
import pytest

from support.chaos import Dice
from support.fleet import Closers, Fleet, FleetClock, found_companies
from support.ledger import Ledger, shown
from support.load import Load
from support.machine import MACHINE_FILE, Machine
from support.nursery import Nursery
from support.postgres import Cluster
from support.process import ServerProcess

pytestmark = pytest.mark.last
RATE = 60.0
SCHEDULES = 80
NOTICED_SECONDS_MAX = 10
BACK_SECONDS_MAX = 10
SETTLED_SECONDS_MAX = 20
DISK_BYTES = 48 * 1024
"""What still fits on a full disk of each file: less than a database of this size writes in a moment."""
END_ALL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass
class Work:
    """Servers at work, and what came of it."""

    fleet: Fleet
    load: Load
    company_id: str
    routine_id: str
    dice: Dice

    def wait_until_away(self) -> None:
        """Return once every server tells its callers to come back, in the way that it promises."""
        for server in self.fleet.servers:
            self.fleet.wait_for("a refusal", lambda server=server: self._refusal(server), NOTICED_SECONDS_MAX)
        before = self.load.answers[503]
        self.fleet.wait_for("refused deliveries", lambda: self.load.answers[503] > before + 5, NOTICED_SECONDS_MAX)

    def wait_until_back(self) -> None:
        """Return once every server takes fires again, having been started by nobody."""
        for server in self.fleet.servers:
            self.fleet.wait_for("no refusal", lambda server=server: not self._refusal(server), BACK_SECONDS_MAX)
            assert server.process.poll() is None, f"{self.dice.seed}: a server has ended"
        before = self.load.answers[202]
        self.fleet.wait_for("accepted deliveries", lambda: self.load.answers[202] > before + 5, BACK_SECONDS_MAX)

    def _refusal(self, server: ServerProcess) -> bool:
        try:
            server.call("POST", f"/routines/{self.routine_id}/run", {})
        except HTTPError as refused:
            refusal = refused
        else:
            return False
        with refusal:
            assert refusal.code == 503, f"{self.dice.seed}: {refusal.code} {refusal.read()!r}"
            assert int(refusal.headers["Retry-After"]) >= 1
        return True


@contextmanager
def at_work(fleet: Fleet, dice: Dice) -> Iterator[Work]:
    """Slots, deliveries and agents at work; in the end everything must be accounted for."""
    company_ids, hooks = found_companies(fleet.servers[0], schedules=SCHEDULES)
    ports = [server.port for server in fleet.servers]
    load = Load(ports, hooks, dice.name, senders=3, now=fleet.clock.seconds)
    closers = Closers(fleet.servers, company_ids, dice.name)
    with load, closers:
        work = Work(fleet, load, company_ids[0], hooks[0].routine_id, dice)
        work.wait_until_back()
        yield work
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


def test_postgres_may_crash_and_come_back_under_load(
    nursery: Nursery, tmp_path: Path, cluster: Cluster, database_url: str, dice: Dice
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet, at_work(fleet.up(2), dice) as work:
        for _ in range(2):
            time.sleep(dice.random.uniform(0.2, 1.0))
            cluster.stop("immediate")
            try:
                work.wait_until_away()
            finally:
                cluster.start()
            work.wait_until_back()


def test_every_connection_to_postgres_may_be_ended_under_load(
    nursery: Nursery, tmp_path: Path, database_url: str, dice: Dice
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet, at_work(fleet.up(2), dice) as work:
        with psycopg.connect(database_url, autocommit=True) as operator:
            for _ in range(10):
                time.sleep(dice.random.uniform(0.05, 0.5))
                operator.execute(END_ALL)
        work.wait_until_back()


def test_an_sqlite_server_whose_disk_is_full_goes_on_when_there_is_room(
    nursery: Nursery, tmp_path: Path, dice: Dice
) -> None:
    """Its log is on that disk too."""
    machine = tmp_path / "machine"
    Machine().write(machine)
    with Fleet(nursery, tmp_path, FleetClock(RATE)) as fleet:
        server = fleet.add(**{MACHINE_FILE: str(machine)})
        with server.log_file.open("a") as log:
            log.write(f"{'as if it had run for a long time':{DISK_BYTES}}\n")
        with at_work(fleet.up(), dice) as work:
            for _ in range(2):
                time.sleep(dice.random.uniform(0.2, 1.0))
                Machine(file_bytes_max=DISK_BYTES).write(machine)
                work.wait_until_away()
                work.fleet.servers[0].call("GET", f"/routines/{work.routine_id}")  # reading goes on
                Machine().write(machine)
                work.wait_until_back()
