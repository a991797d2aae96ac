"""Child processes are watched while they are needed and gone when they are not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from routines.cli.children import ChildEndedError, Children

ENDLESS = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def wait_for_pid(log: Path) -> int:
    while not log.is_file() or not log.read_text().endswith("\n"):
        os.sched_yield()
    return int(log.read_text())


def watch(children: Children) -> None:
    while True:
        children.check()


def test_children_are_ended_also_when_the_work_fails(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def fail_at_work() -> int:
        with Children() as children:
            children.start("it", [sys.executable, "-c", ENDLESS], os.environ, log=log)
            pid = wait_for_pid(log)
            children.check()
            raise RuntimeError(pid)

    with pytest.raises(RuntimeError) as failure:
        fail_at_work()
    with pytest.raises(ProcessLookupError):
        os.kill(failure.value.args[0], 0)


def test_a_child_that_ends_by_itself_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Children() as children:
        children.start(
            "the service", [sys.executable, "-c", "raise SystemExit('no disk')"], os.environ, log=tmp_path / "log"
        )
        with pytest.raises(ChildEndedError, match=r"(?s)The process of the service ended with status 1.*no disk"):
            watch(children)
