"""Servers of a single test: they listen on this machine and answer each call as the test says, byte by byte.

What they are called by is the code under test; here nothing is asserted.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Self

POLL_SECONDS = 0.02
DRIPS_MAX = 300  # some six seconds, after which a test fails that would otherwise wait for ever
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller sent; header names are in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes


class Line:
    """One caller's connection."""

    def __init__(self, connection: socket.socket, closing: Event) -> None:
        self._connection = connection
        self._closing = closing

    def read(self) -> Request:
        """The whole request."""
        received = bytearray()
        while b"\r\n\r\n" not in received:
            received += self._connection.recv(65_536) or b"\r\n\r\n"
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        while len(body) < int(headers.get("content-length", "0")):
            body += self._connection.recv(65_536)
        return Request(line, headers, body)

    def hear(self) -> bytes:
        """The first bytes that come, whatever they are."""
        return self._connection.recv(65_536)

    def write(self, content: bytes) -> None:
        """Send all of it."""
        self._connection.sendall(content)

    def drip(self, content: bytes) -> None:
        """Send a piece again and again, with pauses, until the caller has gone, or should have long since."""
        for _ in range(DRIPS_MAX):
            if self._closing.wait(POLL_SECONDS):
                return
            self.write(content)


Script = Callable[[Line], None]


class Listener:
    """Answers calls one after the other by a script each, the last of which is for all that follow."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self._closing = Event()
        self.requests: list[Request] = []
        self.connections = 0
        self._socket = socket.create_server((LOOPBACK, 0))
        self._socket.settimeout(POLL_SECONDS)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{LOOPBACK}:{self.port}/wake"
        self._thread = Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                connection, _ = self._socket.accept()
                self.connections += 1
                script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                with suppress(OSError):  # the caller has gone
                    self._answer(connection, script)

    def _answer(self, connection: socket.socket, script: Script) -> None:
        with connection:
            connection.settimeout(10)
            if self._tls is None:
                script(_Noting(connection, self._closing, self.requests))
                return
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                script(_Noting(secured, self._closing, self.requests))


class _Noting(Line):
    def __init__(self, connection: socket.socket, closing: Event, requests: list[Request]) -> None:
        super().__init__(connection, closing)
        self._requests = requests

    def read(self) -> Request:
        request = super().read()
        self._requests.append(request)
        return request


def answering(status: int, content: object = b"", **headers: str) -> Script:
    """A script that answers with a status and a body, JSON unless it is bytes; `retry_after=` makes a header."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    fields = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    head = f"HTTP/1.1 {status} Said\r\n{''.join(fields)}Content-Length: {len(body)}\r\n\r\n"

    def script(line: Line) -> None:
        line.read()
        line.write(head.encode("latin-1") + body)

    return script


def hanging_up(line: Line) -> None:
    """A script that reads the call and closes without a word."""
    line.read()
