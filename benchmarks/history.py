"""What it costs that there are millions of runs: to list a company's routines, to page through runs, and to fire.

The same is measured with a hundredth of them; each request waits for the one before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

from benchmarks import bursts
from benchmarks.figures import Figure, Group, at_most, percentile, ratios
from benchmarks.filling import ENQUEUE, MINUTE, add_homes, add_schedules
from benchmarks.filling_runs import add_history
from benchmarks.serving import Caller, Server
from benchmarks.stores import Store, Stores

PAGE = 50
AHEAD = timedelta(days=1)  # that a server which is then started finds nothing due
SHARE_OF_ONE = 0.1  # of all runs, what one routine has; the rest is spread evenly


@dataclass(frozen=True, slots=True)
class Past:
    """A database with a history: the slot of its routines, and where they and the runs of one are listed."""

    store: Store
    slot: datetime
    list_path: str
    page_path: str
    seconds: float


def _filled(store: Store, routines: int, runs: int) -> Past:
    began = perf_counter()
    now = datetime.now(UTC)
    homes = add_homes(store, now)
    slot = add_schedules(store, homes, routines, now + AHEAD, policy=ENQUEUE)
    one, *others = [row[0] for row in store.rows("SELECT CAST(id AS text) FROM routines ORDER BY id")]
    even = int(runs * (1 - SHARE_OF_ONE)) // len(others)
    add_history(store, now, {one: runs - even * len(others), **dict.fromkeys(others, even)})
    store.settle()
    page = f"/routines/{one}/runs?limit={PAGE}"
    return Past(store, slot, f"/companies/{homes[0].company_id}/routines", page, perf_counter() - began)


def _p50s(callers: Mapping[int, Caller], paths: Mapping[int, str], times: int) -> dict[int, float]:
    """The median wait, in milliseconds, for each server's path, asked in turn."""
    waits: dict[int, list[float]] = defaultdict(list)
    for _ in range(times):
        for runs, caller in callers.items():
            began = perf_counter()
            caller.raw("GET", paths[runs])
            waits[runs].append((perf_counter() - began) * 1000)
    return {runs: percentile(each, 50) for runs, each in waits.items()}


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, times, routines, many, few = (2, 3, 50, 2_000, 200) if quick else (5, 10, 1_000, 2_000_000, 20_000)
    took: dict[str, dict[int, list[float]]] = {name: {many: [], few: []} for name in ("dispatch", "list", "page")}
    bursts.prepare()
    with stores.new() as long, stores.new() as short:
        pasts = {runs: _filled(store, routines, runs) for runs, store in ((many, long), (few, short))}
        for number in range(rounds):
            for runs, past in pasts.items():
                took["dispatch"][runs].append(1000 * bursts.fire(past.store, past.slot + number * MINUTE, routines))
        with Server(long) as of_long, Server(short) as of_short:
            callers = {many: Caller(of_long.port), few: Caller(of_short.port)}
            lists = {runs: past.list_path for runs, past in pasts.items()}
            pages = {runs: past.page_path for runs, past in pasts.items()}
            kilobytes = len(callers[many].raw("GET", lists[many])) / 1000
            for paths in (lists, pages):
                _p50s(callers, paths, 2)
            for _ in range(rounds):
                for name, paths, each in (("list", lists, times), ("page", pages, 5 * times)):
                    for runs, p50 in _p50s(callers, paths, each).items():
                        took[name][runs].append(p50)
    over = {name: ratios(of[many], of[few]) for name, of in took.items()}
    return Group(
        f"history on {stores.kind}",
        f"{routines:,} routines and {many:,} runs, a tenth of them of one routine; over the same with {few:,} runs; "
        "the database analysed after it was filled; GET over one keep-alive connection to a `routines serve` process "
        f"of each, in turn: the list of the routines, each with a trigger, a last run and an open issue "
        f"({kilobytes:,.0f} kB), and a page of {PAGE} runs of the one; Scheduler.fire_due with all routines due",
        [
            Figure("list of routines, p50", took["list"][many], "ms", at_most(60)),
            Figure(f"  over {few:,} runs", over["list"], target=at_most(1.5)),
            Figure("page of runs, p50", took["page"][many], "ms"),
            Figure(f"  over {few:,} runs", over["page"], target=at_most(1.5)),
            Figure(f"{routines:,} due fired", took["dispatch"][many], "ms"),
            Figure(f"  over {few:,} runs", over["dispatch"], target=at_most(1.5)),
            Figure("filling, once", [pasts[many].seconds], "s"),
        ],
    )
