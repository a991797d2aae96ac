"""The wardens of a worker, which run its child processes: appointed by its keeper, and kept for further orders.

What is ordered, and what becomes of it, is not known here; what happens in a warden is in `keeper`.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routines.heartbeat import keeper

_IDLE_WARDENS_MAX = 16  # 2 MB each, so that as many as run at once have a warden that is there already
_SEND_SECONDS_MAX = 5.0  # an order is taken in a millisecond, or when the keeper has started
_TOLD_BYTES_MAX = 64 * 1024  # at once; what a warden says of a run is some hundred bytes
_KEEPER_PROGRAM = str(Path(keeper.__file__).resolve())
_KEEPER_NEEDS = ("DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
"""What Python itself may need; the rest of the worker's environment is not for a process that agents have as parent."""


@dataclass(eq=False, slots=True)
class Warden:
    """A warden as its worker knows it."""

    line: socket.socket
    keeper: _Keeper
    _told: bytearray = field(default_factory=bytearray)

    def ask(self, what: bytes) -> None:
        """Ask it to end what it runs."""
        with suppress(OSError):  # it has died, and the news of it are on their way
            self.line.send(what)

    def hear(self) -> bool:
        """Take up what it says; false if it has died."""
        try:
            told = self.line.recv(_TOLD_BYTES_MAX)
        except ConnectionResetError:  # and before it had read what it was asked
            return False
        self._told += told
        return bool(told)

    def complete(self) -> Iterator[dict[str, Any]]:
        """Each thing that it has said entirely."""
        while (end := self._told.find(b"\n")) >= 0:
            said: dict[str, Any] = json.loads(self._told[:end])
            del self._told[: end + 1]
            yield said


class Wardens:
    """All that a worker has, registered with its selector: each warden as itself, their keeper as anything else."""

    def __init__(self, selector: selectors.BaseSelector, silence_seconds: float) -> None:
        self._selector = selector
        self._silence_seconds = silence_seconds
        self._keeper: _Keeper | None = None
        self._idle: list[Warden] = []

    def order(self, order: bytes, files: Sequence[int]) -> Warden:
        """The warden that has taken an order: an idle one, or a new one; raises OSError if none takes it."""
        while self._idle:
            warden = self._idle.pop()
            if self._is_taken(warden, order, files):
                return warden
        warden = self._new_warden()
        if not self._is_taken(warden, order, files):
            raise OSError("Its keeper has died")
        return warden

    def _is_taken(self, warden: Warden, order: bytes, files: Sequence[int]) -> bool:
        """Hand a warden an order; false if it has died, and whatever it had of the order with it."""
        try:
            _send(warden.line, order, files)
        except ConnectionError:
            self.dismiss(warden)
            return False
        except TimeoutError:
            self.dismiss(warden)
            self.dismiss_keeper()
            raise OSError(f"Its keeper has taken no order within {_SEND_SECONDS_MAX:.0f} s") from None
        return True

    def _new_warden(self) -> Warden:
        """A warden of the keeper; of a new one, if there is none or it has died."""
        line, theirs = socket.socketpair()
        with theirs, ExitStack() as unless_appointed:
            unless_appointed.enter_context(line)
            line.settimeout(_SEND_SECONDS_MAX)
            if self._keeper is not None:
                try:
                    _send(self._keeper.line, keeper.APPOINT, [theirs.fileno()])
                except OSError:
                    self.dismiss_keeper()
            if self._keeper is None:
                self._keeper = _Keeper(self._silence_seconds)
                self._selector.register(self._keeper.line, selectors.EVENT_READ, self._keeper)
                _send(self._keeper.line, keeper.APPOINT, [theirs.fileno()])
            unless_appointed.pop_all()
        warden = Warden(line, self._keeper)
        self._selector.register(line, selectors.EVENT_READ, warden)
        return warden

    def say_alive(self) -> None:
        """Tell the keeper that there is still somebody to keep for."""
        if self._keeper is not None:
            with suppress(OSError):  # it has died, which the next order notices
                self._keeper.line.send(keeper.ALIVE)

    def dismiss_keeper(self, *, patience_seconds: float = 0) -> None:
        """Let go of a keeper that has died, or end one, which is given so long; its wardens end with what they run."""
        while self._idle:  # without a keeper, nobody is left to end what a warden leaves when it dies
            self.dismiss(self._idle[-1])
        if self._keeper is not None:
            self._selector.unregister(self._keeper.line)
            self._keeper.dismiss(patience_seconds)
            self._keeper = None

    def dismiss(self, warden: Warden) -> None:
        """Let go of a warden; if it runs something, it kills that."""
        if warden in self._idle:
            self._idle.remove(warden)
        self._selector.unregister(warden.line)
        warden.line.close()

    def release(self, warden: Warden, *, is_last: bool) -> None:
        """Keep a warden for the next order, if it may have one."""
        if is_last or warden.keeper is not self._keeper or len(self._idle) >= _IDLE_WARDENS_MAX:
            self.dismiss(warden)
        else:
            self._idle.append(warden)


class _Keeper:
    """The keeper as its worker knows it: a process, and the line to it."""

    def __init__(self, silence_seconds: float) -> None:
        self.line, theirs = socket.socketpair()
        with theirs, ExitStack() as unless_started:
            unless_started.enter_context(self.line)
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", _KEEPER_PROGRAM, str(theirs.fileno()), str(silence_seconds)],
                env={name: os.environ[name] for name in _KEEPER_NEEDS if name in os.environ},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            unless_started.pop_all()
        self.line.settimeout(_SEND_SECONDS_MAX)

    def dismiss(self, patience_seconds: float) -> None:
        """Let it end its work, and it; return when it is gone."""
        self.line.close()
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _send(line: socket.socket, content: bytes, files: Sequence[int]) -> None:
    sent = socket.send_fds(line, [content], files)
    if sent < len(content):
        line.sendall(memoryview(content)[sent:])
