from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from routines.heartbeat.processes import Ended, Processes
from support.running import (
    FAMILY,
    FAMILY_MEMBERS,
    PYTHON,
    Monotonic,
    Running,
    children_of,
    is_gone,
    keepers,
    linux_only,
    members,
    parent_of,
    running,
    wait_until_gone,
)

DIED = "The keeper of its processes has died"
KILLED_SECONDS_MAX = 2
IDLE = 16
"""Wardens that wait for another run."""
FILES = Path("/dev/fd")

WORKER = f"""
import sys, time
from pathlib import Path
from routines.heartbeat.processes import Output, Processes, Start

processes = Processes(time.monotonic)
command = {[*PYTHON, FAMILY + "time.sleep(600)"]!r}
processes.start(Start("run", command, Path("/"), {{"PAPERCLIP_RUN_ID": "run"}}, b"", 600, 60))
while True:
    for event in processes.wait(60):
        sys.stdout.buffer.write(event.content)
        sys.stdout.flush()
"""


@pytest.fixture
def here() -> Iterator[Running]:
    with running() as made:
        yield made


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A process that owns processes, and prints what they do."""
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE) as process:  # noqa: S603
        yield process
        process.kill()


def read_family(worker: subprocess.Popen[bytes]) -> dict[str, int]:
    assert worker.stdout is not None
    return members(b"".join(worker.stdout.readline() for _ in range(FAMILY_MEMBERS)))


# When a run is over


def test_what_a_command_left_running_is_killed_and_keeps_no_pipe_open(here: Running) -> None:
    finished = here.run("sh", "-c", "sleep 600 & echo $!; exit 3")
    assert finished.ended == Ended("run", exit_code=3)
    wait_until_gone(int(finished.stdout))


@linux_only
@pytest.mark.parametrize("then", ["sys.exit(4)", "os.kill(os.getpid(), 9)"])
def test_daemons_are_gone_once_the_end_is_told(here: Running, tmp_path: Path, then: str) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    family = here.family(f"open({str(fifo)!r}).read(); {then}")
    fifo.write_text("go")
    here.finish()
    assert [name for name, process in family.items() if name != "warden" and not is_gone(process)] == []


@linux_only
def test_daemons_are_gone_once_their_run_was_told_to_end(here: Running) -> None:
    family = here.family("time.sleep(600)")
    here.processes.end("run")
    assert here.finish().ended == Ended("run", signal="SIGTERM")
    assert [name for name, process in family.items() if name != "warden" and not is_gone(process)] == []


@linux_only
def test_daemons_of_another_run_live_on(here: Running) -> None:
    staying = here.family("time.sleep(600)", run_id="staying")
    going = here.family("time.sleep(600)", run_id="going")
    here.processes.end("going")
    here.finish("going")
    wait_until_gone(*(process for name, process in going.items() if name != "warden"))
    assert [name for name, process in staying.items() if is_gone(process)] == []


@linux_only
def test_one_who_forks_as_fast_as_it_can_is_killed_to_the_last(here: Running) -> None:
    here.start(
        *PYTHON,
        "import os\n"
        "for _ in range(5):\n    if os.fork() == 0:\n        break\n"
        "while True:\n    if os.fork() == 0:\n        os.setsid()\n    else:\n        os._exit(0)\n",
    )
    assert here.finish().ended == Ended("run", exit_code=0)
    (keeper,) = keepers()
    here.until(lambda: all("keeper.py" in command for command in children_of(keeper).values()))
    (warden,) = children_of(keeper) or {0: ""}
    here.until(lambda: not warden or children_of(warden) == {})


def test_everything_is_gone_once_it_is_closed() -> None:
    with running() as here:
        family = here.family("time.sleep(600)")
        keeper = parent_of(family["warden"])
    reached = family.values() if sys.platform == "linux" else [family["main"], family["child"], family["grandchild"]]
    assert [each for each in (*reached, keeper) if not is_gone(each)] == []


# When somebody is killed


@linux_only
def test_nothing_outlives_a_worker_that_is_killed(worker: subprocess.Popen[bytes]) -> None:
    family = read_family(worker)
    keeper = parent_of(family["warden"])
    worker.kill()
    wait_until_gone(*family.values(), keeper, seconds=KILLED_SECONDS_MAX)


@linux_only
def test_nothing_goes_on_for_a_worker_that_is_frozen() -> None:
    silence_seconds = 0.5
    frozen = WORKER.replace("(time.monotonic)", f"(time.monotonic, silence_seconds={silence_seconds})").replace(
        "processes.wait(60)", "processes.wait(silence_seconds / 4)"
    )
    frozen = frozen.replace(
        "while True:", f"silence_seconds = {silence_seconds}\nwhile True:\n    processes.say_alive()"
    )
    with subprocess.Popen([sys.executable, "-c", frozen], stdout=subprocess.PIPE) as worker:  # noqa: S603 - our own
        family = read_family(worker)
        time.sleep(2 * silence_seconds)
        assert not any(map(is_gone, family.values())), "it says that it is alive"
        worker.send_signal(signal.SIGSTOP)
        wait_until_gone(*family.values(), seconds=KILLED_SECONDS_MAX)
        worker.send_signal(signal.SIGCONT)
        worker.kill()


def test_nothing_outlives_a_worker_that_is_killed_along_with_its_keeper(worker: subprocess.Popen[bytes]) -> None:
    family = read_family(worker)
    os.kill(parent_of(family["warden"]), signal.SIGKILL)
    worker.kill()
    wait_until_gone(*family.values(), seconds=KILLED_SECONDS_MAX)


def test_runs_go_on_when_their_keeper_is_killed_and_the_next_has_a_new_one(here: Running) -> None:
    here.start("sh", "-c", "trap 'exit 6' TERM; echo $PPID; sleep 600 & wait", run_id="old")
    here.until(lambda: here.stdout("old") != b"")
    keeper = parent_of(int(here.stdout("old")))
    os.kill(keeper, signal.SIGKILL)
    here.until(lambda: keeper not in keepers())
    here.start("echo", "new", run_id="new")
    assert here.finish("new").stdout == b"new\n"
    here.processes.end("old")
    assert here.finish("old").ended == Ended("old", exit_code=6)


def test_a_keeper_that_dies_while_nothing_runs_is_replaced(here: Running) -> None:
    here.run("true")
    here.events.clear()
    (keeper,) = keepers()
    os.kill(keeper, signal.SIGKILL)
    here.until(lambda: keepers() == [])
    assert here.run("true").ended.exit_code == 0


def test_a_keeper_that_dies_with_its_wardens_is_replaced(here: Running) -> None:
    for each in range(5):
        here.start("true", run_id=f"{each}")
    for each in range(5):
        here.finish(f"{each}")
    (keeper,) = keepers()
    killed = [keeper, *children_of(keeper)]
    for process in killed:
        os.kill(process, signal.SIGKILL)
    wait_until_gone(*killed)
    assert here.run("true").ended == Ended("run", exit_code=0)


@linux_only
def test_a_run_whose_warden_is_killed_is_told_and_killed_to_its_daemons(here: Running) -> None:
    family = here.family("time.sleep(600)")
    os.kill(family["warden"], signal.SIGKILL)
    assert here.finish().ended == Ended("run", error=DIED)
    wait_until_gone(*family.values(), seconds=KILLED_SECONDS_MAX)


def test_the_group_of_a_run_is_killed_when_neither_keeper_nor_warden_is_left(here: Running) -> None:
    family = here.family("time.sleep(600)")
    os.kill(parent_of(family["warden"]), signal.SIGKILL)
    os.kill(family["warden"], signal.SIGKILL)
    assert here.finish().ended == Ended("run", error=DIED)
    wait_until_gone(family["main"], family["child"], family["grandchild"], seconds=KILLED_SECONDS_MAX)
    for escaped in ("daemon", "nameless"):  # by whom nobody is left to know them
        os.kill(family[escaped], signal.SIGKILL)


def test_a_run_that_does_not_end_though_it_was_killed_is_given_up() -> None:
    monotonic = Monotonic()
    with running(monotonic) as here:
        here.start("sh", "-c", "echo $PPID; sleep 600")
        here.until(lambda: here.stdout() != b"")
        warden = int(here.stdout())
        os.kill(warden, signal.SIGSTOP)
        here.processes.kill_all()
        monotonic.seconds += 9.9
        assert here.wait() == []
        monotonic.seconds += 0.1
        error = "Its processes have not ended within 10 s of being killed"
        assert here.finish().ended == Ended("run", error=error)
        os.kill(warden, signal.SIGCONT)


def test_a_keeper_that_does_not_listen_is_replaced(here: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routines.heartbeat.wardens._SEND_SECONDS_MAX", 1.0)
    here.run("true")
    here.events.clear()
    (keeper,) = keepers()
    os.kill(keeper, signal.SIGSTOP)
    large = "x" * 100_000
    for each in range(10):  # more than a socket holds
        here.start("true", *[large] * 5, run_id=f"{each}")
    ends = [here.finish(f"{each}").ended for each in range(10)]
    waited = "It could not be started: Its keeper has taken no order within 1 s"
    assert [each.error for each in ends] == [None, waited, *[None] * 8], "the first has a warden that is there already"
    assert is_gone(keeper)


# After many


def test_hundreds_of_starts_leave_no_process_and_no_file() -> None:
    before = len([*FILES.iterdir()])
    with running() as here:
        here.run("true")
        open_files = len([*FILES.iterdir()])
        for each in range(200):
            here.start("sh", "-c", "(sleep 0.01 &); echo out; echo err >&2", run_id=f"{each}", stdin=b"prompt")
        for each in range(200):
            assert here.finish(f"{each}") == (b"out\n", b"err\n", Ended(f"{each}", exit_code=0))
        assert len([*FILES.iterdir()]) < open_files + IDLE
        (keeper,) = keepers()
        here.until(lambda: len(children_of(keeper)) <= IDLE)
    assert len([*FILES.iterdir()]) == before
    assert keepers() == []


def test_no_keeper_is_started_before_it_is_needed() -> None:
    processes = Processes(Monotonic())
    assert keepers() == []
    processes.close()
