"""The keeper: a small process of its own that starts the child processes of a worker, and leaves none when it ends.

Nothing of the service is imported or known here: it is run by its path, with the standard library alone.

A worker that is killed with -9 can end nothing itself, so it starts nothing itself either. It starts one keeper, which
forks wardens; each runs one command at a time. The worker and a warden share a socket. On it comes an order: what to
run, with its stdin, stdout and stderr. The warden starts that in a session of its own, tells how it ended, and ends it
when told to, or when the socket closes because the worker is gone. On Linux it adopts every process that detaches
itself from its parent, so that daemons end with the run that they belong to; elsewhere the process group is all that it
can reach. A warden that has nothing left waits for the next order: to fork costs more than to start a command.

A worker that is frozen closes nothing, and may lose its work to another one meanwhile. It says now and then that it is
alive; when it has been silent for longer than it was to be, all that it runs is killed, as if it were gone.

Whoever dies, something is left that ends the rest: when the worker dies, the wardens; when the keeper dies, the wardens
go on, and end with their runs; when a warden dies, the keeper adopts its processes and kills them. Only what runs while
worker, keeper and warden are killed together lives on. PR_SET_PDEATHSIG would end the command then, though not what it
has started; but it must be asked for between fork and exec, and then a start takes 1.7 times as long.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

APPOINT = b"A"
ALIVE = b"."
TERMINATE = b"T"
KILL = b"K"
ORDER_BYTES_MAX = 16 * 1024 * 1024  # what Linux takes as arguments and environment at most, 6 MiB, as JSON
FILES_PER_ORDER = 3  # stdin, stdout and stderr
ERROR_CHARACTERS_MAX = 500  # a sentence of the system and the name of a file; names may be as long as an order

_LENGTH = struct.Struct("!I")  # of an order; its first byte is none of the letters, for orders are not that long
_RECEIVED_BYTES_MAX = 64 * 1024  # most orders at once
_FILES_RECEIVED_MAX = 16  # more than comes with one message
_QUICK_MILLISECONDS = 20  # a command that takes less has its start and its end told in one
_SWEEP_MILLISECONDS = 50  # between two looks at what was killed and has not ended, which is noticed at once
_SWEEP_SECONDS_MAX = 1.0  # a process that outlives SIGKILL for longer is stuck in the system; its run is over without
_FAREWELL_SECONDS_MAX = 5.0  # what is still there when the worker has been gone for so long is beyond a keeper's reach
_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER in <linux/prctl.h>
_LINUX = sys.platform == "linux"
_MEANT_FOR_OTHERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def packed(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> bytes:
    """An order as it is sent to a keeper, along with its files."""
    body = json.dumps({"command": [*command], "folder": folder, "environment": {**environment}}).encode()
    return _LENGTH.pack(len(body)) + body


def main() -> None:
    """Keep the processes of the worker at the other end of a socket.

    The arguments are the socket's number, and how long the worker may be silent, in seconds, or 0 for as long as it
    likes.
    """
    _reset_signals()
    libc = ctypes.CDLL(None) if _LINUX else None
    gc.freeze()  # wardens share the memory of the keeper for as long as nobody writes there
    _Keeper(socket.socket(fileno=int(sys.argv[1])), libc, float(sys.argv[2])).keep()


def _reset_signals() -> None:
    """Signals are handled as a child expects to find them: by default, which handlers become, and ignored ones do not.

    Those that end a worker end no keeper: it goes when the worker is gone.
    """
    for each in signal.valid_signals() - {*_IGNORED_BY_PYTHON}:
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)
    for each in (*_MEANT_FOR_OTHERS, signal.SIGCHLD):
        signal.signal(each, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class _Watch:
    """Waits for one socket and for the end of children."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line.fileno()
        self._rung, self._ringing = os.pipe()
        os.set_blocking(self._rung, False)
        os.set_blocking(self._ringing, False)
        signal.set_wakeup_fd(self._ringing, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(self._rung, select.POLLIN)
        self._poll.register(self._line, select.POLLIN)

    def wait(self, milliseconds: int | None = None) -> bool:
        """Return when something may have happened; true if there is something to read."""
        ready = [file for file, _ in self._poll.poll(milliseconds)]
        if self._rung in ready:
            os.read(self._rung, 4096)
        return self._line in ready

    def ignore_line(self) -> None:
        """Wait for children alone."""
        with suppress(KeyError):
            self._poll.unregister(self._line)

    def mind_line(self) -> None:
        """Wait for the socket as well, as it is at the beginning."""
        self._poll.register(self._line, select.POLLIN)

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._rung)
        os.close(self._ringing)


class _Keeper:
    """Forks a warden for each socket that it is sent, and kills what wardens leave behind."""

    def __init__(self, line: socket.socket, libc: ctypes.CDLL | None, silence_seconds: float) -> None:
        self._line = line
        self._libc = libc
        self._silence_seconds = silence_seconds
        self._heard_at = time.monotonic()
        self._watch = _Watch(line)
        self._wardens: set[int] = set()
        self._strays = False
        _adopt_orphans(libc)

    def keep(self) -> None:
        """Return when the worker is gone and nothing is left."""
        while True:
            if self._watch.wait(self._patience()):
                asked, files = _received(self._line)
                if not asked:
                    break
                self._heard_at = time.monotonic()
                self._appoint(files)
            elif self._silence_seconds and time.monotonic() - self._heard_at >= self._silence_seconds:
                self._heard_at = time.monotonic()
                for warden in self._wardens:  # what they leave is killed like that of any that dies
                    _kill(warden)
            self._reap()
        self._watch.ignore_line()
        gone_by = time.monotonic() + _FAREWELL_SECONDS_MAX
        while self._reap() and time.monotonic() < gone_by:
            self._watch.wait(_SWEEP_MILLISECONDS)

    def _patience(self) -> int | None:
        """For how many milliseconds there is nothing to look for but news."""
        if self._strays:
            return _SWEEP_MILLISECONDS
        if not self._silence_seconds or not self._wardens:
            return None
        left = self._heard_at + self._silence_seconds - time.monotonic()
        return max(0, int(left * 1000)) + 1

    def _appoint(self, files: list[int]) -> None:
        while files:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=files.pop())
            try:
                warden = os.fork()
            except OSError as error:
                _tell(line, {"error": cause(error), "last": True})
            else:
                if warden == 0:
                    self._become_warden(line, others=files)
                self._wardens.add(warden)
            line.close()

    def _become_warden(self, line: socket.socket, others: list[int]) -> None:
        """Never returns, whatever happens: there is but one keeper."""
        status = os.EX_SOFTWARE
        try:
            for each in others:
                os.close(each)
            self._line.close()
            self._watch.close()
            _adopt_orphans(self._libc)
            status = _Warden(line).serve()
        except BaseException:  # noqa: BLE001 - the keeper's own handlers and loop are below on this stack
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def _reap(self) -> bool:
        """Forget the wardens that have ended, and kill what those left that ended too early; true if any is left."""
        ended, left = _ended_children()
        self._wardens -= ended.keys()
        self._strays = left and (self._strays or any(ended.values()))
        if self._strays:
            strays = set(_children()) - self._wardens
            for each in strays:
                _kill(each)
            self._strays = bool(strays)
        return left


class _Warden:
    """Runs one command after the other, as the worker at the other end of its socket orders."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._watch = _Watch(line)
        self._content = bytearray()
        self._files: list[int] = []

    def serve(self) -> int:
        """Return 0 when the worker is gone, and another number if there are processes that do not end."""
        while order := self._next_order():
            if _is_closed(self._line):
                break
            if self._run(order):
                return os.EX_TEMPFAIL
        return os.EX_OK

    def _next_order(self) -> dict[str, Any] | None:
        """What to run next; None if the worker is gone."""
        self._watch.mind_line()
        while True:
            self._content = self._content.lstrip(TERMINATE + KILL)  # meant for one that had ended by itself
            if len(self._content) >= _LENGTH.size:
                end = _LENGTH.size + _LENGTH.unpack_from(self._content)[0]
                if len(self._content) >= end:
                    order: dict[str, Any] = json.loads(self._content[_LENGTH.size : end])
                    del self._content[:end]
                    return order
            self._watch.wait()
            if not self._receive():
                return None

    def _receive(self) -> bool:
        content, files = _received(self._line)
        self._content += content
        self._files += files
        return bool(content)

    def _run(self, order: dict[str, Any]) -> bool:
        """Start a command and return when it and all that came of it has ended; true if something is left."""
        stdin, stdout, stderr = self._files
        try:
            child = subprocess.Popen(  # noqa: S603 - to run what an agent's operator wrote is the purpose
                order["command"],
                cwd=order["folder"],
                env=order["environment"],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            _tell(self._line, {"error": cause(error), "last": False})
            return False
        finally:
            while self._files:
                os.close(self._files.pop())
        started = {"pid": child.pid}
        left = self._attend(child, started)
        if left or not _LINUX:
            _kill_group(child.pid, signal.SIGKILL)  # its number is not given away while anybody is in the group
            left = _sweep(self._watch)
        _tell(self._line, {**started, "exit_code": child.returncode, "last": left})
        return left

    def _attend(self, child: subprocess.Popen[bytes], started: dict[str, int]) -> bool:
        """Do with a command as the worker asks until it ends; true if it has left something."""
        patience: int | None = _QUICK_MILLISECONDS
        while True:
            self._obey(child.pid)
            if self._watch.wait(patience) and not self._receive():
                self._watch.ignore_line()
                self._content[:] = KILL
            ended, left = _ended_children()
            if child.pid in ended:
                child.returncode = ended[child.pid]
                return left
            if patience is not None:
                _tell(self._line, started)
                patience = None

    def _obey(self, group: int) -> None:
        """Signal a group as the worker has asked, or because there is no worker any more."""
        if KILL in self._content:
            _kill_group(group, signal.SIGKILL)
        elif TERMINATE in self._content:
            _kill_group(group, signal.SIGTERM)
        self._content.clear()


def _received(line: socket.socket) -> tuple[bytes, list[int]]:
    """What has come on a socket, with its files; empty if the other end is closed."""
    try:
        content, files, flags, _ = socket.recv_fds(line, _RECEIVED_BYTES_MAX, _FILES_RECEIVED_MAX)
    except ConnectionResetError:  # closed, and before it had read what it was told
        return b"", []
    if flags & socket.MSG_CTRUNC:
        raise OSError("The system has no room for the files that came, so that none can be told from another")
    return content, files


def _sweep(watch: _Watch) -> bool:
    """Kill all children, and theirs, which are adopted in turn; true if some have not ended in time."""
    gone_by = time.monotonic() + _SWEEP_SECONDS_MAX
    watch.ignore_line()
    while True:
        for each in _children():
            _kill(each)
        _, left = _ended_children()
        if not left or time.monotonic() > gone_by:
            return left
        watch.wait(_SWEEP_MILLISECONDS)


def _is_closed(line: socket.socket) -> bool:
    with suppress(BlockingIOError):
        return not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return False


def _tell(line: socket.socket, content: dict[str, Any]) -> None:
    with suppress(ConnectionError):  # the worker is gone, and wants to know no more
        line.sendall(json.dumps(content).encode() + b"\n")


def cause(error: OSError | ValueError) -> str:
    """Why a command could not be started, in the words of the system, with the file that they are about."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    return said[:ERROR_CHARACTERS_MAX]


def _adopt_orphans(libc: ctypes.CDLL | None) -> None:
    """Become the parent of every process below this one whose own parent ends; only Linux has this."""
    if libc is not None:
        libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ended_children() -> tuple[dict[int, int], bool]:
    """The children that have ended, each with its exit code (negative for a signal), and whether others are left."""
    ended: dict[int, int] = {}
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if child == 0:
            return ended, True
        ended[child] = os.waitstatus_to_exitcode(status)


def _children() -> list[int]:
    """The processes whose parent is this one; only Linux tells, and nobody else adopts any."""
    own = os.getpid()
    try:
        return [int(each) for each in Path(f"/proc/self/task/{own}/children").read_bytes().split()]
    except FileNotFoundError:  # a kernel built without CONFIG_PROC_CHILDREN
        return [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if _parent(stat) == own]


def _parent(stat: Path) -> int | None:
    with suppress(OSError):
        return int(stat.read_bytes().rpartition(b")")[2].split()[1])  # see proc(5); the name before may hold anything
    return None


def _kill(process: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or runs as somebody else
        os.kill(process, signal.SIGKILL)


def _kill_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    main()
