"""The machine around a server process, as far as a test turns it: its wall clock, and how much fits on its disk.

A test writes what it wants into a file; a thread of the server's process sees to it within a moment. No module of the
service knows of this.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread

MACHINE_FILE = "TEST_MACHINE_FILE"
"""The environment variable that names the file."""
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Machine:
    """How a machine differs from the one on which it is simulated."""

    clock_ahead_seconds: float = 0.0
    file_bytes_max: int | None = None
    """The size beyond which no file grows; what is written past it fails, as on a full disk."""

    def write(self, path: Path) -> None:
        """Have the server's machine be so from now on."""
        whole = path.with_suffix(".new")
        whole.write_text(json.dumps(asdict(self)))
        whole.replace(path)


def surround() -> None:
    """Begin to simulate, if the environment names a machine: called in the server's process before the program."""
    name = os.environ.get(MACHINE_FILE)
    if name is None:
        return
    machine = _Simulated(Path(name))
    machine.look()
    time.time = machine.clock
    Thread(target=machine.go_on_looking, name="test-machine", daemon=True).start()


class _Simulated:
    """What the file says, made true in this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: int | None = None
        self._ahead = 0.0
        self._real_clock: Callable[[], float] = time.time

    def clock(self) -> float:
        """In place of `time.time`."""
        return self._real_clock() + self._ahead

    def look(self) -> None:
        """Do what the file says, if it says anything new."""
        changed_at = self._path.stat().st_mtime_ns
        if changed_at == self._read_at:
            return
        self._read_at = changed_at
        wanted = Machine(**json.loads(self._path.read_text()))
        self._ahead = wanted.clock_ahead_seconds
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        soft = hard if wanted.file_bytes_max is None else wanted.file_bytes_max
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def go_on_looking(self) -> None:
        """Look until the process ends."""
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()
