"""A company's activity as it happens, as server-sent events (html.spec.whatwg.org, section 9.2).

Waiting and writing are asynchronous here; what is told is read by `services.events`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from routines.core.errors import Fault, InvalidError, RoutinesError, UnavailableError
from routines.http.auth import Authentication
from routines.http.call import Call, Caller, PathId
from routines.http.errors import error_response
from routines.http.operation import error_replies, operation
from routines.http.schemas.activity import EventFilters
from routines.http.schemas.common import UUID_PATTERN
from routines.http.services import UseCases
from routines.services.events import Events, Follower, Message, Place

COMMENT_SECONDS = 15.0  # proxies close what is silent for a minute; as often the caller's right is looked at
SLOW_CLIENT_SECONDS_MAX = 30.0  # for taking what was sent; longer, and its stream ends, to be resumed by itself
STOP_SECONDS_MAX = 1.0  # for taking the end of a stream when the server stops
RETRY_MILLISECONDS = 1_000  # how soon a browser comes back: a server that restarts is there by then
LAST_EVENT_ID = "last-event-id"
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect a page of it first
]

router = APIRouter(tags=["activity"])

_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "Begin after this entry, as a browser does that was cut off; wins over `after`.",
    "schema": {"type": "string", "format": "uuid"},
}
_described = operation(query=EventFilters, errors=(404,))
_described["openapi_extra"]["parameters"].append(_LAST_EVENT_ID)
_described["responses"] = {
    200: {
        "description": "A stream without end: an entry of the activity in each message's `data`, its id in `id`",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    **error_replies(400, 401, 403, 404, 413, 503),
}


@router.get("/companies/{company_id}/events", **_described)
def follow_events(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Follow what happens in a company, entry by entry, from now on or after a given one."""
    return EventStream(use.events, use.events.begin(call.actor, company_id, _after(call)), call.request)


def _after(call: Call) -> Callable[[], str | None]:
    """The entry after which a caller goes on: the header's, for a browser that comes back repeats the query."""
    queried = call.query(EventFilters, EventFilters.command)

    def after() -> str | None:
        named = call.request.headers.get(LAST_EVENT_ID)
        if named is not None and UUID_PATTERN.fullmatch(named) is None:
            message = f"{named[:40]!r} is not the id of an entry, which is a UUID"
            raise InvalidError([Fault(("Last-Event-ID",), message, "value_error")])
        in_query = queried()
        return in_query if named is None else named.lower()

    return after


class EventStream(Response):
    """Goes on until the client leaves or takes nothing more, its caller's right ends, or the server stops."""

    def __init__(self, events: Events, place: Place, request: Request) -> None:
        super().__init__()
        self._events = events
        self._place = place
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        loop = asyncio.get_running_loop()
        bell, over = asyncio.Event(), loop.create_future()

        def ring() -> None:
            bell.set()
            if self._events.is_over and not over.done():
                over.set_result(None)

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(ring)

        try:
            follower = self._events.follow(self._place, wake)
        except UnavailableError as error:
            await error_response(error)(scope, receive, send)
            return
        leaving = asyncio.create_task(_left(receive, bell))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await _Writing(send, bell, over, leaving).follow(follower, self._place.position, self._is_still_good)
        finally:
            follower.close()
            leaving.cancel()

    async def _is_still_good(self) -> bool:
        """Whether whoever called could call again."""
        authentication: Authentication = self._request.app.state.authentication
        try:
            await run_in_threadpool(authentication.caller, self._request)
        except UnavailableError:
            return True  # nobody can tell now, nor read anything
        except RoutinesError:
            return False
        return True


async def _left(receive: Receive, bell: asyncio.Event) -> None:
    """Return, with the bell rung, once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    bell.set()


class _Writing:
    """One stream's way to its client, of which at most one page is in memory."""

    def __init__(
        self, send: Send, bell: asyncio.Event, over: asyncio.Future[None], leaving: asyncio.Task[None]
    ) -> None:
        self._send = send
        self._bell = bell
        self._over = over
        self._leaving = leaving

    async def follow(self, follower: Follower, position: str, is_still_good: Callable[[], Awaitable[bool]]) -> None:
        """Write what the follower is told, and a comment from time to time, to the end."""
        loop = asyncio.get_running_loop()
        # The id lets a browser that was cut off before the first entry come back to here.
        taken = await self._write(b"retry: %d\nid: %s\n\n" % (RETRY_MILLISECONDS, position.encode()))
        comment_at = loop.time() + COMMENT_SECONDS
        while taken and not self._leaving.done() and not follower.is_over:
            self._bell.clear()
            messages = await _next(follower)
            if messages is None:
                break
            if messages:
                taken = await self._write(b"".join(message.content for message in messages))
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(comment_at):
                        await self._bell.wait()
            if loop.time() >= comment_at:
                if not await is_still_good():
                    break
                taken = taken and await self._write(b":\n\n")
                comment_at = loop.time() + COMMENT_SECONDS
        follower.close()  # its place is free, however long the client takes to hear of the end
        ending = {"type": "http.response.body", "body": b"", "more_body": False}
        sending = asyncio.ensure_future(self._send(ending))
        await asyncio.wait({sending, self._over}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({sending}, timeout=STOP_SECONDS_MAX)
        sending.cancel()

    async def _write(self, content: bytes) -> bool:
        """Send, unless the client takes nothing for too long, or the server stops meanwhile."""
        sending = asyncio.ensure_future(self._send({"type": "http.response.body", "body": content, "more_body": True}))
        waiting = {sending, self._over}
        await asyncio.wait(waiting, timeout=SLOW_CLIENT_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
            return True
        sending.cancel()
        return False


async def _next(follower: Follower) -> Sequence[Message] | None:
    """What comes next, nothing if there is nothing yet, or None if that cannot be told now."""
    messages = follower.ready()
    if messages is not None:
        return messages
    try:
        return await run_in_threadpool(follower.read)
    except UnavailableError:
        return None
