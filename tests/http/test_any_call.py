"""What the OpenAPI document says and what the service does agree, for whatever anybody can send to any call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis

from support.any_call import Target, calls_with_ids, calls_with_more, try_out, with_examples, with_ids
from support.databases import Places

pytestmark = pytest.mark.last


@pytest.fixture(scope="module", params=["all"])  # a parameter, or every call's test would have the same name
def targets(places_on_sqlite: Places, places_on_postgres: Places) -> Iterator[list[Target]]:
    """The board and an agent on SQLite, and both on PostgreSQL."""
    made = [
        Target(kind, places, as_agent=as_agent)
        for kind, places in (("SQLite", places_on_sqlite), ("PostgreSQL", places_on_postgres))
        for as_agent in (False, True)
    ]
    yield made
    for target in made:
        target.close()


@calls_with_more.parametrize()
@with_examples
def test_every_call_does_what_the_document_says(case: schemathesis.Case, targets: list[Target]) -> None:
    try_out(case, targets)


@calls_with_ids.parametrize()
@with_ids
def test_every_call_by_id_does_what_the_document_says(case: schemathesis.Case, targets: list[Target]) -> None:
    try_out(case, targets)
