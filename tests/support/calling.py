"""How a request gets to an application in the test's own process, and what it answers.

The clients of the frameworks hand each request from thread to thread eight times, which takes longer than to answer it.
Here the test's thread runs the application itself, handlers and all. What other threads send at the same moment goes
through one event loop and its threads, as it does in a server.
"""

from __future__ import annotations

import asyncio
import atexit
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio.to_thread
import httpx2
import requests
import urllib3
from anyio.from_thread import BlockingPortal, start_blocking_portal
from schemathesis.python.asgi import ASGIClient
from starlette.types import ASGIApp, Message, Scope

CLIENT = ("testclient", 50000)
PORTS = {"http": 80, "https": 443}
Header = tuple[bytes, bytes]


@dataclass
class Answer:
    """What an application sent; status 500 and nothing more if it broke before it did."""

    status: int = 500
    headers: Sequence[Header] = ()
    body: bytearray = field(default_factory=bytearray)


def send(app: ASGIApp, method: str, url: str, headers: Sequence[Header], body: bytes) -> Answer:
    """Have an application answer a request."""
    parts = urlsplit(url)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "server": (parts.hostname, parts.port or PORTS[parts.scheme]),
        "client": CLIENT,
        "root_path": "",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.lower(), value) for name, value in headers],
        "state": {},
    }
    if threading.current_thread() is threading.main_thread():
        with taken_as_running(None):
            return _own_loop().run(_answer(app, scope, body))
    return _loop_for_threads().call(_answer, app, scope, body)


@contextmanager
def taken_as_running(loop: asyncio.AbstractEventLoop | None) -> Iterator[None]:
    """Have this thread take a loop, or none, for the one that runs in it, until the end of the block.

    A browser's driver, too, has a loop in the test's thread; it is marked as running between the driver's calls, while
    it stands, and no other could run then.
    """
    before = asyncio._get_running_loop()  # noqa: SLF001 - the driver does the same
    asyncio._set_running_loop(loop)  # noqa: SLF001 - the same
    try:
        yield
    finally:
        asyncio._set_running_loop(before)  # noqa: SLF001 - the same


async def _answer(app: ASGIApp, scope: Scope, body: bytes) -> Answer:
    answer = Answer()
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    complete = asyncio.Event()

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await complete.wait()
        return {"type": "http.disconnect"}

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
            if not message.get("more_body", False):
                complete.set()

    try:
        await app(scope, receive, take)
    except Exception:  # noqa: BLE001 - it has answered with 500 and raises for the server's log
        answer.status = 500
    return answer


@cache
def _own_loop() -> asyncio.Runner:
    """The event loop of the test's thread."""
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


@cache
def _loop_for_threads() -> BlockingPortal:
    """The event loop, with threads of its own, that all other threads share."""
    running = start_blocking_portal()
    portal = running.__enter__()
    atexit.register(running.__exit__, None, None, None)
    return portal


_run_in_a_thread = anyio.to_thread.run_sync


async def _run_sync(function: Callable[..., Any], *arguments: Any, **how: Any) -> Any:
    if threading.current_thread() is threading.main_thread():
        return function(*arguments)
    return await _run_in_a_thread(function, *arguments, **how)


anyio.to_thread.run_sync = _run_sync  # type: ignore[assignment]  # handlers in the test's thread: nobody else waits for its event loop


class Transport(httpx2.BaseTransport):
    """Takes the requests of an httpx client to an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Its answer."""
        answer = send(self._app, request.method, str(request.url), request.headers.raw, request.read())
        return httpx2.Response(answer.status, headers=list(answer.headers), content=bytes(answer.body))


class Session(ASGIClient):
    """Takes the requests of schemathesis to an application; it is one of its own, for it would make another."""

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        super().__init__(app, base_url)  # type: ignore[arg-type]  # it asks for dicts where the standard has mappings
        self.trust_env = False
        self.mount("http://", _Adapter(app))


class _Adapter(requests.adapters.HTTPAdapter):
    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        headers = [(_latin_1(name), _latin_1(value)) for name, value in request.headers.items()]
        url, body = request.url or "", request.body or b""
        if "host" not in request.headers:
            headers.insert(0, (b"host", urlsplit(url).netloc.encode()))
        assert isinstance(body, str | bytes), "no file is sent"
        answer = send(self._app, request.method or "", url, headers, body.encode() if isinstance(body, str) else body)
        raw = urllib3.HTTPResponse(
            status=answer.status,
            headers=urllib3.HTTPHeaderDict(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
            ),
            body=io.BytesIO(answer.body),
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)


def _latin_1(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
