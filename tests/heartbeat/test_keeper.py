from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routines.heartbeat import keeper
from support.running import SECONDS_MAX, wait_until_gone


class Line:
    """A keeper, spoken to directly."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", keeper.__file__, str(theirs.fileno()), "0"], pass_fds=[theirs.fileno()]
            )

    def appoint(self) -> socket.socket:
        """Have a warden appointed; the answer is the line to it."""
        ours, theirs = socket.socketpair()
        ours.settimeout(SECONDS_MAX)
        with theirs:
            socket.send_fds(self.socket, [keeper.APPOINT], [theirs.fileno()])
        return ours

    def order(self, *command: str) -> socket.socket:
        """Order a run from a new warden; the answer is the line to it."""
        warden = self.appoint()
        order(warden, *command)
        return warden


def order(warden: socket.socket, *command: str, pieces: int = 1, then: bytes = b"") -> None:
    """Order a run from a warden, in so many pieces, the last with something more."""
    content = keeper.packed(command, "/", {"PATH": os.environ["PATH"]}) + then
    size = -(-len(content) // pieces)
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - a name, not a path
        socket.send_fds(warden, [content[:size]], [nothing.fileno()] * 3)
    for begin in range(size, len(content), size):
        warden.sendall(content[begin : begin + size])


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.socket.close()
    made.process.kill()
    made.process.wait()


def last_told(warden: socket.socket) -> dict[str, Any]:
    """All that a warden says of a run, up to its end."""
    said: dict[str, Any] = {}
    while "last" not in said:
        for each in warden.recv(4096).splitlines():
            said |= json.loads(each)
    return said


def told_at_last(warden: socket.socket) -> dict[str, Any]:
    """The same, of a warden that is not needed any more."""
    with warden:
        return last_told(warden)


def test_an_order_is_carried_out_and_its_end_told(line: Line) -> None:
    assert told_at_last(line.order("sh", "-c", "exit 9"))["exit_code"] == 9


def test_a_warden_carries_out_one_order_after_the_other(line: Line) -> None:
    with line.appoint() as warden:
        for each in range(10):
            order(warden, "sh", "-c", f"exit {each}; {'x' * 50_000}", pieces=each + 1)
            assert last_told(warden)["exit_code"] == each


def test_wardens_are_independent_of_each_other(line: Line) -> None:
    wardens = [line.appoint() for _ in range(5)]
    for each, warden in enumerate(wardens):
        order(warden, "sh", "-c", f"exit {each}")
    assert [told_at_last(warden)["exit_code"] for warden in reversed(wardens)] == [4, 3, 2, 1, 0]


def test_what_comes_along_with_an_order_is_about_it(line: Line) -> None:
    with line.appoint() as warden:
        order(warden, "sleep", "600", then=keeper.TERMINATE)
        assert last_told(warden)["exit_code"] == -signal.SIGTERM


def test_what_comes_too_late_for_a_run_is_not_about_the_next(line: Line) -> None:
    with line.appoint() as warden:
        order(warden, "true")
        last_told(warden)
        warden.send(keeper.TERMINATE + keeper.KILL)
        order(warden, "sh", "-c", "sleep 0.1; exit 3")
        assert last_told(warden)["exit_code"] == 3


def test_a_command_that_does_not_start_costs_no_warden(line: Line) -> None:
    with line.appoint() as warden:
        order(warden, "no-such-program")
        assert last_told(warden) == {"error": "No such file or directory: no-such-program", "last": False}
        order(warden, "true")
        assert last_told(warden)["exit_code"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_meant_for_the_worker_ends_no_keeper_and_no_run(line: Line, number: signal.Signals) -> None:
    assert told_at_last(line.order("true"))["exit_code"] == 0  # by then it is up
    with line.order("sleep", "600") as run:
        child = json.loads(run.recv(4096))["pid"]
        line.process.send_signal(number)
        assert told_at_last(line.order("true"))["exit_code"] == 0
        assert line.process.poll() is None
        run.send(keeper.TERMINATE)
        assert last_told(run)["exit_code"] == -signal.SIGTERM
    wait_until_gone(child)


def test_it_goes_when_its_worker_is_gone_and_takes_the_runs_along(line: Line) -> None:
    run = line.order("sh", "-c", "trap '' TERM; sleep 600")
    child = json.loads(run.recv(4096))["pid"]
    run.close()
    line.socket.close()
    assert line.process.wait(SECONDS_MAX) == 0
    wait_until_gone(child, seconds=0.1)


def test_a_run_is_killed_when_its_socket_is_closed(line: Line) -> None:
    run = line.order("sh", "-c", "trap '' TERM; sleep 600")
    child = json.loads(run.recv(4096))["pid"]
    run.close()
    wait_until_gone(child)
    assert told_at_last(line.order("true"))["exit_code"] == 0


def test_what_a_worker_ordered_that_is_gone_is_not_started(line: Line, tmp_path: Path) -> None:
    assert told_at_last(line.order("true"))["exit_code"] == 0
    line.process.send_signal(signal.SIGSTOP)
    line.order("touch", str(tmp_path / "started")).close()
    line.socket.close()
    line.process.send_signal(signal.SIGCONT)
    assert line.process.wait(SECONDS_MAX) == 0
    assert [*tmp_path.iterdir()] == []


def test_a_worker_that_goes_in_the_middle_of_an_order_starts_nothing(line: Line) -> None:
    with line.appoint() as warden:
        warden.sendall(keeper.packed(["sleep", "600"], "/", {})[:-1])
    line.socket.close()
    assert line.process.wait(SECONDS_MAX) == 0
