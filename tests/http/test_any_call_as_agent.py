"""What the OpenAPI document says and what the service does agree, for whatever an agent can send to any call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis

from support.any_call import Target, calls_with_ids, calls_with_more, target, with_examples, with_ids

pytestmark = pytest.mark.last


@pytest.fixture(scope="module", params=["agent"])  # a parameter, or every call's test would have the same name
def as_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("agent"), as_agent=True) as tried:
        yield tried


@calls_with_more.parametrize()
@with_examples
def test_every_call_does_what_the_document_says(case: schemathesis.Case, as_agent: Target) -> None:
    as_agent.try_out(case)


@calls_with_ids.parametrize()
@with_ids
def test_every_call_by_id_does_what_the_document_says(case: schemathesis.Case, as_agent: Target) -> None:
    as_agent.try_out(case)
