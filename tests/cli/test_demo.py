"""The demo as a newcomer runs it: real processes, whose clock is sped up so that a minute takes seconds."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

DEMO = [sys.executable, "-m", "routines", "demo"]
ENVIRONMENT = {**os.environ, "ROUTINES_TEST_CLOCK_RATE": "20", "ROUTINES_DATABASE_URL": "nobody://should/read/this"}
SECONDS_MAX = 100

pytestmark = pytest.mark.last


class Shown(NamedTuple):
    """A demo that has ended by itself."""

    returncode: int
    stdout: str
    stderr: str


def run_demos(*flags: str, at_once: int = 1) -> list[Shown]:
    """Demos that end by themselves."""
    with ExitStack() as started:
        demos = [
            started.enter_context(
                subprocess.Popen(  # noqa: S603 - our own program
                    [*DEMO, *flags], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
            )
            for _ in range(at_once)
        ]
        for demo in demos:
            started.callback(demo.kill)  # or the end of the block would wait for one that does not end
        said = [demo.communicate(timeout=SECONDS_MAX) for demo in demos]
    return [Shown(demo.returncode, *each) for demo, each in zip(demos, said, strict=True)]


def curl_lines(shown: str) -> Iterator[str]:
    """Each command that was shown, whole: up to where its quotes are closed and no backslash goes on."""
    command = ""
    for line in shown.splitlines():
        if command or line.startswith("  curl "):
            command += line + "\n"
            try:
                ends = bool(shlex.split(command)) and not line.endswith("\\")
            except ValueError:
                continue
            if ends:
                yield command
                command = ""


def test_once_ends_well_with_a_completed_run_of_each_kind_and_a_coalesced_one() -> None:
    """Also when two start at once, of which each finds the usual port free."""
    demos = run_demos("--once", at_once=2)
    for demo in demos:
        assert demo.returncode == 0, demo.stdout + demo.stderr
        completed = re.findall(r"→ the (\w+) run \S+ is completed", demo.stdout)
        assert sorted(completed) == ["api", "schedule", "webhook"]
        assert re.search(r"→ run \S+ coalesced, issue LANT-\d", demo.stdout)
        assert "## Review of #482" in demo.stdout
        assert "## Release notes" in demo.stdout
        assert "## Where things stand" in demo.stdout
        assert demo.stderr == ""
    one, other = (re.findall(r"curl \S* ?http://127.0.0.1:(\d+)/api/health", demo.stdout) for demo in demos)
    assert one != other


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_curl_line_that_is_shown_works_and_nothing_is_left_behind() -> None:
    with subprocess.Popen(DEMO, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as demo:  # noqa: S603 - the same
        assert demo.stdout is not None
        shown = ""
        for line in demo.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        try:
            replies = [
                json.loads(subprocess.check_output(["sh", "-c", line], text=True, timeout=30))  # noqa: S603, S607
                for line in curl_lines(shown)
            ]
        finally:
            demo.send_signal(signal.SIGTERM)
            rest = demo.stdout.read()  # ends when the last process that could write has ended
    assert demo.returncode == 0, rest
    assert len(replies) > 15
    assert [reply for reply in replies if isinstance(reply, dict) and "error" in reply] == []
    data_folder = re.search(r"--data-dir (\S+)", shown)
    assert data_folder is not None
    assert not Path(data_folder[1]).exists()
    port = re.search(r"--port (\d+)", shown)
    assert port is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port[1]))) != 0


def test_a_port_that_is_taken_is_told_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        [demo] = run_demos("--once", "--port", str(port))
    assert demo.returncode == 2
    assert demo.stderr == f"routines: Port {port} is taken; without --port the demo finds a free one\n"
