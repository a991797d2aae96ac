"""Fixtures that every test may use: a service on a fresh data folder, and a company in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from support.clock import MINUTE, MONDAY_NOON, ManualClock
from support.service import Caller, Company, Service

# Generated tests take the time they need and say how to repeat a failure; in CI they try the same examples each time,
# so that main stays green by itself.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("repeatable", deadline=None, print_blob=True, derandomize=True, database=None)
settings.load_profile("repeatable" if os.environ.get("CI") else "local")

# As a server's are: the library's own way renders each traceback with all its variables, for seconds.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


OK = 200


@dataclass(frozen=True)
class Templates:
    """Data folders to begin from: an empty service, and one in which a company works, with its agents' keys."""

    empty: Path
    with_company: Path
    company: Company


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    empty, with_company = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("company")
    Service(empty).close()
    shutil.copytree(empty, with_company, dirs_exist_ok=True)
    service = Service(with_company, ManualClock(MONDAY_NOON - MINUTE))
    company = service.company()
    service.close()
    return Templates(empty, with_company, company)


@pytest.fixture
def service(
    request: pytest.FixtureRequest, templates: Templates, tmp_path: Path, clock: ManualClock
) -> Iterator[Service]:
    begun = templates.with_company if "company" in request.fixturenames else templates.empty
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    running = Service(tmp_path, clock)
    yield running
    running.close()


@pytest.fixture
def board(service: Service) -> Caller:
    return service.board


@pytest.fixture
def company(service: Service, templates: Templates) -> Company:
    made = templates.company
    if service.board.get(f"/companies/{made.id}").status_code != OK:  # a test file's own service begins empty
        return service.company()
    agent, colleague = (service.as_agent(caller.token or "") for caller in (made.agent, made.colleague))
    return replace(made, board=service.board, agent=agent, colleague=colleague)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
