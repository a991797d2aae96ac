from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from routines.heartbeat.processes import Ended, Output
from support.running import Monotonic, Running, linux_only, running

MEGABYTE = 1_000_000
DEAF = "trap '' TERM; echo ready; sleep 600"
POLITE = "trap 'echo bye; exit 5' TERM; echo ready; sleep 600 & wait"


@pytest.fixture
def here() -> Iterator[Running]:
    with running() as made:
        yield made


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def timed(monotonic: Monotonic) -> Iterator[Running]:
    """Processes for which time stands unless a test moves it."""
    with running(monotonic) as made:
        yield made


# How it ends


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_told(here: Running, code: int) -> None:
    assert here.run("sh", "-c", f"exit {code}").ended == Ended("run", exit_code=code)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV"])
def test_the_signal_is_told_by_its_name(here: Running, name: str) -> None:
    number = signal.Signals[name].value
    assert here.run("sh", "-c", f"kill -{number} $$").ended == Ended("run", signal=name)


@linux_only
def test_a_signal_without_a_name_is_told_by_its_number(here: Running) -> None:
    assert here.run("sh", "-c", "kill -40 $$").ended == Ended("run", signal="SIG40")


# What cannot be started


def test_a_command_that_is_nowhere_is_told_in_the_words_of_the_system(here: Running) -> None:
    error = "It could not be started: No such file or directory: no-such-program"
    assert here.run("no-such-program").ended == Ended("run", error=error)


def test_a_missing_folder_is_named(here: Running, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    error = f"It could not be started: No such file or directory: {missing}"
    assert here.run("true", folder=missing).ended == Ended("run", error=error)


def test_a_folder_that_is_a_file_is_named(here: Running, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert here.run("true", folder=file).ended == Ended(
        "run", error=f"It could not be started: Not a directory: {file}"
    )


def test_a_file_that_is_no_program_is_named(here: Running, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch(mode=0o644)
    error = f"It could not be started: Permission denied: {program}"
    assert here.run(str(program)).ended == Ended("run", error=error)


@linux_only
def test_an_argument_that_no_system_takes_is_told(here: Running) -> None:
    error = "It could not be started: Argument list too long: echo"
    assert here.run("echo", "x" * 3 * MEGABYTE).ended == Ended("run", error=error)


def test_an_order_that_no_system_takes_is_not_even_sent(here: Running) -> None:
    error = "It could not be started: The command and its environment take 17,000,063 bytes; the most is 16,777,216"
    assert here.run("echo", "x" * 17 * MEGABYTE, environment={}).ended == Ended("run", error=error)


def test_an_empty_command_is_refused(here: Running) -> None:
    error = "It could not be started: The command is empty; its first word is the program"
    assert here.run().ended == Ended("run", error=error)


@pytest.mark.parametrize(
    ("command", "environment"), [(["echo", "a\0b"], {}), (["echo"], {"A=B": "c"}), (["echo", "\ud800"], {})]
)
def test_what_no_command_can_hold_is_refused(here: Running, command: list[str], environment: dict[str, str]) -> None:
    error = here.run(*command, environment=environment).ended.error
    assert error is not None
    assert error.startswith("It could not be started: ")


def test_one_that_cannot_be_started_holds_up_no_other(here: Running) -> None:
    here.start("no-such-program", run_id="bad")
    here.start("echo", "well", run_id="good")
    assert here.finish("bad").ended.error is not None
    assert here.finish("good").stdout == b"well\n"


# What it sees


def test_the_environment_is_what_was_given_and_nothing_else(here: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTINES_SECRET", "of the server")
    given = {"PAPERCLIP_RUN_ID": "run", "EMPTY": "", "LATIN": "caf\udce9", "LINES": "one\ntwo", "SIGN": "a=b"}
    seen = here.run("/usr/bin/env", "-0", environment=given).stdout
    assert dict(each.split(b"=", 1) for each in seen.split(b"\0") if each) == {
        name.encode(): os.fsencode(value) for name, value in given.items()
    }


@linux_only
def test_not_even_its_parent_has_the_environment_of_the_server(here: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTINES_SECRET", "of the server")
    seen = here.run("sh", "-c", "cat /proc/$PPID/environ")
    assert seen.ended.exit_code == 0
    assert b"ROUTINES" not in seen.stdout


C_LIBRARYS_OWN = (
    0b11 << 31
)  # signals 32 and 33, which it lets nobody set (signal(7)), inherited from whoever ignores them


def test_it_works_in_its_folder(here: Running, tmp_path: Path) -> None:
    assert here.run("pwd", "-P", folder=tmp_path).stdout == os.fsencode(tmp_path.resolve()) + b"\n"


def test_a_program_is_found_by_the_path_that_was_given(here: Running, tmp_path: Path) -> None:
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    assert here.run("agent", environment={"PATH": str(tmp_path)}).stdout == b"found\n"


@linux_only
def test_it_inherits_no_files_and_no_signals(here: Running) -> None:
    with Path("/dev/null").open() as file:
        os.set_inheritable(file.fileno(), True)
        seen = here.run("sh", "-c", "ls /proc/self/fd; grep -E 'Sig(Ign|Blk)' /proc/self/status").stdout.split()
    *files, _, blocked, _, ignored = seen
    assert files == [b"0", b"1", b"2", b"3"], "3 is the folder that ls reads"
    assert [int(mask, 16) & ~C_LIBRARYS_OWN for mask in (blocked, ignored)] == [0, 0]


def test_input_that_is_not_read_blocks_nothing(here: Running) -> None:
    assert here.run("true", stdin=b"x" * MEGABYTE).ended == Ended("run", exit_code=0)


def test_input_is_read_to_its_end(here: Running) -> None:
    prompt = os.urandom(MEGABYTE)
    assert here.run("cat", stdin=prompt).stdout == prompt


def test_input_may_be_opened_by_its_name(here: Running) -> None:
    assert here.run("cat", "/dev/stdin", stdin=b"prompt").stdout == b"prompt"


# What it writes


def test_the_streams_are_told_apart_and_byte_by_byte(here: Running) -> None:
    finished = here.run("sh", "-c", r"printf 'out\377'; printf '\376err' >&2; exit 3")
    assert finished == (b"out\xff", b"\xfeerr", Ended("run", exit_code=3))


def test_output_is_told_while_it_runs(here: Running) -> None:
    here.start("sh", "-c", "echo early; sleep 600")
    here.until(lambda: here.stdout() == b"early\n")
    assert here.processes.running == {"run"}


def test_much_output_takes_little_memory_and_is_read_in_bounded_pieces(here: Running) -> None:
    most = 200 * MEGABYTE
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    here.start("head", "-c", str(most), "/dev/zero")
    read = 0
    while here.processes.running:
        outputs = [each for each in here.processes.wait(1) if isinstance(each, Output)]
        assert all(len(each.content) <= 65_536 for each in outputs)
        assert sum(len(each.content) for each in outputs) <= 2**21
        read += sum(len(each.content) for each in outputs)
    assert read == most
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1_024) < 20 * MEGABYTE


def test_who_writes_without_end_starves_nobody(here: Running) -> None:
    for each in range(20):
        here.start("yes", run_id=f"loud {each}")
    here.start("echo", "heard", run_id="quiet")
    told: list[Output | Ended] = []
    deadline = time.monotonic() + 10
    while Ended("quiet", exit_code=0) not in told:
        assert time.monotonic() < deadline
        told += [each for each in here.processes.wait(1) if each.run_id == "quiet"]
    assert told[0] == Output("quiet", "stdout", b"heard\n")
    heard = set()
    while len(heard) < 20:
        assert time.monotonic() < deadline
        heard |= {each.run_id for each in here.processes.wait(1)}


def test_one_that_closes_its_output_is_still_running(here: Running, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    here.start("sh", "-c", f"exec >&- 2>&-; read line < {fifo}; exit 7")
    with fifo.open("w") as writing:  # which waits until it is opened to be read
        assert here.wait() == []
        assert here.wait() == []
        assert here.processes.running == {"run"}
        writing.write("go\n")
    assert here.finish().ended == Ended("run", exit_code=7)


# How it is ended


def test_one_that_is_told_to_end_may_do_so_in_its_own_way(timed: Running) -> None:
    timed.start("sh", "-c", POLITE)
    timed.until(lambda: timed.stdout() == b"ready\n")
    timed.processes.end("run")
    assert timed.finish() == (b"ready\nbye\n", b"", Ended("run", exit_code=5))


def test_one_that_does_not_listen_is_killed_after_its_grace(timed: Running, monotonic: Monotonic) -> None:
    timed.start("sh", "-c", DEAF, grace_seconds=30)
    timed.until(lambda: timed.stdout() == b"ready\n")
    timed.processes.end("run")
    monotonic.seconds += 29.9
    timed.processes.end("run")  # which gives it no further grace
    assert timed.wait() == []
    monotonic.seconds += 0.1
    assert timed.finish().ended == Ended("run", signal="SIGKILL")


def test_the_whole_group_is_told_to_end(timed: Running) -> None:
    timed.start("sh", "-c", f'trap "wait; echo farewell; exit 6" TERM; sh -c "{POLITE}" & wait')
    timed.until(lambda: timed.stdout() == b"ready\n")
    timed.processes.end("run")
    assert timed.finish() == (b"ready\nbye\nfarewell\n", b"", Ended("run", exit_code=6))


def test_one_that_takes_too_long_is_told_to_end(timed: Running, monotonic: Monotonic) -> None:
    timed.start("sh", "-c", POLITE, timeout_seconds=100)
    timed.until(lambda: timed.stdout() == b"ready\n")
    monotonic.seconds += 99.9
    assert timed.wait() == []
    monotonic.seconds += 0.1
    assert timed.finish() == (b"ready\nbye\n", b"", Ended("run", exit_code=5, timed_out=True))


def test_one_that_takes_too_long_and_does_not_listen_is_killed(timed: Running, monotonic: Monotonic) -> None:
    timed.start("sh", "-c", DEAF, timeout_seconds=100, grace_seconds=30)
    timed.until(lambda: timed.stdout() == b"ready\n")
    monotonic.seconds += 100
    timed.wait()
    monotonic.seconds += 30
    assert timed.finish().ended == Ended("run", signal="SIGKILL", timed_out=True)


def test_one_that_was_told_to_end_in_time_has_not_taken_too_long(timed: Running, monotonic: Monotonic) -> None:
    timed.start("sh", "-c", DEAF, timeout_seconds=100, grace_seconds=30)
    timed.until(lambda: timed.stdout() == b"ready\n")
    monotonic.seconds += 90
    timed.processes.end("run")
    monotonic.seconds += 30
    assert timed.finish().ended == Ended("run", signal="SIGKILL", timed_out=False)


def test_waiting_is_no_longer_than_the_time_of_a_run(here: Running) -> None:
    here.start("sleep", "600", timeout_seconds=0.2)
    begun = time.monotonic()
    events: list[Output | Ended] = []
    while not events:
        events += here.processes.wait(60)
    assert events == [Ended("run", signal="SIGTERM", timed_out=True)]
    assert 0.2 <= time.monotonic() - begun < 10


def test_all_are_killed_at_once_without_grace(timed: Running) -> None:
    for each in ("one", "two"):
        timed.start("sh", "-c", POLITE, run_id=each)
        timed.until(lambda each=each: timed.stdout(each) == b"ready\n")  # type: ignore[misc]
    timed.processes.kill_all()
    assert [timed.finish(each).ended for each in ("one", "two")] == [
        Ended("one", signal="SIGKILL"),
        Ended("two", signal="SIGKILL"),
    ]


def test_one_that_is_ended_right_after_its_start_ends(here: Running) -> None:
    here.start("sleep", "600")
    here.processes.end("run")
    assert here.finish().ended == Ended("run", signal="SIGTERM")


def test_nobody_is_ended_who_does_not_run(here: Running) -> None:
    here.processes.end("unknown")
    here.processes.kill_all()
    assert here.run("true").ended.exit_code == 0
    here.processes.end("run")
    assert here.wait() == []


# Many, again, and from outside


def test_fifty_run_at_once(here: Running) -> None:
    names = [f"run {each}" for each in range(50)]
    for each in names:
        here.start("sh", "-c", f"read word; echo {each} $word", stdin=each.encode(), run_id=each)
    assert here.processes.running == {*names}
    for each in names:
        assert here.finish(each) == (f"{each} {each}\n".encode(), b"", Ended(each, exit_code=0))


def test_a_run_is_started_once_at_a_time(here: Running) -> None:
    here.start("true")
    with pytest.raises(ValueError, match="The run 'run' is running already; each is started under an id of its own"):
        here.start("true")
    here.finish()
    here.events.clear()
    assert here.run("true").ended.exit_code == 0


def test_a_ring_from_another_thread_ends_the_wait(here: Running) -> None:
    thread = Timer(0.1, here.processes.ring)
    thread.start()
    begun = time.monotonic()
    assert here.processes.wait(60) == []
    assert time.monotonic() - begun < 30
    thread.join()


def test_any_number_of_rings_is_taken_at_any_time(here: Running) -> None:
    for _ in range(10_000):
        here.processes.ring()
    assert here.processes.wait(60) == []
    here.processes.close()
    here.processes.ring()


def test_closing_again_does_nothing(here: Running) -> None:
    here.run("true")
    here.processes.close()
    here.processes.close()
