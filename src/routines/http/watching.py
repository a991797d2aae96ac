"""What surrounds every request: an id that each line of the log about it bears, and word of its answer to the observer.

No request is refused or changed here, but for the id in its reply.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from routines.clock import monotonic_seconds
from routines.core.limits import REQUEST_ID_CHARACTERS_MAX
from routines.http.auth import RUN_ID_HEADER
from routines.http.schemas.common import UUID_PATTERN
from routines.observer import AnsweredRequest, Observer

REQUEST_ID_HEADER = "x-request-id"
TRACE_HEADER = "traceparent"
_READ = {name.encode(): name for name in (REQUEST_ID_HEADER, TRACE_HEADER, RUN_ID_HEADER)}
SANE_REQUEST_ID = re.compile(rf"[A-Za-z0-9._:/+=-]{{1,{REQUEST_ID_CHARACTERS_MAX}}}")
"""Ids that are taken over: nothing in them could forge a line of a log or a header."""
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"
NO_ROUTE = "none"
FAULT = 500
API = "/api"


@dataclass(frozen=True, slots=True)
class Watching:
    """Watches over the requests of one application; `make_id` makes the id of one that has none."""

    observer: Observer
    make_id: Callable[[], str]

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer an HTTP request."""
        began = monotonic_seconds()
        said = _said(scope)
        given = said.get(REQUEST_ID_HEADER, "")
        request_id = given if SANE_REQUEST_ID.fullmatch(given) else self.make_id()
        begun = False

        def tell(status: int) -> None:
            nonlocal begun
            begun = True
            method = scope["method"] if scope["method"] in KNOWN_METHODS else OTHER_METHOD
            seconds, trace = monotonic_seconds() - began, said.get(TRACE_HEADER)
            self.observer.request_answered(AnsweredRequest(method, route_of(scope), status, seconds, request_id, trace))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = (REQUEST_ID_HEADER.encode(), request_id.encode())
                message = {**message, "headers": [*message["headers"], own]}
                tell(message["status"])
            await send(message)

        run_id = said.get(RUN_ID_HEADER, "")
        of_run = {"heartbeat_run_id": run_id.lower()} if UUID_PATTERN.fullmatch(run_id) else {}
        bound = bind_contextvars(request_id=request_id, **of_run)
        try:
            await app(scope, receive, send_with_id)
        finally:
            reset_contextvars(**bound)
            if not begun:  # it broke, or the client went away, before there was a reply
                tell(FAULT)


def _said(scope: Scope) -> dict[str, str]:
    """The headers that are looked at here; a webhook has no microseconds for all of them."""
    return {_READ[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}


def route_of(scope: Scope) -> str:
    """The template of the route that took a request, never what was asked for; `none` where no route did."""
    template = getattr(scope.get("route"), "path", None)
    if not isinstance(template, str):
        return NO_ROUTE
    # A route knows its path without the prefix under which the API is, and pages have paths like the API's.
    is_of_api = scope["path"].startswith(f"{API}/") and not template.startswith(f"{API}/")
    return f"{API}{template}" if is_of_api else template
