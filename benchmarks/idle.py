"""What a server costs that has nothing to do: with 100,000 schedules, and with 100.

The schedules are due once a year, so that none fires meanwhile.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

from benchmarks.figures import Figure, Group, at_most, ratios
from benchmarks.machine import peak_megabytes, resident_megabytes
from benchmarks.population import ONCE_A_YEAR, add_home, add_schedules, database_in
from benchmarks.serving import Server

MANY, FEW = 100_000, 100
SETTLING_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """What one server took."""

    cpu_percent: float
    megabytes: float
    peak_megabytes: float
    seconds_to_first_answer: float


def _cost(data_dir: Path, seconds: float) -> Cost:
    with Server(data_dir) as server:
        sleep(SETTLING_SECONDS)
        before = server.cpu_seconds()
        sleep(seconds)
        busy = server.cpu_seconds() - before
        return Cost(
            100 * busy / seconds,
            resident_megabytes(server.pid),
            peak_megabytes(server.pid),
            server.seconds_to_first_answer,
        )


def measure(*, quick: bool) -> Group:
    """The group's figures."""
    rounds, seconds, many = (1, 2, 1_000) if quick else (3, 20, MANY)
    costs: dict[int, list[Cost]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for count in (many, FEW):
            now = datetime.now(UTC)
            database = database_in(Path(folder) / str(count))
            add_schedules(database, add_home(database, now), count, now, expression=ONCE_A_YEAR)
            database.close()
        for _ in range(rounds):
            for count in (many, FEW):
                costs[count].append(_cost(Path(folder) / str(count), seconds))
    cpu = {count: [each.cpu_percent for each in measured] for count, measured in costs.items()}
    memory = {count: [each.megabytes for each in measured] for count, measured in costs.items()}
    start = {count: [each.seconds_to_first_answer for each in measured] for count, measured in costs.items()}
    return Group(
        "idle",
        f"a `routines serve` process with {many:,} schedules that are not due, and with {FEW}, over {seconds} s: "
        "CPU time and resident memory from /proc; from the start of the process to its first answer; interleaved",
        [
            Figure("CPU", cpu[many], "% core", at_most(1)),
            Figure(f"  with {FEW} schedules", cpu[FEW], "% core"),
            Figure("resident memory", memory[many], "MB", at_most(150)),
            Figure("  at its peak", [each.peak_megabytes for each in costs[many]], "MB"),
            Figure(f"  over {FEW} schedules", ratios(memory[many], memory[FEW])),
            Figure("start to first answer", start[many], "s", at_most(2)),
            Figure(f"  over {FEW} schedules", ratios(start[many], start[FEW])),
        ],
    )
