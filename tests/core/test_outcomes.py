"""Promises of `routines.core.outcomes`: what an agent may say of its heartbeat, and each way to say it wrongly."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routines.core.errors import InvalidError
from routines.core.heartbeats import NO_USAGE, ErrorCode, Outcome, Usage
from routines.core.model import HeartbeatStatus
from routines.core.outcomes import parse_outcome

SUCCEEDED = Outcome(HeartbeatStatus.SUCCEEDED)
LONGEST = "é" * 10_000
MOST = {"inputTokens": 10**12, "cachedInputTokens": 10**12, "outputTokens": 10**12, "costUsd": 10**6}


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ({"status": "succeeded"}, SUCCEEDED),
        ({"status": "succeeded", "summary": None, "error": None, "usage": None}, SUCCEEDED),
        ({"status": "succeeded", "summary": "", "error": "", "usage": {}}, SUCCEEDED),
        ({"status": "succeeded", "summary": LONGEST}, Outcome(HeartbeatStatus.SUCCEEDED, summary=LONGEST)),
        (
            {"status": "succeeded", "usage": MOST},
            Outcome(HeartbeatStatus.SUCCEEDED, usage=Usage(10**12, 10**12, 10**12, 10**12)),
        ),
        (
            {"status": "succeeded", "usage": {"outputTokens": 7, "costUsd": 0.0312345678}},
            Outcome(HeartbeatStatus.SUCCEEDED, usage=Usage(output_tokens=7, cost_micros=31_235)),
        ),
        (
            {"status": "failed", "error": "No access", "summary": "Tried", "usage": {"inputTokens": 1}},
            Outcome(
                HeartbeatStatus.FAILED,
                error_code=ErrorCode.AGENT_ERROR,
                error="No access",
                summary="Tried",
                usage=Usage(1),
            ),
        ),
        (
            {"status": "failed"},
            Outcome(
                HeartbeatStatus.FAILED,
                error_code=ErrorCode.AGENT_ERROR,
                error="The agent said that it failed, and not why",
                usage=NO_USAGE,
            ),
        ),
    ],
)
def test_what_an_agent_says_is_its_outcome(content: object, outcome: Outcome) -> None:
    assert parse_outcome(content) == outcome


def usage(name: str, value: object) -> dict[str, Any]:
    return {"status": "succeeded", "usage": {name: value}}


@pytest.mark.parametrize(
    ("content", "path", "words"),
    [
        ([], (), "an object"),
        (None, (), "an object"),
        ({}, ("status",), "succeeded or failed"),
        ({"status": None}, ("status",), "succeeded or failed"),
        ({"status": "cancelled"}, ("status",), "succeeded or failed"),
        ({"status": ["failed"]}, ("status",), "succeeded or failed"),
        ({"status": "failed", "exitCode": 1}, ("exitCode",), "Unknown key 'exitCode'"),
        ({"status": "failed", "error": 1}, ("error",), "text"),
        ({"status": "failed", "error": "a\0b"}, ("error",), "NUL"),
        ({"status": "failed", "error": "\ud800"}, ("error",), "surrogate"),
        ({"status": "failed", "error": LONGEST + "é"}, ("error",), "10001 characters"),
        ({"status": "succeeded", "error": "why"}, ("error",), "left out"),
        ({"status": "succeeded", "summary": {}}, ("summary",), "text"),
        ({"status": "succeeded", "summary": LONGEST + "é"}, ("summary",), "at most 10000"),
        ({"status": "succeeded", "usage": []}, ("usage",), "an object"),
        (usage("tokens", 1), ("usage", "tokens"), "Unknown key 'tokens'"),
        (usage("inputTokens", True), ("usage", "inputTokens"), "whole number"),
        (usage("inputTokens", 1.5), ("usage", "inputTokens"), "whole number"),
        (usage("inputTokens", "1"), ("usage", "inputTokens"), "whole number"),
        (usage("cachedInputTokens", -1), ("usage", "cachedInputTokens"), "from 0"),
        (usage("outputTokens", 10**12 + 1), ("usage", "outputTokens"), "to 1000000000000"),
        (usage("outputTokens", 10**400), ("usage", "outputTokens"), "to 1000000000000"),
        (usage("costUsd", True), ("usage", "costUsd"), "number from 0"),
        (usage("costUsd", "1"), ("usage", "costUsd"), "number from 0"),
        (usage("costUsd", -0.01), ("usage", "costUsd"), "number from 0"),
        (usage("costUsd", 1_000_000.01), ("usage", "costUsd"), "to 1000000"),
        (usage("costUsd", 10**400), ("usage", "costUsd"), "to 1000000"),
        (usage("costUsd", float("nan")), ("usage", "costUsd"), "number from 0"),
        (usage("costUsd", float("inf")), ("usage", "costUsd"), "number from 0"),
    ],
)
def test_what_is_wrong_is_refused_by_name(content: object, path: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_outcome(content)
    (fault,) = refused.value.faults
    assert fault.path == path
    assert words in fault.message
    assert fault.code


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidError) as refused:
        parse_outcome({"status": "done", "summary": 1, "note": "", "usage": {"costUsd": "1", "cost": 1}})
    paths = {fault.path for fault in refused.value.faults}
    assert paths == {("status",), ("summary",), ("note",), ("usage", "costUsd"), ("usage", "cost")}


SCALARS = st.sampled_from([None, True, 0, -1, 10**13, 0.5, 1e300, float("nan"), float("inf"), "", "failed", "a\0", []])
FIELDS = st.sampled_from(["status", "summary", "error", "usage", "costUsd", "inputTokens", "other"])


@given(st.dictionaries(FIELDS, SCALARS | st.dictionaries(FIELDS, SCALARS)))
def test_any_json_is_an_outcome_or_refused(content: object) -> None:
    with suppress(InvalidError):
        outcome = parse_outcome(content)
        assert outcome.status in {HeartbeatStatus.SUCCEEDED, HeartbeatStatus.FAILED}
        assert all(isinstance(number, int) and 0 <= number <= 10**12 for number in outcome.usage)
