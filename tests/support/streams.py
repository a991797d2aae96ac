"""Event streams as a client sees them, and services that run by a real clock and hear of changes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import MutableMapping
from threading import Condition, Event, Thread
from typing import Any, NamedTuple

from routines.settings import Settings
from routines.storage.database import Notices, ignore
from routines.wiring import Server
from support.service import Caller, Service

SECONDS_MAX = 20
"""For what happens in milliseconds unless the machine is very busy."""


class Received(NamedTuple):
    """One message."""

    id: str
    data: dict[str, Any]


class LiveService(Service):
    """A service whose clock is the database's, and which hears of changes."""

    is_deaf = False

    def _make(self, settings: Settings) -> Server:
        server = Server(settings)
        if not self.is_deaf:
            server.database.watch(Notices(slot=lambda _: None, wake_up=ignore, changes=server.events.notice))
        return server


class DeafService(LiveService):
    """One that neither hears of changes nor tells of its own."""

    is_deaf = True


class Stream:
    """A stream of a company's events, read from when it is made until `close`; `stalls` makes a client that is slow."""

    def __init__(
        self,
        service: Service,
        company_id: str,
        query: str = "",
        *,
        caller: Caller | None = None,
        stalls: bool = False,
        **headers: str,
    ) -> None:
        self._app = service.server.app
        self._path = f"/api/companies/{company_id}/events"
        self._query = query
        token = (caller or service.board).token
        self._headers = {"host": "127.0.0.1:3100", **({"authorization": f"Bearer {token}"} if token else {})}
        self._headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._stalls = stalls
        self._changed = Condition()
        self._left = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self.start: MutableMapping[str, Any] = {}
        self.text = ""
        self.is_over = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        self.until(lambda: bool(self.start))
        if self.status == 200 and not stalls:
            self.until(lambda: "\n\n" in self.text)

    @property
    def status(self) -> int:
        """The status of the reply."""
        return int(self.start["status"])

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the reply."""
        return {name.decode(): value.decode() for name, value in self.start["headers"]}

    @property
    def messages(self) -> list[Received]:
        """What was received so far."""
        found = []
        for block in self.text.split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in fields:
                assert fields.keys() == {"id", "data"}
                found.append(Received(fields["id"], json.loads(fields["data"])))
        return found

    @property
    def actions(self) -> list[str]:
        """What the messages tell of."""
        return [message.data["action"] for message in self.messages]

    def until(self, condition: Any, seconds: float = SECONDS_MAX) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, f"it does not happen; so far {self.start} {self.text[-2000:]}"
                self._changed.wait(0.02)

    def wait_for(self, count: int, seconds: float = SECONDS_MAX) -> list[Received]:
        """The messages, once there are so many."""
        self.until(lambda: len(self.messages) >= count, seconds)
        return self.messages

    def close(self) -> None:
        """Go away."""
        if not self.is_over.is_set():
            self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join(SECONDS_MAX)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self._loop.run_until_complete(self._call())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _call(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "root_path": "",
            "query_string": self._query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in self._headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 3100),
        }
        unread = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if unread:
                return unread.pop()
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if self._stalls and message["type"] == "http.response.body":
                await self._left.wait()
            with self._changed:
                if message["type"] == "http.response.start":
                    self.start = message
                self.text += message.get("body", b"").decode()
                self._changed.notify_all()

        await self._app(scope, receive, send)
        self.is_over.set()
