"""Sends signed webhooks from a process of its own, as fast as they are answered or at a steady rate.

It reads what to send from one JSON file and writes what it saw to another. Everything is signed before the first
byte is sent, so that little else than sockets is its work.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.serving import HOST, Webhook
from routines.core.signing import sign_hmac_sha256

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """`count` webhooks over `connections`; with a `rate` that many a second, else as fast as they are answered.

    `clock_offset` is how far the server's clock is ahead of this machine's, in seconds.
    """

    port: int
    webhooks: Sequence[Webhook]
    connections: int
    count: int
    rate: float | None = None
    clock_offset: float = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """When each webhook was due to be sent (Unix seconds) and how long it then waited for its answer."""

    statuses: dict[str, int]
    due_at: list[float]
    waits: list[float]
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Webhooks answered a second."""
        return len(self.waits) / self.seconds


def send(load: Load) -> Seen:
    """Carry out a load in a process of its own."""
    return start(load)()


def start(load: Load) -> _Pending:
    """Begin a load in a process of its own; calling the result waits for its end."""
    return _Pending(load)


class _Pending:
    def __init__(self, load: Load) -> None:
        self._folder = tempfile.TemporaryDirectory()
        wanted, self._seen = (Path(self._folder.name) / name for name in ("load.json", "seen.json"))
        wanted.write_text(json.dumps(asdict(load)), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.webhook_load", str(wanted), str(self._seen)]
        self._process = subprocess.Popen(command)  # noqa: S603 - our own command

    def __call__(self) -> Seen:
        with self._folder:
            if self._process.wait() != 0:
                raise RuntimeError("The load broke off")
            seen = Seen(**json.loads(self._seen.read_text(encoding="utf-8")))
        unexpected = {status: count for status, count in seen.statuses.items() if status != "202"}
        if unexpected:
            raise RuntimeError(f"Webhooks were answered {unexpected}")
        return seen


class _Sender:
    """Hands requests to idle connections and notes how they were answered."""

    def __init__(self, requests: list[bytes], rate: float | None) -> None:
        self.statuses: Counter[str] = Counter()
        self.due_at: list[float] = []
        self.waits: list[float] = []
        self._requests = iter(requests)
        self._total = len(requests)
        self._rate = rate
        self._due: deque[tuple[float, bytes]] = deque()
        self._idle: deque[_Connection] = deque()
        self._finished = asyncio.Event()

    async def run(self, connections: list[_Connection]) -> None:
        """Send everything and return once everything is answered."""
        if self._rate is None:
            for connection in connections:
                self.take(connection)
        else:
            self._idle.extend(connections)
            began = time.time()
            for number in range(self._total):
                due = began + number / self._rate
                await asyncio.sleep(max(0, due - time.time()))
                self._due.append((due, next(self._requests)))
                self._send_due()
        await self._finished.wait()

    def answered(self, connection: _Connection, status: str, due: float) -> None:
        """Note an answer and give its connection more to do."""
        self.statuses[status] += 1
        self.due_at.append(due)
        self.waits.append(time.time() - due)
        if len(self.waits) == self._total:
            self._finished.set()
        elif self._rate is None:
            self.take(connection)
        else:
            self._idle.append(connection)
            self._send_due()

    def take(self, connection: _Connection) -> None:
        """Send the next request at once, if there is one."""
        request = next(self._requests, None)
        if request is not None:
            connection.send(request, time.time())

    def _send_due(self) -> None:
        while self._due and self._idle:
            due, request = self._due.popleft()
            self._idle.popleft().send(request, due)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    sender: _Sender

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # what TCP gives, though uvloop's is none by descent
        self._buffer = b""
        self._due = 0.0

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(HEAD_END)
        if head_end < 0:
            return
        length_at = self._buffer.index(LENGTH) + len(LENGTH)
        length = int(self._buffer[length_at : self._buffer.index(b"\r", length_at)])
        if len(self._buffer) >= head_end + len(HEAD_END) + length:
            status = self._buffer[9:12].decode()
            self._buffer = b""
            self.sender.answered(self, status, self._due)


def _requests(load: Load) -> list[bytes]:
    """Every request as its bytes on the wire, no two alike."""
    at = int(time.time() + load.clock_offset)
    load_id = secrets.token_hex(8)  # two loads within a second would else be replays of each other
    made = []
    for number in range(load.count):
        webhook = load.webhooks[number % len(load.webhooks)]
        body = json.dumps({"event": "deploy.finished", "service": "web", "pipeline": load_id, "build": number})
        signed = sign_hmac_sha256(webhook.secret, body.encode(), at)
        lines = [
            f"POST {webhook.path} HTTP/1.1",
            f"Host: {HOST}:{load.port}",
            "User-Agent: deployer/1.4",
            "Accept: */*",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in signed.items()),
        ]
        made.append(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    return made


async def _carry_out(load: Load) -> Seen:
    loop = asyncio.get_running_loop()
    sender = _Sender(_requests(load), load.rate)
    connections = []
    for _ in range(load.connections):
        _, connection = await loop.create_connection(_Connection, HOST, load.port)
        connection.sender = sender
        connections.append(connection)
    began, cpu_began = time.perf_counter(), time.process_time()
    await sender.run(connections)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Seen(dict(sender.statuses), sender.due_at, sender.waits, seconds, cpu_seconds)


def _main(wanted: Path, seen: Path) -> None:
    fields = json.loads(wanted.read_text(encoding="utf-8"))
    load = Load(**{**fields, "webhooks": [Webhook(**each) for each in fields["webhooks"]]})
    seen.write_text(json.dumps(asdict(uvloop.run(_carry_out(load)))), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
