"""What fault tests share: a PostgreSQL that has on disk what it commits, quickly born servers, and dice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from support import chaos
from support.chaos import Dice
from support.nursery import Nursery
from support.postgres import Cluster

_databases = count()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as born_in:
        yield born_in


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A durable PostgreSQL, which also remembers when each transaction was committed."""
    with Cluster(durable=True, options={"track_commit_timestamp": "on"}) as running:
        yield running


@pytest.fixture
def database_url(cluster: Cluster) -> Iterator[str]:
    """A database without tables."""
    name = f"crash_{next(_databases)}"
    cluster.server.create(name)
    yield cluster.server.url(name)
    cluster.server.drop(name)


@pytest.fixture
def repetition() -> int:
    """How often before this the test has been run; `make chaos` repeats it."""
    return 0


@pytest.fixture
def dice(request: pytest.FixtureRequest, repetition: int) -> Dice:
    """A test's own, other ones at each repetition."""
    thrown = Dice(f"{request.node.originalname} {repetition}")
    print(thrown.seed)  # noqa: T201 - shown if the test fails
    return thrown


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat what depends on dice."""
    if "repetition" in metafunc.fixturenames and chaos.TIMES > 1:
        metafunc.parametrize("repetition", range(chaos.TIMES))
