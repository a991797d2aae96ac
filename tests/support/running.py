"""Processes as tests use them: started by a few words, read until something is true, and never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from routines.heartbeat.processes import Ended, Output, Processes, Start

SECONDS_MAX = 20
"""For anything that happens in milliseconds unless the machine is very busy."""

PYTHON = (sys.executable, "-I", "-S", "-c")

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")

FAMILY = """
import os, sys, time

def tell(name):
    os.write(1, b"%s %d\\n" % (name.encode(), os.getpid()))

tell("main")
os.write(1, b"warden %d\\n" % os.getppid())
if os.fork() == 0:
    tell("child")
    if os.fork() == 0:
        tell("grandchild")
    time.sleep(600)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        tell("daemon")
        if os.fork() == 0:
            os.setsid()
            tell("nameless")
            for file in range(3):
                os.close(file)
            os.execve("/bin/sleep", ["sleep", "600"], {})
        for file in range(3):
            os.close(file)
        time.sleep(600)
    os._exit(0)
"""
"""A program with a child, a grandchild, and a daemon (two forks, a session of its own) whose own child has yet another
session and no environment; each tells its number. What it does itself comes after."""

FAMILY_MEMBERS = 6


class Monotonic:
    """A clock that stands until it is told."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


class Finished(NamedTuple):
    """All that is known of a run: what it wrote, and its end."""

    stdout: bytes
    stderr: bytes
    ended: Ended


class Running:
    """The processes of one test."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.processes = Processes(monotonic)
        self.events: list[Output | Ended] = []

    def start(
        self,
        *command: str,
        run_id: str = "run",
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        folder: Path = Path("/"),
        timeout_seconds: float = 600,
        grace_seconds: float = 60,
    ) -> None:
        """Start a run."""
        seen = {"PATH": os.environ["PATH"], "PAPERCLIP_RUN_ID": run_id} if environment is None else environment
        self.processes.start(Start(run_id, command, folder, seen, stdin, timeout_seconds, grace_seconds))

    def wait(self) -> list[Output | Ended]:
        """Wait once, for a short while."""
        new = self.processes.wait(0.05)
        self.events += new
        return new

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + SECONDS_MAX
        while not condition():
            assert time.monotonic() < deadline, f"it does not happen; so far {self.events[-20:]}"
            self.wait()

    def stdout(self, run_id: str = "run") -> bytes:
        """What a run has written so far."""
        return self._written(run_id, "stdout")

    def ended(self, run_id: str = "run") -> Ended | None:
        """The end of a run, if it has been told."""
        ends = [each for each in self.events if isinstance(each, Ended) and each.run_id == run_id]
        assert len(ends) <= 1
        return ends[0] if ends else None

    def finish(self, run_id: str = "run") -> Finished:
        """Wait for the end of a run."""
        self.until(lambda: self.ended(run_id) is not None)
        ended = self.ended(run_id)
        assert ended is not None
        assert run_id not in self.processes.running
        last = [each for each in self.events if each.run_id == run_id][-1]
        assert last == ended, "nothing is told of a run after its end"
        return Finished(self.stdout(run_id), self._written(run_id, "stderr"), ended)

    def run(self, *command: str, **how: object) -> Finished:
        """Start a run and wait for its end."""
        self.start(*command, **how)  # type: ignore[arg-type]
        return self.finish()

    def family(self, then: str, run_id: str = "run") -> dict[str, int]:
        """Start a run with all kinds of descendants; the number of each once all are there."""
        self.start(*PYTHON, FAMILY + then, run_id=run_id)
        self.until(lambda: self.stdout(run_id).count(b"\n") >= FAMILY_MEMBERS)
        return members(self.stdout(run_id))

    def _written(self, run_id: str, stream: str) -> bytes:
        outputs = (each for each in self.events if isinstance(each, Output))
        return b"".join(each.content for each in outputs if each.run_id == run_id and each.stream == stream)


def members(told: bytes) -> dict[str, int]:
    """The numbers that a family has told."""
    pairs = (line.split() for line in told.decode().splitlines())
    return {name: int(number) for name, number in pairs}


@contextmanager
def running(monotonic: Callable[[], float] = time.monotonic) -> Iterator[Running]:
    """Processes that end with a test."""
    made = Running(monotonic)
    try:
        yield made
    finally:
        made.processes.close()


def status_of(process: int) -> str | None:
    """The letter that the system shows for a process; None if there is none of this number."""
    return _ps("-o", "stat=", "-p", str(process)).strip()[:1] or None


def is_gone(process: int) -> bool:
    """Whether a process has ended; its number may be there until whoever adopted it looks."""
    return status_of(process) in {None, "Z"}


def wait_until_gone(*processes: int, seconds: float = SECONDS_MAX) -> None:
    """Return when all of them have ended."""
    deadline = time.monotonic() + seconds
    while left := [each for each in processes if not is_gone(each)]:
        assert time.monotonic() < deadline, f"{left} live on"
        time.sleep(0.01)


def parent_of(process: int) -> int:
    """The process that has started or adopted this one."""
    return int(_ps("-o", "ppid=", "-p", str(process)))


def children_of(process: int) -> dict[int, str]:
    """The processes whose parent is this one, ended ones too until it looks; each with its command."""
    lines = (line.split(maxsplit=2) for line in _ps("-A", "-o", "pid=,ppid=,args=").splitlines())
    return {int(child): command for child, parent, command in lines if int(parent) == process}


def keepers() -> list[int]:
    """The keepers of this process, and whatever else has ended and was not waited for."""
    told = children_of(os.getpid()).items()
    return [child for child, command in told if "keeper.py" in command or "<defunct>" in command]


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", "-ww", *arguments], check=False, capture_output=True, text=True).stdout  # noqa: S603, S607
