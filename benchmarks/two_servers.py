"""Two servers on one database, at one burst: whether the second is of any use, and what it costs.

Each is a process that does nothing but fire what is due.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from benchmarks.bursts import fire_by_processes
from benchmarks.due_burst import BEFORE
from benchmarks.figures import Figure, Group, at_least, at_most, ratios
from benchmarks.filling import add_homes, add_schedules
from benchmarks.stores import Store, Stores


@dataclass(frozen=True, slots=True)
class Round:
    """What one burst gave: fires a second, CPU time of each by the servers and by the database, who fired how much."""

    per_second: float
    server_microseconds: float
    database_microseconds: float
    smaller_share: float
    doubled: int


def _round(template: Store, slot: datetime, count: int, servers: int) -> Round:
    with template.copy() as store:
        busy = store.cpu_seconds()
        burst = fire_by_processes(store, slot, servers)
        busy = store.cpu_seconds() - busy
        [(runs, causes, issues)] = store.rows(
            "SELECT count(*), count(DISTINCT cause), (SELECT count(DISTINCT (company_id, identifier)) FROM issues)"
            " FROM runs"
        )
    if not runs == issues == count == sum(burst.settled):
        raise RuntimeError(f"{count} slots became {runs} runs and {issues} issues, said to be {burst.settled}")
    return Round(
        count / burst.seconds,
        burst.cpu_seconds * 1e6 / count,
        busy * 1e6 / count,
        min(burst.settled) / count,
        runs - causes,
    )


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, count = (1, 2_000) if quick else (5, 20_000)
    of: dict[tuple[int, int], list[Round]] = defaultdict(list)
    with stores.new() as many, stores.new() as single:
        templates = {20: many, 1: single}
        for companies, template in templates.items():
            slot = add_schedules(template, add_homes(template, BEFORE, companies), count, BEFORE)
        for _ in range(rounds):
            for companies, template in templates.items():
                for servers in (1, 2):
                    of[companies, servers].append(_round(template, slot, count, servers))
    doubled = [float(each.doubled) for measured in of.values() for each in measured]
    figures = [Figure("slots fired twice", doubled, "", at_most(0))]
    for companies in templates:
        one, two = of[companies, 1], of[companies, 2]
        rates = [[each.per_second for each in measured] for measured in (one, two)]
        cpu = [[each.server_microseconds for each in measured] for measured in (one, two)]
        database = [[each.database_microseconds for each in measured] for measured in (one, two)]
        figures += [
            Figure(f"fires by two servers, companies: {companies}", rates[1], "/s"),
            Figure("  over one server", ratios(rates[1], rates[0]), target=at_least(0.95)),
            Figure("  fired by the one that fired less", [100 * each.smaller_share for each in two], "%"),
            Figure("  CPU of a fire, both servers", cpu[1], "us"),
            Figure("    over one server", ratios(cpu[1], cpu[0])),
            Figure("  CPU of a fire, database", database[1], "us"),
            Figure("    over one server", ratios(database[1], database[0])),
        ]
    return Group(
        f"two_servers on {stores.kind}",
        f"{count:,} schedules due at one minute, fired by one process and by two at once, all on the machine of the "
        "database; CPU time from /proc, the database's own processes among it; every slot counted; rounds interleaved",
        figures,
    )
