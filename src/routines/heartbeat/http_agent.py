"""What an agent of adapter type `http` is sent when it is woken, and what its answer means.

Which wake-ups are sent, and what follows from their outcome, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from routines.core import strict_json
from routines.core.answers import one_line, retry_after_seconds
from routines.core.errors import InvalidError, MalformedBodyError
from routines.core.heartbeats import ErrorCode, Outcome
from routines.core.model import HeartbeatStatus
from routines.core.outcomes import ENDS, parse_outcome
from routines.core.signing import sign_standard_webhooks
from routines.outgoing import Answer, Reach, RefusedError, UnreachableError, post

USER_AGENT = "routines-heartbeat"
PAUSES_SECONDS = (1, 4, 15)  # an agent that is being restarted is back by the last
RETRY_AFTER_SECONDS_MAX = 60  # whoever asks for longer is tried then all the same: a worker waits meanwhile
ANSWER_BYTES_MAX = 256 * 1024  # an outcome with its texts at their longest and every character escaped is half of it
ANSWER_CHARACTERS_SHOWN = 200  # enough of an error page to know whose it is
FAULTS_CHARACTERS_SHOWN = 500

_OK, _REDIRECT, _CLIENT_ERROR, _TOO_MANY, _SERVER_ERROR, _BEYOND = 200, 300, 400, 429, 500, 600


@dataclass(frozen=True, slots=True)
class HttpAgent:
    """Where an agent is called, with which headers besides ours, and the secret that calls are signed with."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)


class _Again(NamedTuple):
    """A try that brought nothing and may be repeated, not before `after_seconds`."""

    error: str
    after_seconds: float = 0


def deliver(
    agent: HttpAgent,
    run_id: str,
    body: bytes,
    *,
    reach: Reach,
    now: Callable[[], datetime],
    sleep: Callable[[float], bool],
    timeout_seconds: float,
    limit_seconds: float,
) -> Outcome | None:
    """Hand a wake-up to an agent: None once it has accepted it and will tell the outcome later, else the outcome.

    The call is a Standard Webhooks delivery whose id is the run's in every try, so that an agent can tell a repeat.
    It is tried again after 1, 4 and 15 seconds, or when the agent asks for it, while the agent is unreachable or
    answers 429 or 5xx; each try may take `timeout_seconds`, and all of them together `limit_seconds`. `sleep` is told
    how long to wait and returns True if the run was cancelled meanwhile, which ends it. Nothing is raised for what the
    agent or its URL does.
    """
    deadline = now() + timedelta(seconds=limit_seconds)
    for tries, pause in enumerate((*PAUSES_SECONDS, None), 1):
        left = (deadline - now()).total_seconds()
        said = _try(agent, run_id, body, reach, now, min(timeout_seconds, left))
        if not isinstance(said, _Again):
            return said
        wait = None if pause is None else max(pause, min(said.after_seconds, RETRY_AFTER_SECONDS_MAX))
        if wait is None or now() + timedelta(seconds=wait) >= deadline:
            return _failed(ErrorCode.UNREACHABLE, f"{said.error} (tried {tries} times)")
        if sleep(wait):
            error = f"Cancelled before the agent had taken it; the last try: {said.error}"
            return Outcome(HeartbeatStatus.CANCELLED, error_code=ErrorCode.CANCELLED, error=error)
    raise AssertionError("The last try has no pause, and ends it")


def _try(
    agent: HttpAgent, run_id: str, body: bytes, reach: Reach, now: Callable[[], datetime], timeout_seconds: float
) -> Outcome | _Again | None:
    headers = {name.lower(): value for name, value in agent.headers.items()}
    headers |= {"content-type": "application/json", "user-agent": USER_AGENT}
    headers |= sign_standard_webhooks(agent.secret, run_id, int(now().timestamp()), body)
    try:
        answer = post(
            agent.url,
            body,
            headers,
            reach=reach,
            timeout_seconds=timeout_seconds,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )
    except RefusedError as error:
        return _failed(ErrorCode.REFUSED, error.sentence)
    except UnreachableError as error:
        return _Again(error.sentence) if error.retry else _failed(ErrorCode.UNREACHABLE, error.sentence)
    return _meaning(answer, now())


def _meaning(answer: Answer, now: datetime) -> Outcome | _Again | None:
    """What an answer says of the heartbeat."""
    status = answer.status
    if _OK <= status < _REDIRECT:
        return _told_at_once(answer)
    if _REDIRECT <= status < _CLIENT_ERROR:
        location = one_line(answer.headers.get("location", ""), ANSWER_CHARACTERS_SHOWN)
        to = f" to {location}" if location else ""
        error = f"The agent's URL answered {status}{to}; redirects are not followed: set the final URL"
        return _failed(ErrorCode.REFUSED, error)
    text = one_line(answer.body.decode(errors="replace"), ANSWER_CHARACTERS_SHOWN)
    error = f"The agent's URL answered {status}{f': {text}' if text else ''}"
    if status == _TOO_MANY or _SERVER_ERROR <= status < _BEYOND:
        return _Again(error, retry_after_seconds(answer.headers.get("retry-after", ""), now))
    return _failed(ErrorCode.AGENT_ERROR, error)


def _told_at_once(answer: Answer) -> Outcome | None:
    """The outcome, if the answer is one; any other is an agent's way to say that it has taken the work."""
    try:
        content = strict_json.loads(answer.body)
    except MalformedBodyError:
        return None
    if not isinstance(content, dict) or content.get("status") not in ENDS:
        return None
    try:
        return parse_outcome(content)
    except InvalidError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in error.faults)
        sentence = f"The agent's outcome cannot be read: {one_line(faults, FAULTS_CHARACTERS_SHOWN)}"
        return _failed(ErrorCode.AGENT_ERROR, sentence)


def _failed(code: ErrorCode, error: str) -> Outcome:
    return Outcome(HeartbeatStatus.FAILED, error_code=code, error=error)
