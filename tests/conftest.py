"""Fixtures that every test may use: a service on a fresh data folder, and a company in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.clock import ManualClock
from support.service import Caller, Company, Service


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
