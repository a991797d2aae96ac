"""A server as a real process, for promises about starting, stopping and being killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

START_SECONDS_MAX = 20


class ServerProcess:
    """`routines serve` on a free port and a given data folder."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROUTINES_")},
            "ROUTINES_DATA_DIR": str(data_dir),
            "ROUTINES_PORT": str(self.port),
            **environment,
        }
        self.process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        log = (self.data_dir.parent / "server.log").open("ab")
        with log:
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
                assert self.process.poll() is None, "the server has ended: see its log"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.02)
            else:
                return

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A call below `/api` and the JSON of its reply; raises `URLError` for a refusal or a lost connection."""
        request = Request(  # noqa: S310 - our own server
            f"{self.url}/api{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        with urlopen(request, timeout=30) as response:  # noqa: S310 - our own server
            content = response.read()
            return json.loads(content) if content else None

    def kill(self) -> None:
        """`kill -9`, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start again on the same data folder and port."""
        self.process = self._spawn()
        self.wait_until_up()

    def terminate(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
