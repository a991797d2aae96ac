"""Server processes that are born in a moment: forked from one that has loaded the program, which takes two seconds.

They are processes as real as any other; what tests want of them is in `process`, what surrounds them in `machine`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Self

from support import machine

PROGRAM = ("routines.cli.main", "routines.cli.serving", "routines.storage.postgres.database")
TESTS = Path(__file__).parents[1]
POLL_SECONDS = 0.005


class Nursery:
    """Where servers are born, between `with` and its end; whoever lives then dies with it."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._answering = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.nursery"],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def bear(self, environment: Mapping[str, str], log: Path) -> Child:
        """A new server, as `routines serve` with that environment alone starts one."""
        return Child(self, self._ask({"environment": dict(environment), "log": str(log)}))

    def status_of(self, pid: int) -> int | None:
        """The exit status of a server, negative for a signal, or None while it lives."""
        status = self._ask({"pid": pid})
        return None if status is None else int(status)

    def _ask(self, question: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._answering:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class Child:
    """One of a nursery's servers, with what `subprocess.Popen` has for it."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None while it lives."""
        if self._status is None:
            self._status = self._nursery.status_of(self.pid)
        return self._status

    def send_signal(self, number: int) -> None:
        """A signal, unless it has ended."""
        if self._status is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended; raises `TimeoutError`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"server {self.pid} has not ended within {timeout} s")
            time.sleep(POLL_SECONDS)
        return status


def _main() -> None:
    """Load the program, then bear servers and tell of their ends until nobody asks any more."""
    for module in PROGRAM:
        import_module(module)
    ended: dict[int, int | None] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if (pid := question.get("pid")) is None:
            pid = _bear(question)
            ended[pid] = None  # whoever had that number before: numbers come again
        if ended[pid] is None:
            done, status = os.waitpid(pid, os.WNOHANG)
            ended[pid] = os.waitstatus_to_exitcode(status) if done else None
        print(json.dumps(ended[pid] if "pid" in question else pid), flush=True)  # noqa: T201 - the answer
    for pid, exit_status in ended.items():
        if exit_status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _bear(order: Mapping[str, Any]) -> int:
    """Fork; the child becomes a server and never returns."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.environ.clear()
        os.environ.update(order["environment"])
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number, replacement in ((0, nothing), (1, log), (2, log)):
            os.dup2(replacement, number)
        sys.argv = ["routines", "serve"]
        machine.surround()
        import_module("routines.cli.main").app(prog_name="routines")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody catches
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _main()
