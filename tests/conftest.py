"""Fixtures that every test may use: a service on a fresh data folder, and a company in it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from routines import outgoing
from routines.cli.serving import GARBAGE_THRESHOLD
from support.certificates import Authority
from support.clock import ManualClock
from support.databases import KINDS, Places, PostgresPlaces, SqlitePlaces
from support.durations import Durations
from support.postgres import PostgresServer, shared_cluster
from support.service import Caller, Company, Place, Service
from support.statements import share_statements

OK = 200
XDIST_WORKER = "PYTEST_XDIST_WORKER"
"""Set in the processes among which tests are divided; the folders of these stand in one that is theirs together."""

# Generated tests take the time they need and say how to repeat a failure; in CI they try the same examples each time,
# so that main stays green by itself.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("repeatable", deadline=None, print_blob=True, derandomize=True, database=None)
settings.load_profile("repeatable" if os.environ.get("CI") else "local")

# As a server's are: the library's own way renders each traceback with all its variables, for seconds.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])

share_statements()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The PostgreSQL server of this test run, shared by all its processes."""
    if url := os.environ.get("ROUTINES_TEST_POSTGRES_URL"):
        yield PostgresServer(url)
        return
    own = tmp_path_factory.getbasetemp()
    with shared_cluster(own.parent if XDIST_WORKER in os.environ else own) as server:
        yield server


@pytest.fixture(scope="session")
def places_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return SqlitePlaces(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def places_on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Places]:
    made = PostgresPlaces(tmp_path_factory.mktemp("postgres"), postgres)
    yield made
    made.close()


@pytest.fixture(scope="session", params=KINDS)
def places(request: pytest.FixtureRequest) -> Places:
    """Places on each kind of database in turn; the mark `on_sqlite` keeps tests to that one."""
    made: Places = request.getfixturevalue(f"places_on_{request.param}")
    return made


@pytest.fixture
def place(request: pytest.FixtureRequest, places: Places) -> Iterator[Place]:
    """Where this test's service works; `places.lend()` gives further ones."""
    with places.lend(with_company="company" in request.fixturenames) as lent:
        yield lent


@pytest.fixture
def service(place: Place, clock: ManualClock) -> Iterator[Service]:
    running = Service(place, clock)
    yield running
    running.close()


@pytest.fixture
def board(service: Service) -> Caller:
    return service.board


@pytest.fixture
def company(service: Service, places: Places) -> Company:
    made = places.company
    if service.board.get(f"/companies/{made.id}").status_code != OK:  # a test file's own service begins empty
        return service.company()
    agent, colleague = (service.as_agent(caller.token or "") for caller in (made.agent, made.colleague))
    return replace(made, board=service.board, agent=agent, colleague=colleague)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """An authority that calls of this test trust, and no other."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    outgoing.trust.cache_clear()
    yield made
    outgoing.trust.cache_clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def pytest_collection_finish() -> None:
    """What is loaded by now stays, so that no collection has to walk through it: as in a server, and for some 8 %."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Durations())
