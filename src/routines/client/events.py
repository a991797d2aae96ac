"""Following a stream of server-sent events: where it goes on after an interruption, and when to give up.

Nothing is sent and nobody waits here; the clients do both.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import httpx2

from routines.client.call import Call
from routines.client.connection import Connection
from routines.client.errors import (
    ApiError,
    ConnectionFailedError,
    RoutinesClientError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedReplyError,
)
from routines.client.exchange import PAUSE_SECONDS_MAX, Pauses, failure, read_as, request_of

T = TypeVar("T")
AWAY_SECONDS_MAX = 300.0  # a server that is moved or repaired is there again; then whoever follows should know
RECONNECTIONS_MAX = 1_000  # the time ends it first
SILENCE_SECONDS_MAX = 60.0  # the service sends a comment every 15 seconds


class Following(Generic[T]):
    """A stream that is being followed: it begins anew after the last entry that came."""

    def __init__(self, call: Call[T], connection: Connection) -> None:
        self._call = call
        self._connection = connection
        self._last_id = ""
        self._retry_seconds = 0.0
        self._pauses = Pauses(RECONNECTIONS_MAX, AWAY_SECONDS_MAX)

    def request(self, client: httpx2.Client | httpx2.AsyncClient) -> httpx2.Request:
        """What is to be sent; the service goes on after the entry that it names."""
        place = {"Last-Event-ID": self._last_id} if self._last_id else {}
        return request_of(self._call, self._connection, client, Accept="text/event-stream", **place)

    def read(self, message: httpx2.ServerSentEvent) -> list[T]:
        """The entry of a message, if it has one; a message may only say where the stream stands."""
        self._pauses.begin_anew()
        self._last_id = message.id or self._last_id
        if message.retry is not None:  # a service that says how soon to come back is not asked more often
            self._retry_seconds = min(message.retry / 1000, PAUSE_SECONDS_MAX)
        return [read_as(self._call, message.data)] if message.data else []

    def pause(self, came: httpx2.Response | httpx2.RequestError) -> float:
        """After how many seconds to begin anew, now that the stream has ended, or has not begun.

        Raises the `RoutinesClientError` that it is, if the service refused, or has been away for too long.
        """
        error = failure(self._call, came)
        after = (error.retry_after_seconds or 0.0) if isinstance(error, ApiError) else 0.0
        is_passing = error is None or isinstance(error, ConnectionFailedError | TooManyRequestsError | UnavailableError)
        pause = self._pauses.next_seconds(max(after, self._retry_seconds)) if is_passing else None
        if pause is None:
            raise error or ConnectionFailedError("The stream of events ends again and again", was_sent=True)
        return pause


def unreadable(error: httpx2.SSEError) -> RoutinesClientError:
    """The error that a reply is which is no stream of events."""
    return UnexpectedReplyError(f"The reply is no stream of events that this client can read: {error}")
