"""A server in the test's process that many threads call at once, with as little as possible between them and it.

Tests that ask for one thing after the other use `service`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

from routines.wiring import Server

Message = MutableMapping[str, Any]
Request = tuple[str, str, Any]
"""Method, path below `/api`, and body."""


@dataclass(frozen=True)
class Reply:
    """What a call came to."""

    request: Request
    status: int
    json: Any


class DirectCalls:
    """Calls into a server's application, made in an event loop that runs until `close`."""

    def __init__(self, server: Server) -> None:
        self._app = server.app
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="direct-calls", daemon=True)
        self._thread.start()

    def together(self, requests: Sequence[Request]) -> list[Reply]:
        """The replies to requests that are all sent at once."""

        async def all_of_them() -> list[Reply]:
            return list(await asyncio.gather(*map(self._reply, requests)))

        return asyncio.run_coroutine_threadsafe(all_of_them(), self._loop).result(timeout=60)

    def made(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a call that must succeed."""
        (reply,) = self.together([(method, path, body)])
        assert reply.status < 300, reply
        return reply.json

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _reply(self, request: Request) -> Reply:
        method, path, body = request
        target, _, query = f"/api{path}".partition("?")
        headers = [(b"host", b"127.0.0.1:3100"), (b"content-type", b"application/json")]
        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": target,
            "raw_path": target.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 3100),
        }
        content = b"" if body is None else json.dumps(body).encode()
        unread = [{"type": "http.request", "body": content, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return unread.pop() if unread else await asyncio.Event().wait() and {}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        written = b"".join(message.get("body", b"") for message in sent)
        return Reply(request, sent[0]["status"], json.loads(written) if written else None)
