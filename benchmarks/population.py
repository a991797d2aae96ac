"""What it costs that there are a million schedules, where a thousand of them are due: to fire those, and in memory.

The same is measured with ten thousand; the rest is due once a year.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep

from benchmarks import bursts
from benchmarks.figures import Figure, Group, at_most, ratios
from benchmarks.filling import MINUTE, ONCE_A_YEAR, add_homes, add_schedules
from benchmarks.machine import resident_megabytes
from benchmarks.serving import Server
from benchmarks.stores import Store, Stores

SETTLING_SECONDS = 2
AHEAD = timedelta(days=1)  # that a server which is then started finds nothing due


def _filled(store: Store, count: int, due: int, slots: int, now: datetime) -> tuple[list[datetime], float]:
    """So many schedules, of which `due` are due at each of some minutes; those, and the seconds that it took."""
    began = perf_counter()
    homes = add_homes(store, now)
    at = []
    for number in range(1, slots + 1):
        slot = now + number * MINUTE
        expression = f"{slot.minute} {slot.hour} {slot.day} {slot.month} *"
        at.append(add_schedules(store, homes, due, now, expression=expression))
    add_schedules(store, homes, count - due * slots, now, expression=ONCE_A_YEAR)
    store.settle()
    return at, perf_counter() - began


def _megabytes(store: Store) -> float:
    """What a server holds that has nothing to do."""
    with Server(store) as server:
        sleep(SETTLING_SECONDS)
        return resident_megabytes(server.pid)


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, due, many, few = (2, 100, 2_000, 500) if quick else (7, 1_000, 1_000_000, 10_000)
    took: dict[int, list[float]] = defaultdict(list)
    memory: dict[int, list[float]] = defaultdict(list)
    filling = []
    bursts.prepare()
    with stores.new() as large, stores.new() as small:
        of = {many: large, few: small}
        now = datetime.now(UTC) + AHEAD
        for count, store in of.items():
            slots, seconds = _filled(store, count, due, rounds, now)
            filling.append(seconds)
        for slot in slots:
            for count, store in of.items():
                took[count].append(1000 * bursts.fire(store, slot, due))
        for _ in range(2):
            for count, store in of.items():
                memory[count].append(_megabytes(store))
    return Group(
        f"population on {stores.kind}",
        f"{many:,} routines with a schedule each, and {few:,}, of which {due:,} are due at each of {rounds} minutes "
        "(Scheduler.fire_due); the database analysed after it was filled; a `routines serve` process on each; "
        "rounds interleaved",
        [
            Figure(f"{due:,} due of {many:,}", took[many], "ms"),
            Figure(f"  over of {few:,}", ratios(took[many], took[few]), target=at_most(1.5)),
            Figure("resident memory of a server", memory[many], "MB"),
            Figure(f"  over {few:,}", ratios(memory[many], memory[few]), target=at_most(1.1)),
            Figure("filling, once", [filling[0]], "s"),
        ],
    )
