"""What the figures were measured on, and what a process took of it. Linux only: it is read from /proc.

Nothing is measured of the service itself.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

FSYNC_ROUNDS = 200


def described() -> str:
    """The machine, the interpreter, and what else was running, in one line."""
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    )
    return (
        f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Linux {platform.release()}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        f"fsync of 4 KiB {_fsync_microseconds():.0f} us"
    )


def _fsync_microseconds() -> float:
    """How long this machine's temporary folder, where the databases lie, takes to put a page on disk."""
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(FSYNC_ROUNDS):
            file.write(b"x" * 4096)
            file.flush()
            began = perf_counter()
            os.fsync(file.fileno())
            took.append((perf_counter() - began) * 1e6)
    return median(took)


def cpu_seconds(pid: int) -> float:
    """How long a process, all its threads, has run on a core since it started."""
    return sum(int(ticks) for ticks in _stat(pid)[11:13]) / os.sysconf("SC_CLK_TCK")


def family_cpu_seconds(pid: int) -> float:
    """As `cpu_seconds`, with the children that it has and those that have ended."""
    of_ended = sum(int(ticks) for ticks in _stat(pid)[13:15]) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return cpu_seconds(pid) + of_ended + sum(_cpu_seconds_or_none(int(child)) for child in children)


def parent_of(pid: int) -> int:
    """The process that started it."""
    return int(_stat(pid)[1])


def _cpu_seconds_or_none(pid: int) -> float:
    try:
        return cpu_seconds(pid)
    except FileNotFoundError:  # it has ended since it was listed, and counts among its parent's ended ones from now on
        return 0.0


def _stat(pid: int) -> list[str]:
    """What /proc tells of a process, from its state on (the third field in proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def resident_megabytes(pid: int) -> float:
    """How much memory a process holds."""
    return _status_megabytes(pid, "VmRSS:")


def peak_megabytes(pid: int) -> float:
    """How much memory a process has held at most."""
    return _status_megabytes(pid, "VmHWM:")


def _status_megabytes(pid: int, key: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise ValueError(f"No {key} in the status of process {pid}")
