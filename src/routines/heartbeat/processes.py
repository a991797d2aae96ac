"""The child processes of a worker: started, read, ended in time, and gone when the worker is.

What is run, and what its output means, is not known here; who starts it, and ends what it leaves, is in `keeper`.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from routines.heartbeat import keeper
from routines.heartbeat.wardens import Warden, Wardens

Stream = Literal["stdout", "stderr"]
NOT_STARTED = "It could not be started: "
"""How the error of a run begins that never ran; another error says that nobody knows how it ended."""

_STREAMS: tuple[Stream, ...] = ("stdout", "stderr")
_READ_BYTES_MAX = 64 * 1024  # what a pipe holds
_READS_PER_WAIT_MAX = 16  # 1 MiB in memory, and some milliseconds before anything else gets its turn
_ENDS_PER_WAIT_MAX = 16  # each leaves two pipes to be emptied, of 64 KiB unless the child has enlarged them
_REST_READS_MAX = 16  # 1 MiB, the largest pipe; what comes on top is written by somebody who has escaped
_KILLED_SECONDS_MAX = 10.0  # SIGKILL takes effect at once, unless the process is stuck in the system
_CLOSE_SECONDS_MAX = 10.0  # longer than a keeper waits for what it has killed
_DIED = "The keeper of its processes has died"


class Start(NamedTuple):
    """What is to run; `run_id` names it from then on, and the environment is all that it sees of one.

    After `timeout_seconds` it is told to end, and `grace_seconds` later it is killed.
    """

    run_id: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    stdin: bytes
    timeout_seconds: float
    grace_seconds: float


class Output(NamedTuple):
    """Something that a run has written, as it was written; it may break off within a character."""

    run_id: str
    stream: Stream
    content: bytes


class Ended(NamedTuple):
    """The last of a run: how its command ended, by itself or by a signal; or the error for which nobody knows."""

    run_id: str
    exit_code: int | None = None
    signal: str | None = None
    error: str | None = None
    timed_out: bool = False


class _Stage(Enum):
    """How far a run has been brought to its end; what follows is due at an instant that the run knows."""

    RUNNING = auto()
    TERMINATED = auto()
    KILLED = auto()


@dataclass(eq=False, slots=True)
class _Pipe:
    run: _Run
    stream: Stream
    file: int
    read_at: int = 0  # the number of the wait in which it was read last


@dataclass(eq=False, slots=True)
class _Run:
    run_id: str
    grace_seconds: float
    due_at: float
    warden: Warden
    stage: _Stage = _Stage.RUNNING
    timed_out: bool = False
    group: int | None = None  # once its warden has told
    pipes: list[_Pipe] = field(default_factory=list)


class Processes:
    """Runs commands until they end or are ended, and leaves nothing of them behind.

    Everything is called by one thread, but for `ring`. A run is over when its command is: what that started and left
    is killed then, whatever group or session it moved to (elsewhere than on Linux only its group). If the process that
    owns this dies in any way, all that it runs is killed at once; so it is when that process was frozen, and has not
    called `say_alive` for `silence_seconds`, if these are given.
    """

    def __init__(self, monotonic: Callable[[], float], *, silence_seconds: float = 0) -> None:
        self._monotonic = monotonic
        self._selector = selectors.DefaultSelector()
        self._rung, self._ringing = socket.socketpair()
        self._rung.setblocking(False)
        self._ringing.setblocking(False)
        self._selector.register(self._rung, selectors.EVENT_READ)
        self._wardens = Wardens(self._selector, silence_seconds)
        self._runs: dict[str, _Run] = {}
        self._run_of: dict[Warden, _Run] = {}
        self._failed: deque[Ended] = deque()
        self._waits = 0

    @property
    def running(self) -> frozenset[str]:
        """The runs that were started and whose end `wait` has not told yet."""
        return frozenset(self._runs).union(each.run_id for each in self._failed)

    def start(self, start: Start) -> None:
        """Run a command; returns at once, and what becomes of it, even that it cannot be started, is told by `wait`.

        Its environment should tell it who it is; nothing is added here. Raises ValueError for a run that is running.
        """
        if start.run_id in self.running:
            raise ValueError(f"The run {start.run_id!r} is running already; each is started under an id of its own")
        try:
            self._runs[start.run_id] = self._launch(start)
        except (OSError, ValueError) as error:
            self._failed.append(Ended(start.run_id, error=_not_started(keeper.cause(error))))

    def end(self, run_id: str) -> None:
        """Ask a run to end (SIGTERM to its group), and kill it after its grace; nothing, if it is ending already."""
        run = self._runs.get(run_id)
        if run is not None and run.stage is _Stage.RUNNING:
            self._terminate(run)

    def say_alive(self) -> None:
        """What runs may go on for another `silence_seconds`."""
        self._wardens.say_alive()

    def kill(self, run_id: str) -> None:
        """Kill a run at once; nothing, if it is none or killed already."""
        run = self._runs.get(run_id)
        if run is not None and run.stage is not _Stage.KILLED:
            self._kill(run)

    def kill_all(self) -> None:
        """Kill everything that runs, now; the ends are told by `wait`."""
        for run in self._runs.values():
            if run.stage is not _Stage.KILLED:
                self._kill(run)

    def ring(self) -> None:
        """Make `wait` return; may be called by any thread, also after `close`."""
        with suppress(OSError):  # it has rung so often that there is no room for more, or it is closed
            self._ringing.send(b"\0")

    def wait(self, seconds: float) -> list[Output | Ended]:
        """What has happened, after at most so many seconds; maybe nothing, for it also returns when `ring` was called.

        The output of a run comes before its end. There is a bound on how much is read at once; who writes much is
        read in turn with the others.
        """
        self._waits += 1
        events: list[Output | Ended] = []
        while self._failed:
            events.append(self._failed.popleft())
        due_at = min((run.due_at for run in self._runs.values()), default=float("inf"))
        patience = 0.0 if events else max(0.0, min(seconds, due_at - self._monotonic()))
        pipes: list[_Pipe] = []
        wardens: list[Warden] = []
        keeper_has_died = False
        for key, _ in self._selector.select(patience):
            if isinstance(key.data, _Pipe):
                pipes.append(key.data)
            elif isinstance(key.data, Warden):
                wardens.append(key.data)
            elif key.data is None:
                self._rung.recv(4096)
            else:
                keeper_has_died = True
        pipes.sort(key=lambda pipe: pipe.read_at)
        for pipe in pipes[:_READS_PER_WAIT_MAX]:
            self._read(pipe, events)
        for warden in wardens[:_ENDS_PER_WAIT_MAX]:
            self._hear(warden, events)
        if keeper_has_died:
            self._wardens.dismiss_keeper()
        self._keep_time(events)
        return events

    def close(self) -> None:
        """Kill what is left, and return when it is gone; nothing more is told of it."""
        for run in [*self._runs.values()]:
            self._forget(run)
            self._wardens.dismiss(run.warden)
        self._failed.clear()
        self._wardens.dismiss_keeper(patience_seconds=_CLOSE_SECONDS_MAX)
        self._selector.close()
        self._rung.close()
        self._ringing.close()

    def _launch(self, start: Start) -> _Run:
        if not start.command:
            raise ValueError("The command is empty; its first word is the program")
        order = keeper.packed(start.command, str(start.folder.absolute()), start.environment)
        if len(order) > keeper.ORDER_BYTES_MAX:
            raise ValueError(
                f"The command and its environment take {len(order):,} bytes; the most is {keeper.ORDER_BYTES_MAX:,}"
            )
        with ExitStack() as unless_started, ExitStack() as handed_over:
            pipes = []
            files = [handed_over.enter_context(_file_with(start.stdin)).fileno()]
            for stream in _STREAMS:
                file, written = os.pipe()
                unless_started.callback(os.close, file)
                handed_over.callback(os.close, written)
                os.set_blocking(file, False)
                pipes.append((stream, file))
                files.append(written)
            warden = self._wardens.order(order, files)
            unless_started.pop_all()
        run = _Run(start.run_id, start.grace_seconds, self._monotonic() + start.timeout_seconds, warden)
        self._run_of[warden] = run
        run.pipes = [_Pipe(run, stream, file) for stream, file in pipes]
        for pipe in run.pipes:
            self._selector.register(pipe.file, selectors.EVENT_READ, pipe)
        return run

    def _read(self, pipe: _Pipe, events: list[Output | Ended]) -> bool:
        """Read once; true if there may be more."""
        pipe.read_at = self._waits
        try:
            content = os.read(pipe.file, _READ_BYTES_MAX)
        except BlockingIOError:
            return False
        if content:
            events.append(Output(pipe.run.run_id, pipe.stream, content))
            return True
        self._close_pipe(pipe)
        return False

    def _close_pipe(self, pipe: _Pipe) -> None:
        self._selector.unregister(pipe.file)
        os.close(pipe.file)
        pipe.run.pipes.remove(pipe)

    def _hear(self, warden: Warden, events: list[Output | Ended]) -> None:
        """Take up what a warden says: that its command runs, that it is over, or nothing any more, for it has died."""
        told = warden.hear()
        run = self._run_of.get(warden)
        if not told:
            self._wardens.dismiss(warden)
            if run is not None:
                if run.group is not None:
                    with suppress(ProcessLookupError, PermissionError):  # the keeper was faster
                        os.killpg(run.group, signal.SIGKILL)
                self._finish(run, Ended(run.run_id, error=_DIED, timed_out=run.timed_out), events)
        for said in warden.complete():
            if run is not None:
                run.group = said.get("pid")
                if "last" in said:
                    self._finish(run, _end(run, said), events)
                    self._wardens.release(warden, is_last=bool(said["last"]))

    def _finish(self, run: _Run, ended: Ended, events: list[Output | Ended]) -> None:
        """Read what is left in its pipes, which somebody may still hold, and let go of it."""
        for pipe in [*run.pipes]:
            for _ in range(_REST_READS_MAX):
                if not self._read(pipe, events):
                    break
        self._forget(run)
        events.append(ended)

    def _forget(self, run: _Run) -> None:
        for pipe in [*run.pipes]:
            self._close_pipe(pipe)
        del self._runs[run.run_id], self._run_of[run.warden]

    def _keep_time(self, events: list[Output | Ended]) -> None:
        now = self._monotonic()
        for run in [each for each in self._runs.values() if each.due_at <= now]:
            if run.stage is _Stage.RUNNING:
                run.timed_out = True
                self._terminate(run)
            elif run.stage is _Stage.TERMINATED:
                self._kill(run)
            else:
                error = f"Its processes have not ended within {_KILLED_SECONDS_MAX:.0f} s of being killed"
                self._wardens.dismiss(run.warden)
                self._finish(run, Ended(run.run_id, error=error, timed_out=run.timed_out), events)

    def _terminate(self, run: _Run) -> None:
        run.warden.ask(keeper.TERMINATE)
        run.stage, run.due_at = _Stage.TERMINATED, self._monotonic() + run.grace_seconds

    def _kill(self, run: _Run) -> None:
        run.warden.ask(keeper.KILL)
        run.stage, run.due_at = _Stage.KILLED, self._monotonic() + _KILLED_SECONDS_MAX


def _file_with(content: bytes) -> IO[bytes]:
    """A file without a name, to be read from its beginning: who never reads it holds nobody up."""
    file: IO[bytes]
    if sys.platform == "linux":
        file = open(os.memfd_create("stdin"), "w+b")  # noqa: PTH123, SIM115 - a number, and it is the caller's
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it is the caller's
    try:
        file.write(content)
        file.seek(0)
    except OSError:
        file.close()
        raise
    return file


def _end(run: _Run, said: Mapping[str, Any]) -> Ended:
    """How a run has ended, as its warden says."""
    if "error" in said:
        return Ended(run.run_id, error=_not_started(said["error"]))
    code: int = said["exit_code"]
    if code < 0:
        return Ended(run.run_id, signal=_name(-code), timed_out=run.timed_out)
    return Ended(run.run_id, exit_code=code, timed_out=run.timed_out)


def _not_started(cause: str) -> str:
    return f"{NOT_STARTED}{cause}"


def _name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"SIG{number}"  # real-time signals have no names
