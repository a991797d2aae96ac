"""How messages travel: over standard input and output for one agent, or over HTTP for many, each with its own token.

What the tools do is in `server`. Nothing but the protocol is written to standard output.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from ipaddress import ip_address

import anyio
import uvicorn
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from routines.client import AsyncClient, ConfigurationError
from routines.client.connection import Connection
from routines.core.addresses import is_loopback_name
from routines.core.limits import BODY_BYTES_MAX
from routines.mcp.server import Context, make_server

RETRIES = 2  # a model would rather be told soon than wait for a minute
PAUSES_SECONDS_MAX = 5.0  # of one call together, also where the service asks for more: then the model is told
MESSAGE_BYTES_MAX = 2 * BODY_BYTES_MAX  # the largest body that the service takes, with what JSON-RPC puts around it
REQUESTS_MAX = 500  # at a time; each is a call of the service, which does about as many in a second
SHUTDOWN_SECONDS_MAX = 8  # as the service's own
PATH = "/mcp"
UNAUTHORIZED = 401
METHOD_NOT_ALLOWED = 405
WHO_CALLS = "Send your key as `Authorization: Bearer …`; an agent's begins with pcp_"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


logger = logging.getLogger(__name__)


def serve_stdio() -> None:
    """Serve whoever started this program until it closes standard input, as the caller that the environment names.

    Raises `ConfigurationError` where it names none: in `local_trusted` a caller without a token would be the board.
    """
    client = AsyncClient(retries=RETRIES, pauses_seconds_max=PAUSES_SECONDS_MAX)
    if not client.connection.token:
        raise ConfigurationError(
            f"There is no key for {client.connection.base_url} in the environment; set ROUTINES_API_KEY to an "
            "agent's key (POST /api/agents/{id}/keys makes one), and ROUTINES_API_URL to the service's address"
        )
    _log_to_standard_error()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)  # nothing is in hand here, and a thread that reads cannot be interrupted
    anyio.run(_serve_stdio, client)


async def _serve_stdio(client: AsyncClient) -> None:
    server = make_server(lambda _: client)
    async with client, stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def serve_http(host: str, port: int, names: Sequence[str]) -> None:
    """Serve callers over HTTP until SIGTERM or SIGINT; `names` are further host names by which they call.

    Raises `ConfigurationError` for an address by which nobody could call.
    """
    app = http_app(AsyncClient(token="", retries=RETRIES, pauses_seconds_max=PAUSES_SECONDS_MAX), security(host, names))
    _log_to_standard_error()
    logger.info("Serving MCP at http://%s:%s%s", _bracketed(host), port, PATH)
    # uvicorn raises the signal again once it has shut down; this is where it then goes, so that the exit is clean.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: None)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=REQUESTS_MAX,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
    )


def _log_to_standard_error() -> None:
    """What goes wrong is told there, and what is served; standard output is the protocol's."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logger.setLevel(logging.INFO)


def http_app(client: AsyncClient, checks: TransportSecuritySettings) -> Starlette:
    """The application; `client` says where the service is, and each caller's own token says as whom it is called."""

    def caller_of(context: Context) -> AsyncClient:
        headers = Headers() if context.request is None else context.request.headers
        token = _bearer(headers)
        if not token:  # refused before this; it must never be sent as nobody's
            raise ConfigurationError(WHO_CALLS)
        caller = copy(client)  # its connections are shared, whoever calls
        run_id = headers.get("x-paperclip-run-id", "")
        caller.connection = Connection.chosen(client.connection.base_url, token, run_id, {})
        return caller

    manager = StreamableHTTPSessionManager(
        make_server(caller_of),
        json_response=True,
        stateless=True,
        security_settings=checks,
        max_request_body_size=MESSAGE_BYTES_MAX,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client, manager.run():
            yield

    return Starlette(routes=[Route(PATH, CallersOnly(manager.asgi_app))], lifespan=lifespan)


class CallersOnly:
    """Refuses with 401 whoever has no token, whom the service could take for the board, and takes only what is sent.

    A stream for what a server says unasked, and the end of a session, are for servers that have such.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if not _bearer(Headers(scope=scope)):
            refusal = JSONResponse({"error": WHO_CALLS}, UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
        elif scope["method"] != "POST":
            refusal = JSONResponse({"error": "Send messages with POST"}, METHOD_NOT_ALLOWED, {"Allow": "POST"})
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def security(host: str, names: Sequence[str]) -> TransportSecuritySettings:
    """The `Host` and `Origin` headers that are let in: of this machine, of the address itself, and the names given."""
    own = () if is_loopback_name(_bracketed(host)) or _is_any(host) else (_bracketed(host),)
    if _is_any(host) and not names:
        raise ConfigurationError(
            f"{host} is every address of this machine, and none by which it is called; say by which name with --name"
        )
    known = [*LOOPBACK_NAMES, *own, *names]
    hosts = [form for name in known for form in (name, f"{name}:*")]
    return TransportSecuritySettings(
        allowed_hosts=hosts, allowed_origins=[f"{scheme}://{form}" for scheme in ("http", "https") for form in hosts]
    )


def _bearer(headers: Headers) -> str:
    """The token of a request; empty if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False
