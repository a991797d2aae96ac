"""The HTTP application: routes, guards and the error table put together over use cases that were built elsewhere.

Starting and stopping what works in the background is `wiring`'s, handed in as the lifespan.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import version

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from routines.core.access import AuthMode
from routines.core.errors import RoutinesError
from routines.http.auth import Authentication, require_local_caller
from routines.http.call import for_anybody
from routines.http.document import describe, methods_at, operation_id
from routines.http.errors import (
    error_response,
    on_disconnect,
    on_fault,
    on_http_exception,
    on_routines_error,
)
from routines.http.rate_limit import RateLimiter
from routines.http.routes import agents, companies, events, health, heartbeats, issues, outlook, routines, triggers
from routines.http.services import Services
from routines.services.firing import FireBatcher
from routines.storage.database import Database

FIRE_PATH = re.compile(r"/api/routine-triggers/public/([^/]+)/fire")
NOT_ALLOWED = 405
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_app(
    *,
    services: Services,
    authentication: Authentication,
    fire_batcher: FireBatcher,
    fires_per_minute: int,
    database: Database,
    lifespan: Lifespan,
) -> FastAPI:
    """The application, ready to be served."""
    app = _Application(
        title="Routines",
        version=version("routines"),
        description="Recurring work for AI agents: never loses or doubles a slot, and says why anything did not run.",
        openapi_url=None,  # its route would take any token
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,  # the same
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.authentication = authentication
    app.state.fire_batcher = fire_batcher
    app.state.fire_limiter = RateLimiter(fires_per_minute)
    app.state.database = database
    for module in (routines, triggers, companies, agents, issues, heartbeats, outlook, events, health):
        app.include_router(module.router, prefix="/api")
    app.add_api_route("/openapi.json", _document, dependencies=[Depends(for_anybody)], include_in_schema=False)
    app.add_exception_handler(RoutinesError, on_routines_error)
    app.add_exception_handler(ClientDisconnect, on_disconnect)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, on_fault)
    app.add_middleware(LocalCallersOnly, authentication=authentication)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def make_health_app(*, authentication: Authentication, database: Database, lifespan: Lifespan) -> FastAPI:
    """The application of a server that is no API: it only tells that it is there."""
    app = FastAPI(title="Routines", openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.authentication = authentication
    app.state.database = database
    app.include_router(health.router, prefix="/api")
    app.add_exception_handler(RoutinesError, on_routines_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_fault)
    app.add_middleware(LocalCallersOnly, authentication=authentication)
    return app


def _document(request: Request) -> Response:
    """What the service says of itself, to anybody who can reach it."""
    return JSONResponse(request.app.openapi())


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """A path that does not exist is told only to callers whose token, if they have one, is good."""
    if request.url.path.startswith("/api/") and not FIRE_PATH.fullmatch(request.url.path):
        authentication: Authentication = request.app.state.authentication
        try:
            await run_in_threadpool(authentication.caller, request)
        except RoutinesError as refusal:
            return error_response(refusal)
    response = on_http_exception(request, error)
    if response.status_code == NOT_ALLOWED and (methods := methods_at(request.app, request.url.path)):
        response.headers["Allow"] = ", ".join(methods)  # the framework tells of only one of a path's routes
    return response


class _Application(FastAPI):
    """Takes webhook deliveries straight to their route; the framework's way there costs a third of the rate."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a delivery, or pass any other request on."""
        delivery = FIRE_PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if delivery is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        request = Request(scope, receive, send)
        try:
            response = await triggers.fire_webhook(request, delivery[1])
        except ClientDisconnect as error:
            response = on_disconnect(request, error)
        except Exception as error:  # noqa: BLE001 - logged and answered as any other route's fault
            response = on_fault(request, error)
        await response(scope, receive, send)


class LocalCallersOnly:
    """In `local_trusted` mode keeps foreign web pages away from everything but the fire route."""

    def __init__(self, app: ASGIApp, authentication: Authentication) -> None:
        self._app = app
        self._authentication = authentication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        trusting = self._authentication.mode is AuthMode.LOCAL_TRUSTED
        if scope["type"] == "http" and trusting and not FIRE_PATH.fullmatch(scope["path"]):
            try:
                require_local_caller(Headers(scope=scope), self._authentication.public_url)
            except RoutinesError as error:
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
