"""Child processes that never outlive their parent's work: started, watched, and always ended.

What they do is not known here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from routines.core.errors import RoutinesError

END_SECONDS_MAX = 10  # a served request and a burst of slots are finished within it; then the child is killed
LOG_LINES_TOLD = 20  # the end of a traceback


class ChildEndedError(RoutinesError):
    """A child ended by itself though it was to go on."""


@dataclass(frozen=True, slots=True)
class _Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path | None


class Children(AbstractContextManager["Children"]):
    """The children of one piece of work; leaving the context ends them."""

    def __init__(self) -> None:
        self._started: list[_Child] = []

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, log: Path | None = None
    ) -> None:
        """Start a process; what it prints goes to the file `log`, or to the terminal if there is none.

        It has a session of its own, so that Ctrl-C reaches this process alone and the children end in order.
        """
        if log is None:
            process = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own program
        else:
            with log.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603 - the same
                    command, env=environment, start_new_session=True, stdout=output, stderr=subprocess.STDOUT
                )
        self._started.append(_Child(name, process, log))

    def check(self) -> None:
        """Raise `ChildEndedError`, with the last lines of its log, if any of them is gone; each is told once."""
        for child in self._started:
            status = child.process.poll()
            if status is not None:
                self._started.remove(child)
                lines = [] if child.log is None else child.log.read_text(errors="replace").splitlines()
                said = "".join(f"\n  {line}" for line in lines[-LOG_LINES_TOLD:])
                raise ChildEndedError(f"The process of {child.name} ended with status {status}{said}")

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End all of them, and return when they are gone; whoever interrupts that has at least told each to end."""
        latest_first = [child.process for child in reversed(self._started)]
        for process in latest_first:
            process.terminate()
        for process in latest_first:
            try:
                process.wait(END_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
