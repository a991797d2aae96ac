"""A server as a real process, for promises about starting, stopping and being killed."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from support.nursery import Child, Nursery

START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 10
PORTS = range(12_000, 32_000)
"""Below those that a system gives to outgoing connections, one of which would take a killed server's port."""


class ServerProcess:
    """`routines serve` on a free port and a given data folder; from a nursery, if one is given, it is there at once."""

    def __init__(self, data_dir: Path, *, nursery: Nursery | None = None, **environment: str) -> None:
        self.data_dir = data_dir
        self.log_file = data_dir.parent / "server.log"
        self._nursery = nursery
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROUTINES_")},
            "ROUTINES_DATA_DIR": str(data_dir),
            "ROUTINES_PORT": str(self.port),
            **environment,
        }
        self.process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes] | Child:
        if self._nursery is not None:
            return self._nursery.bear(self._environment, self.log_file)
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "routines", "serve"], env=self._environment, stdout=log, stderr=log
            )

    def wait_until_up(self) -> None:
        """Return once the server answers."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.call("GET", "/health")
            except (URLError, ConnectionError):
                ended = self.process.poll()
                assert ended is None, f"the server has ended with {ended}: {self._last_words()}"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.02)
            else:
                return

    def _last_words(self) -> str:
        return self.log_file.read_text(errors="replace")[-2_000:]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A call below `/api` and the JSON of its reply; raises `URLError` for a refusal or a lost connection."""
        request = Request(  # noqa: S310 - our own server
            f"{self.url}/api{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        with urlopen(request, timeout=30) as response:  # noqa: S310 - our own server
            try:
                content = response.read()
            except HTTPException as cut_off:
                raise ConnectionError("The reply ends in the middle") from cut_off
            return json.loads(content) if content else None

    def kill(self) -> None:
        """`kill -9`, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start again on the same data folder and port."""
        self.begin_restart()
        self.wait_until_up()

    def begin_restart(self) -> None:
        """Start again without waiting until it answers."""
        self.process = self._spawn()

    def freeze(self) -> None:
        """SIGSTOP: it does nothing any more, and lets go of nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> int:
        """SIGTERM, and the exit status; it must have ended in time."""
        self.begin_end()
        return self.wait_for_end()

    def begin_end(self) -> None:
        """SIGTERM, without waiting."""
        self.process.send_signal(signal.SIGTERM)

    def wait_for_end(self) -> int:
        """The exit status; it must have ended in time."""
        return self.process.wait(timeout=STOP_SECONDS_MAX)

    def log(self) -> str:
        """What it has said, since it was first started."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """A port on which nothing listens, and which no outgoing connection is given."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
