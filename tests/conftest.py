"""Fixtures that every test may use: a service on a fresh data folder, and a company in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support.clock import ManualClock
from support.service import Caller, Company, Service

# Generated tests take the time they need and say how to repeat a failure; in CI they try the same examples each time,
# so that main stays green by itself.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("repeatable", deadline=None, print_blob=True, derandomize=True, database=None)
settings.load_profile("repeatable" if os.environ.get("CI") else "local")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(tmp_path: Path, clock: ManualClock) -> Iterator[Service]:
    running = Service(tmp_path, clock)
    yield running
    running.close()


@pytest.fixture
def board(service: Service) -> Caller:
    return service.board


@pytest.fixture
def company(service: Service) -> Company:
    return service.company()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
