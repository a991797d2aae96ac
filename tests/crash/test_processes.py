"""Starting and stopping real server processes: one after the other, at once, and with work in hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from support.chaos import Dice
from support.fleet import Fleet, FleetClock, found_companies
from support.ledger import Ledger, shown
from support.load import Load
from support.nursery import Nursery
from support.postgres import Cluster
from support.process import ServerProcess

pytestmark = pytest.mark.last
RATE = 60.0
SCHEDULES = 40
SERVERS_AT_ONCE = 4
SECONDS_MAX = 10
STREAMS_END_SECONDS = 6
"""Less than the time that a server gives to connections that are left open."""


@pytest.fixture(params=["sqlite", "postgres"])
def fleet(request: pytest.FixtureRequest, nursery: Nursery, tmp_path: Path) -> Iterator[Fleet]:
    """Servers that are not started yet, on each kind of database."""
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    with Fleet(nursery, tmp_path, FleetClock(RATE), url) as ready:
        yield ready


def test_sigterm_finishes_what_is_in_hand_and_exits_0(fleet: Fleet, dice: Dice) -> None:
    server = fleet.up(1).servers[0]
    _, hooks = found_companies(server, schedules=SCHEDULES)
    load = Load([server.port], hooks, dice.name, senders=4, now=fleet.clock.seconds)
    load.give_up()  # there will be no other server that could take a delivery
    with load:
        fleet.wait_for("100 deliveries", lambda: load.answers[202] >= 100, SECONDS_MAX)
        assert server.terminate() == 0
    ledger = Ledger(fleet.database_url)
    findings = [*ledger.findings(), *ledger.two_open_issues(), *load.findings(ledger), *fleet.log_findings()]
    assert not findings, f"{dice.seed}\n{shown(findings)}"


def test_sigterm_ends_open_event_streams_at_once(fleet: Fleet) -> None:
    server = fleet.up(1).servers[0]
    company = server.call("POST", "/companies", {"name": "Acme"})["id"]
    path = f"{server.url}/api/companies/{company}/events"
    streams = [urlopen(path, timeout=SECONDS_MAX) for _ in range(3)]  # noqa: S310 - our own server
    for stream in streams:
        assert stream.readline().startswith(b"retry: ")
    server.call("PATCH", f"/companies/{company}", {"name": "Renamed"})
    for stream in streams:
        while b"company.updated" not in stream.readline():
            pass
    began = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - began < STREAMS_END_SECONDS
    for stream in streams:
        assert stream.read() == b"\n", "the stream's end is in order"
    assert not list(fleet.log_findings())


def test_a_server_whose_database_hangs_is_gone_in_time_too(
    nursery: Nursery, tmp_path: Path, cluster: Cluster, database_url: str
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet:
        server = fleet.up(1).servers[0]
        found_companies(server, schedules=SCHEDULES)
        with cluster.frozen():
            time.sleep(2)  # for slots to be due: a minute is a second
            began = time.monotonic()
            server.begin_end()
            time.sleep(1)
            assert server.terminate() == 1, "told once more, it has no more time for it"
            assert time.monotonic() - began < SECONDS_MAX
        assert "stop_given_up" in server.log()


def test_servers_that_start_at_once_on_an_empty_database_all_come_up(
    nursery: Nursery, tmp_path: Path, database_url: str
) -> None:
    with Fleet(nursery, tmp_path, FleetClock(1), database_url) as fleet:
        fleet.up(SERVERS_AT_ONCE)
        names = {f"Company {number}" for number in range(SERVERS_AT_ONCE)}
        for server, name in zip(fleet.servers, names, strict=True):
            server.call("POST", "/companies", {"name": name})
        for server in fleet.servers:
            assert {company["name"] for company in server.call("GET", "/companies")} == names
        fleet.stop()
        assert not list(fleet.log_findings())


def test_servers_divide_the_work_by_their_roles(nursery: Nursery, tmp_path: Path, database_url: str) -> None:
    with Fleet(nursery, tmp_path, FleetClock(RATE), database_url) as fleet:
        for_calls = fleet.add(ROUTINES_ROLE="api")
        found_companies(fleet.up().servers[0], schedules=SCHEDULES, companies=1)
        two_slots_later = fleet.clock.now() + timedelta(minutes=2)
        fleet.wait_for("two slots", lambda: fleet.clock.now() > two_slots_later, SECONDS_MAX)
        assert fleet.ask("SELECT count(*) FROM runs") == [(0,)], "a server without that role has fired slots"
        fleet.add(ROUTINES_ROLE="scheduler")
        fleet.wait_for_slots_until(two_slots_later, SECONDS_MAX)
        for_calls.call("GET", "/companies")
        fleet.stop()
        assert not Ledger(database_url).findings()


def test_a_second_server_on_the_same_folder_is_refused_in_plain_words(nursery: Nursery, tmp_path: Path) -> None:
    with Fleet(nursery, tmp_path, FleetClock(1)) as fleet:
        first = fleet.up(1).servers[0]
        second = ServerProcess(first.data_dir, nursery=nursery)
        assert second.process.wait(timeout=SECONDS_MAX) == 2
        assert "Another server works on" in second.log()


def test_a_server_that_was_started_as_people_start_it_exits_0(tmp_path: Path) -> None:
    """Other tests fork theirs from a process that has loaded the program."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    server = ServerProcess(data_dir)
    try:
        server.wait_until_up()
        assert server.terminate() == 0
    finally:
        server.kill()
