"""What a server costs that has nothing to do: with 100,000 schedules, and with 100.

The schedules are due once a year, so that none fires meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from time import sleep

from benchmarks.figures import Figure, Group, at_most, ratios
from benchmarks.filling import ONCE_A_YEAR, add_homes, add_schedules
from benchmarks.machine import peak_megabytes, resident_megabytes
from benchmarks.serving import Server
from benchmarks.stores import Store, Stores

MANY, FEW = 100_000, 100
SETTLING_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """What one server took."""

    cpu_percent: float
    database_percent: float
    megabytes: float
    peak_megabytes: float
    seconds_to_first_answer: float


def _cost(store: Store, seconds: float) -> Cost:
    with Server(store) as server:
        sleep(SETTLING_SECONDS)
        before, database_before = server.cpu_seconds(), store.cpu_seconds()
        sleep(seconds)
        busy, database_busy = server.cpu_seconds() - before, store.cpu_seconds() - database_before
        return Cost(
            100 * busy / seconds,
            100 * database_busy / seconds,
            resident_megabytes(server.pid),
            peak_megabytes(server.pid),
            server.seconds_to_first_answer,
        )


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, seconds, many = (1, 2, 1_000) if quick else (2, 15, MANY)
    costs: dict[int, list[Cost]] = defaultdict(list)
    with stores.new() as large, stores.new() as small:
        of = {many: large, FEW: small}
        for count, store in of.items():
            now = datetime.now(UTC)
            add_schedules(store, add_homes(store, now), count, now, expression=ONCE_A_YEAR)
        for _ in range(rounds):
            for count, store in of.items():
                costs[count].append(_cost(store, seconds))
    cpu = {count: [each.cpu_percent for each in measured] for count, measured in costs.items()}
    memory = {count: [each.megabytes for each in measured] for count, measured in costs.items()}
    start = {count: [each.seconds_to_first_answer for each in measured] for count, measured in costs.items()}
    return Group(
        f"idle on {stores.kind}",
        f"a `routines serve` process with {many:,} schedules that are not due, and with {FEW}, over {seconds} s: "
        "CPU time and resident memory from /proc, the database's own processes apart; from the start of the process "
        "to its first answer; interleaved",
        [
            Figure("CPU", cpu[many], "% core", at_most(1)),
            Figure(f"  with {FEW} schedules", cpu[FEW], "% core"),
            Figure("CPU of the database", [each.database_percent for each in costs[many]], "% core"),
            Figure("resident memory", memory[many], "MB", at_most(150)),
            Figure("  at its peak", [each.peak_megabytes for each in costs[many]], "MB"),
            Figure(f"  over {FEW} schedules", ratios(memory[many], memory[FEW])),
            Figure("start to first answer", start[many], "s", at_most(2)),
            Figure(f"  over {FEW} schedules", ratios(start[many], start[FEW])),
        ],
    )
