"""One call from its first request to its end: what is sent, what a reply means, when to try again and after how long.

Nothing is sent and nobody waits here; the clients do both.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import uuid4

import httpx2
from pydantic import TypeAdapter, ValidationError

from routines.client.call import Call
from routines.client.connection import Connection
from routines.client.errors import (
    ApiError,
    ConnectionFailedError,
    RoutinesClientError,
    TimedOutError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedReplyError,
    refusal,
)

T = TypeVar("T")
PAUSE_SECONDS_MIN = 0.2  # a lost connection is often found again at once
PAUSE_SECONDS_MAX = 8.0
PAUSES_SECONDS_MAX = 60.0  # of one call together: longer, and whoever waits should know
SUCCESSES = range(200, 300)
EXCERPT_CHARACTERS_MAX = 200  # of a reply that is not the service's
ADAPTERS_CACHED_MAX = 200  # one for each kind of reply
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


class Pauses:
    """How long to wait before the next attempt, while there is one: twice as long each time, within bounds.

    Half of a pause is left to chance, so that those who were cut off together do not come back together.
    """

    def __init__(
        self,
        retries: int,
        seconds_max: float,
        chance: Callable[[], float] = random.random,  # noqa: S311 - no secret
    ) -> None:
        self._retries = retries
        self._seconds_max = seconds_max
        self._chance = chance
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the attempts so far, for the service has answered."""
        self._tried = 0
        self._waited_seconds = 0.0

    def next_seconds(self, at_least_seconds: float | None = None) -> float | None:
        """The next pause, no shorter than what the service asked for; None when it is time to give up."""
        usual = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN * 2.0 ** min(self._tried, 10))
        pause = max(usual * (1 + self._chance()) / 2, at_least_seconds or 0.0)
        if self._tried >= self._retries or self._waited_seconds + pause > self._seconds_max:
            return None
        self._tried += 1
        self._waited_seconds += pause
        return pause


class Exchange(Generic[T]):
    """A call that is under way; `reply` is there once `take` has said that nothing is left to do."""

    reply: T

    def __init__(self, call: Call[T], connection: Connection, retries: int, pauses_seconds_max: float) -> None:
        self._call = call.with_key(uuid4().hex)
        self._connection = connection
        self._pauses = Pauses(retries, pauses_seconds_max)

    def request(self, client: httpx2.Client | httpx2.AsyncClient) -> httpx2.Request:
        """What is to be sent, the same each time."""
        return request_of(self._call, self._connection, client)

    def take(self, came: httpx2.Response | httpx2.RequestError) -> float | None:
        """After how many seconds to send again what this came of; None for the end, with the reply in `reply`.

        Raises the `RoutinesClientError` that it is, if it was not safe to try again or has been tried enough.
        """
        error = failure(self._call, came)
        if error is None and isinstance(came, httpx2.Response):
            self.reply = _read(self._call, came)
            return None
        pause = None
        if error is not None and self._may_try_again(error):
            pause = self._pauses.next_seconds(error.retry_after_seconds if isinstance(error, ApiError) else None)
        if pause is None:
            raise error or UnexpectedReplyError("Nothing came back")
        return pause

    def _may_try_again(self, error: RoutinesClientError) -> bool:
        """Whether sending it again cannot do it twice, and may go better.

        A 429 is told before anything is done. After a 503 nobody knows: the connection to the database may have been
        lost in the middle of a commit.
        """
        if isinstance(error, ConnectionFailedError):
            return self._call.can_be_repeated or not error.was_sent
        if isinstance(error, UnavailableError):
            return self._call.can_be_repeated
        return isinstance(error, TooManyRequestsError)


def request_of(
    call: Call[Any], connection: Connection, client: httpx2.Client | httpx2.AsyncClient, **headers: str
) -> httpx2.Request:
    """The request that makes a call."""
    content = call.content if call.body is None else json.dumps(call.body, allow_nan=False).encode()
    json_body = {} if call.body is None else {"Content-Type": "application/json"}
    return client.build_request(
        call.method,
        connection.base_url + call.path,
        params=dict(call.query) or None,
        content=content,
        headers={**connection.headers(as_caller=call.as_caller), **json_body, **call.headers, **headers},
    )


def failure(call: Call[Any], came: httpx2.Response | httpx2.RequestError) -> RoutinesClientError | None:
    """The error that a reply is, or that none came; None for a success."""
    if isinstance(came, httpx2.Response):
        return None if came.status_code in SUCCESSES else _refusal(call, came)
    to = f"{call.method} {came.request.url.copy_with(query=None)}"
    why = str(came) or type(came).__name__
    was_sent = not isinstance(came, _NOT_SENT)
    if isinstance(came, httpx2.TimeoutException):
        return TimedOutError(f"{to} brought no reply in time ({why})", was_sent=was_sent)
    return ConnectionFailedError(f"{to} brought no reply: {why}. Is the service running there?", was_sent=was_sent)


def _refusal(call: Call[Any], reply: httpx2.Response) -> RoutinesClientError:
    said: Any = None
    with suppress(ValueError):
        said = reply.json()
    after = reply.headers.get("Retry-After", "")
    seconds = float(after) if after.isascii() and after.isdecimal() else None
    if isinstance(said, dict) and isinstance(said.get("error"), str):
        return refusal(reply.status_code, said["error"], said.get("details"), seconds)
    sentence = f"{call.method} {call.path} was answered with status {reply.status_code}, and not in the service's words"
    return refusal(reply.status_code, f"{sentence}: {_excerpt(reply.content)}", None, seconds)


def _read(call: Call[T], reply: httpx2.Response) -> T:
    """What a success says."""
    if call.reply is None:
        return None  # type: ignore[return-value]  # T is None then
    return read_as(call, reply.content)


def read_as(call: Call[T], content: bytes | str) -> T:
    """What JSON says that came of a call; raises `UnexpectedReplyError` for what this client cannot read."""
    try:
        value: T = _adapter_of(call.reply).validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "its body"
        raise UnexpectedReplyError(
            f"{call.method} {call.path} was answered with what this client cannot read: {where}: {first['msg']}. Is "
            f"there a Routines service of this client's version? It begins: {_excerpt(content)}"
        ) from None
    return value


@lru_cache(ADAPTERS_CACHED_MAX)
def _adapter_of(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type
    return TypeAdapter(kind)


def _excerpt(content: bytes | str) -> str:
    text = content if isinstance(content, str) else content.decode(errors="replace")
    return repr(text[:EXCERPT_CHARACTERS_MAX])
