"""Promises of `routines.heartbeat.http_agent`, against agents that really listen: what they get and may answer."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from routines.core.heartbeats import ErrorCode, Outcome, Usage
from routines.core.model import HeartbeatStatus
from routines.core.signing import SECRET_ENTROPY_BYTES, Delivery, SigningMode, new_secret, verify
from routines.heartbeat.http_agent import HttpAgent, deliver
from routines.outgoing import PUBLIC_ONLY, Reach
from support.clock import MONDAY_NOON, SECOND, ManualClock
from support.listener import LOOPBACK, Line, Listener, Request, Script, answering, hanging_up

RUN = "0195a0f2-0000-7000-8000-000000000000"
BODY = b'{"runId": "\xc3\xa9"}'
SECRET = new_secret(SigningMode.STANDARD_WEBHOOKS, bytes(range(SECRET_ENTROPY_BYTES))) or ""
HERE = Reach.of(LOOPBACK)


class Waiting:
    """Stands for the worker's sleep: notes each wait, lets the clock pass, and may be cancelled in one of them."""

    def __init__(self, clock: ManualClock, cancelled_in: int | None = None) -> None:
        self._clock = clock
        self._cancelled_in = cancelled_in
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> bool:
        """True if the run is cancelled in this wait."""
        self.seconds.append(seconds)
        self._clock.advance(timedelta(seconds=seconds))
        return len(self.seconds) == self._cancelled_in


@pytest.fixture
def waiting(clock: ManualClock) -> Waiting:
    return Waiting(clock)


def wake(
    url: str,
    clock: ManualClock,
    waiting: Waiting,
    *,
    headers: Mapping[str, str] | None = None,
    reach: Reach = HERE,
    timeout_seconds: float = 10,
    limit_seconds: float = 3_600,
) -> Outcome | None:
    agent = HttpAgent(url, headers or {}, SECRET)
    bounds = {"timeout_seconds": timeout_seconds, "limit_seconds": limit_seconds}
    return deliver(agent, RUN, BODY, reach=reach, now=clock.now, sleep=waiting, **bounds)


def failed(code: ErrorCode, error: str, **more: Any) -> Outcome:
    return Outcome(HeartbeatStatus.FAILED, error_code=code, error=error, **more)


def assert_authentic(request: Request, clock: ManualClock) -> None:
    """Raise if the request is not what the agent's secret signed, at this very second, for this run."""
    delivery = Delivery(request.headers, request.body)
    verified = verify(SigningMode.STANDARD_WEBHOOKS, SECRET, delivery, now=clock.now(), replay_window_seconds=1)
    assert verified.idempotency_key == RUN


def test_an_agent_is_sent_a_signed_delivery(clock: ManualClock, waiting: Waiting) -> None:
    with Listener(answering(202)) as agent:
        assert wake(agent.url, clock, waiting, headers={"Authorization": "Bearer x"}) is None
    (request,) = agent.requests
    assert request.line == "POST /wake HTTP/1.1"
    assert request.body == BODY
    assert request.headers["webhook-id"] == RUN
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "routines-heartbeat"
    assert request.headers["authorization"] == "Bearer x"
    assert_authentic(request, clock)
    assert waiting.seconds == []


def test_an_agents_own_headers_do_not_change_ours(clock: ManualClock, waiting: Waiting) -> None:
    own = {"Webhook-Signature": "v1,x", "WEBHOOK-ID": "x", "Content-Type": "text/plain", "User-Agent": "x"}
    with Listener(answering(202)) as agent:
        assert wake(agent.url, clock, waiting, headers=own) is None
    (request,) = agent.requests
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "routines-heartbeat"
    assert_authentic(request, clock)


def test_what_an_agent_is_called_with_is_not_shown_with_it() -> None:
    shown = repr(HttpAgent("http://agent.test/", {"Authorization": "Bearer 5ecret"}, SECRET))
    assert "5ecret" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    "script",
    [
        answering(200),
        answering(204),
        answering(202, b"OK"),
        answering(200, b"\xff\x00{"),
        answering(200, b'{"status": "succeeded"'),
        answering(200, []),
        answering(200, "succeeded"),
        answering(200, {"ok": True}),
        answering(200, {"status": "accepted"}),
        answering(200, {"status": ["succeeded"]}),
        answering(200, {"summary": "Soon"}),
        answering(200, b"x" * 1_000_000),
    ],
)
def test_any_answer_with_2xx_takes_the_work_and_the_outcome_comes_later(
    script: Script, clock: ManualClock, waiting: Waiting
) -> None:
    with Listener(script) as agent:
        assert wake(agent.url, clock, waiting) is None
    assert len(agent.requests) == 1


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (
            {"status": "succeeded", "summary": "Done", "usage": {"inputTokens": 3, "costUsd": 0.5}},
            Outcome(HeartbeatStatus.SUCCEEDED, summary="Done", usage=Usage(3, cost_micros=500_000)),
        ),
        ({"status": "failed", "error": "No access"}, failed(ErrorCode.AGENT_ERROR, "No access")),
        (
            {"status": "succeeded", "usage": {"costUsd": -1}, "note": ""},
            failed(
                ErrorCode.AGENT_ERROR,
                "The agent's outcome cannot be read: "
                "note: Unknown key 'note'; the keys are status, summary, error, usage; "
                "usage.costUsd: Must be a number from 0 to 1000000",
            ),
        ),
    ],
)
def test_an_agent_may_tell_the_outcome_at_once(
    content: object, outcome: Outcome, clock: ManualClock, waiting: Waiting
) -> None:
    with Listener(answering(200, content)) as agent:
        assert wake(agent.url, clock, waiting) == outcome


def test_an_outcome_with_texts_at_their_longest_is_read(clock: ManualClock, waiting: Waiting) -> None:
    content = {"status": "failed", "summary": "😀" * 10_000, "error": "é" * 10_000}
    with Listener(answering(200, content)) as agent:
        outcome = wake(agent.url, clock, waiting)
    assert outcome == failed(ErrorCode.AGENT_ERROR, content["error"], summary=content["summary"])


def test_an_outcome_with_thousands_of_faults_is_told_in_a_sentence(clock: ManualClock, waiting: Waiting) -> None:
    content = {"status": "failed", **{f"key{number}\n": 0 for number in range(5_000)}}
    with Listener(answering(200, content)) as agent:
        outcome = wake(agent.url, clock, waiting)
    assert outcome is not None
    assert outcome.error is not None
    assert len(outcome.error) < 600
    assert "\n" not in outcome.error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_agent_fails(status: int, clock: ManualClock, waiting: Waiting) -> None:
    with Listener(answering(200)) as private, Listener(answering(status, location=private.url)) as agent:
        outcome = wake(agent.url, clock, waiting)
    error = f"The agent's URL answered {status} to {private.url}; redirects are not followed: set the final URL"
    assert outcome == failed(ErrorCode.REFUSED, error)
    assert private.connections == 0
    assert waiting.seconds == []


def test_a_redirect_to_nowhere_and_one_with_a_strange_place_are_told(clock: ManualClock, waiting: Waiting) -> None:
    with Listener(answering(304)) as agent:
        outcome = wake(agent.url, clock, waiting)
    assert outcome is not None
    assert outcome.error == "The agent's URL answered 304; redirects are not followed: set the final URL"
    with Listener(answering(302, location="http://x/\x9b31m" + "y" * 5_000)) as agent:
        outcome = wake(agent.url, clock, waiting)
    assert outcome is not None
    assert outcome.error is not None
    assert f"to http://x/�31m{'y' * 187};" in outcome.error


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (answering(400), "The agent's URL answered 400"),
        (answering(401, b" No\tsuch\r\n\x1b[31mkey\x00\xff "), "The agent's URL answered 401: No such  �[31mkey��"),
        (answering(404, b"x" * 1_000), f"The agent's URL answered 404: {'x' * 200}"),
        (answering(410, "\u202egone"), 'The agent\'s URL answered 410: "\\u202egone"'),
        (answering(422, "\u202e".encode() + b"gone"), "The agent's URL answered 422: �gone"),
        (answering(600), "The agent's URL answered 600"),
    ],
)
def test_an_agent_that_refuses_has_failed(script: Script, error: str, clock: ManualClock, waiting: Waiting) -> None:
    with Listener(script) as agent:
        assert wake(agent.url, clock, waiting) == failed(ErrorCode.AGENT_ERROR, error)
    assert len(agent.requests) == 1


@pytest.mark.parametrize("script", [answering(500), answering(503, b"busy"), answering(429), hanging_up])
def test_a_try_that_brings_nothing_is_repeated_as_the_same_delivery(
    script: Script, clock: ManualClock, waiting: Waiting
) -> None:
    with Listener(script, script, script, answering(202)) as agent:
        assert wake(agent.url, clock, waiting) is None
    assert waiting.seconds == [1, 4, 15]
    times = [int(request.headers["webhook-timestamp"]) for request in agent.requests]
    start = int(MONDAY_NOON.timestamp())
    assert times == [start, start + 1, start + 5, start + 20]
    assert {request.headers["webhook-id"] for request in agent.requests} == {RUN}
    for request, time in zip(agent.requests, times, strict=True):
        assert_authentic(request, ManualClock(MONDAY_NOON + (time - start) * SECOND))


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (answering(503, b"busy"), "The agent's URL answered 503: busy (tried 4 times)"),
        (answering(429), "The agent's URL answered 429 (tried 4 times)"),
        (hanging_up, "{place} closed the connection before its answer was whole (tried 4 times)"),
    ],
)
def test_an_agent_that_stays_away_is_unreachable(
    script: Script, error: str, clock: ManualClock, waiting: Waiting
) -> None:
    with Listener(script) as agent:
        outcome = wake(agent.url, clock, waiting)
    place = f"{LOOPBACK}:{agent.port}"
    assert outcome == failed(ErrorCode.UNREACHABLE, error.format(place=place))
    assert len(agent.requests) == 4
    assert waiting.seconds == [1, 4, 15]


def test_all_tries_together_keep_to_the_agents_time(clock: ManualClock, waiting: Waiting) -> None:
    with Listener(answering(503)) as agent:
        outcome = wake(agent.url, clock, waiting, limit_seconds=4)
    assert outcome == failed(ErrorCode.UNREACHABLE, "The agent's URL answered 503 (tried 2 times)")
    assert waiting.seconds == [1]


def test_a_server_that_is_down_is_tried_four_times(clock: ManualClock, waiting: Waiting) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
    outcome = wake(f"http://{LOOPBACK}:{port}/", clock, waiting)
    error = f"{LOOPBACK}:{port} cannot be reached: Connection refused (tried 4 times)"
    assert outcome == failed(ErrorCode.UNREACHABLE, error)
    assert waiting.seconds == [1, 4, 15]


def test_what_no_retry_mends_is_tried_once(clock: ManualClock, waiting: Waiting) -> None:
    def other(line: Line) -> None:
        line.read()
        line.write(b"220 mail.test ESMTP\r\n\r\n")

    with Listener(other) as agent:
        outcome = wake(agent.url, clock, waiting)
    assert outcome == failed(ErrorCode.UNREACHABLE, f"{LOOPBACK}:{agent.port} answered something that is not HTTP/1.1")
    assert agent.connections == 1
    assert waiting.seconds == []


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("0", 1),
        ("7", 7),
        ("60", 60),
        ("3600", 60),
        ("99999999999999999999", 1),
        ("soon", 1),
        ("-5", 1),
        (format_datetime(MONDAY_NOON + 9 * SECOND, usegmt=True), 9),
        (format_datetime(MONDAY_NOON - 9 * SECOND, usegmt=True), 1),
        (format_datetime(MONDAY_NOON + 9_000 * SECOND, usegmt=True), 60),
        ("Mon, 02 Mar 2026 12:00:39 -0000", 9),
        ("Mon, 99 Mar 2026 12:00:39 GMT", 1),
    ],
)
def test_an_agent_says_when_it_wants_to_be_tried_again(
    status: int, asked: str, seconds: float, clock: ManualClock, waiting: Waiting
) -> None:
    with Listener(answering(status, retry_after=asked), answering(202)) as agent:
        assert wake(agent.url, clock, waiting) is None
    assert waiting.seconds == [seconds]


@pytest.mark.parametrize("cancelled_in", [1, 2, 3])
def test_a_cancelled_run_is_not_tried_again(cancelled_in: int, clock: ManualClock) -> None:
    waiting = Waiting(clock, cancelled_in)
    with Listener(answering(503)) as agent:
        outcome = wake(agent.url, clock, waiting)
    assert outcome == Outcome(
        HeartbeatStatus.CANCELLED,
        error_code=ErrorCode.CANCELLED,
        error="Cancelled before the agent had taken it; the last try: The agent's URL answered 503",
    )
    assert len(agent.requests) == cancelled_in


def test_each_try_has_its_timeout(clock: ManualClock, waiting: Waiting) -> None:
    def silent(line: Line) -> None:
        line.read()
        line.hear()

    with Listener(silent, silent, answering(202)) as agent:
        assert wake(agent.url, clock, waiting, timeout_seconds=0.2) is None
    assert waiting.seconds == [1, 4]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://agent.test/", "must begin with http:// or https://"),
        ("http://user:5ecret@agent.test/", "a user name or password"),
        ("http://127.0.0.1:9/", "127.0.0.1 is not on the public internet"),
        ("http://[::ffff:169.254.169.254]/latest/meta-data", "169.254.169.254 is not on the public internet"),
    ],
)
def test_an_url_that_is_not_called_fails_the_run(url: str, words: str, clock: ManualClock, waiting: Waiting) -> None:
    outcome = wake(url, clock, waiting, reach=PUBLIC_ONLY)
    assert outcome is not None
    assert (outcome.status, outcome.error_code) == (HeartbeatStatus.FAILED, ErrorCode.REFUSED)
    assert outcome.error is not None
    assert words in outcome.error
    assert "5ecret" not in outcome.error
    assert waiting.seconds == []


def test_a_header_that_cannot_be_sent_fails_the_run(clock: ManualClock, waiting: Waiting) -> None:
    outcome = wake("http://127.0.0.1:9/", clock, waiting, headers={"Host": "other.test"})
    assert outcome is not None
    assert outcome.error_code is ErrorCode.REFUSED
