"""A service in a process of its own, as an operator would start it, and calls to it over HTTP.

What is measured of it is in the file of each group.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import machine
from benchmarks.stores import Store

HOST = "127.0.0.1"
UNLIMITED = "1000000000"
ROUTINES = (str(Path(sys.executable).with_name("routines")), "serve")
ANSWER_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20


class Server:
    """`routines serve`, or another command that serves alike, on a database, from entering to leaving."""

    def __init__(
        self, store: Store, *, command: Sequence[str] = ROUTINES, clock_offset: float = 0, heartbeats: int = 10
    ) -> None:
        with socket.create_server((HOST, 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._command = command
        self._environment = {
            **os.environ,
            "ROUTINES_HOST": HOST,
            "ROUTINES_PORT": str(self.port),
            **store.environment,
            "ROUTINES_FIRE_RATE_PER_MINUTE": UNLIMITED,
            "ROUTINES_TEST_CLOCK_OFFSET_SECONDS": str(clock_offset),
            "ROUTINES_HEARTBEATS_AT_ONCE": str(heartbeats),
        }
        self.seconds_to_first_answer = 0.0

    def __enter__(self) -> Self:
        began = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self._command, env=self._environment, stderr=subprocess.DEVNULL
        )
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - began > ANSWER_SECONDS_MAX:
                raise RuntimeError(f"{' '.join(self._command)} did not come up")
            time.sleep(0.005)
        self.seconds_to_first_answer = time.perf_counter() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_SECONDS_MAX)

    @property
    def pid(self) -> int:
        """The process that serves."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """How long the process has run on a core since it started."""
        return machine.cpu_seconds(self.pid)

    def _answers(self) -> bool:
        try:
            Caller(self.port).call("GET", "/health")
        except OSError:
            return False
        return True


class Caller:
    """One keep-alive connection to a service."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS_MAX)

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON of a call's reply, which must be one of success."""
        content = self.raw(method, path, None if body is None else json.dumps(body))
        return json.loads(content)

    def raw(self, method: str, path: str, body: str | None = None) -> bytes:
        """The reply's bytes."""
        return self._send(method, f"/api{path}", body)

    def page(self, path: str) -> bytes:
        """The page at a path."""
        return self._send("GET", path, None)

    def _send(self, method: str, path: str, body: str | None) -> bytes:
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path} answered {response.status}: {content.decode()}")
        return content


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a webhook is sent, and its secret."""

    path: str
    secret: str


def webhooks(port: int, count: int, policy: str) -> list[Webhook]:
    """`count` routines with that concurrency policy, made over the API, each with a webhook signed by HMAC."""
    board = Caller(port)
    company = board.call("POST", "/companies", {"name": "Acme"})["id"]
    project = board.call("POST", f"/companies/{company}/projects", {"name": "Web"})["id"]
    agent = board.call("POST", f"/companies/{company}/agents", {"name": "Ada"})["id"]
    made = []
    for number in range(count):
        routine = {
            "title": f"Look at deploy {number}",
            "assigneeAgentId": agent,
            "projectId": project,
            "concurrencyPolicy": policy,
            "triggers": [{"kind": "webhook", "signingMode": "hmac_sha256"}],
        }
        material = board.call("POST", f"/companies/{company}/routines", routine)["secretMaterials"][0]
        made.append(Webhook(material["webhookUrl"].partition(f":{port}")[2], material["webhookSecret"]))
    return made
