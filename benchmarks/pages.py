"""What the board's pages cost where there is much to show: how long the server takes for each, and what each weighs.

With 2,000 routines and 100,000 runs, with the issue and the heartbeat of each that was completed or failed: home, its
list sorted in other ways and searched, what comes next, the editor, and the pages of everything else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import perf_counter

from benchmarks.figures import Figure, Group, at_most, percentile
from benchmarks.filling import add_homes, add_schedules
from benchmarks.filling_runs import add_days
from benchmarks.serving import Caller, Server
from benchmarks.stores import Store, Stores

HOUR = timedelta(hours=1)
AHEAD = timedelta(hours=1)  # that a server which is then started finds nothing due
SCHEDULES = (
    "* * * * *",
    "*/5 * * * *",
    "*/15 8-18 * * 1-5",
    *(f"{minute} * * * *" for minute in (0, 7, 30)),
    *(f"0 {hour} * * *" for hour in range(24)),
    *(f"{minute} 9 * * 1-5" for minute in range(0, 60, 6)),
    *(f"30 4 {day} * *" for day in (1, 10, 20)),
)
"""As companies have them: some that fire all the time, many that fire once a day, many of these at the same time."""
P50_MILLISECONDS_MAX = 100
KILOBYTES_MAX = 300


def _filled(store: Store, routines: int, runs: int) -> dict[str, str]:
    """A company whose routines fire every hour; the pages that are measured, by name."""
    now = datetime.now(UTC)
    homes = add_homes(store, now)
    for number, expression in enumerate(SCHEDULES):
        count = len(range(number, routines, len(SCHEDULES)))
        add_schedules(store, homes, count, now + AHEAD, expression=expression)
    add_days(store, now, runs // routines, HOUR)
    store.settle()
    company = f"/companies/{homes[0].company_id}"
    home = f"{company}/routines"
    one, issue, beat = (
        store.rows(f"SELECT CAST(id AS text) FROM {table} ORDER BY id LIMIT 1")[0][0]  # noqa: S608 - constants
        for table in ("routines", "issues", "heartbeat_runs")
    )
    return {
        "home": home,
        "home, by next fire": f"{home}?sort=next",
        "home, last page, by last fire": f"{home}?sort=last&page={routines}",
        "home, searched for words": f"{home}?q=part+1",
        "a routine": f"/routines/{one}",
        "what comes next, a day": f"{company}/upcoming",
        "what comes next, a week": f"{company}/upcoming?range=week",
        "new routine": f"{home}/new",
        "issues, open": f"{company}/issues",
        "issues, done": f"{company}/issues?status=done",
        "issues, done, searched for words that are in none": f"{company}/issues?status=done&q=never",
        "an issue": f"/issues/{issue}",
        "agents": f"{company}/agents",
        "an agent": f"/agents/{homes[0].agent_id}",
        "heartbeats": f"{company}/heartbeats",
        "heartbeats that failed, of which there are none": f"{company}/heartbeats?status=failed",
        "a heartbeat": f"/heartbeat-runs/{beat}",
        "activity": f"{company}/activity",
        "projects": f"{company}/projects",
    }


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, times, routines, runs = (1, 2, 50, 2_000) if quick else (5, 10, 2_000, 100_000)
    figures = []
    with stores.new() as store:
        paths = _filled(store, routines, runs)
        with Server(store) as server:
            caller = Caller(server.port)
            sizes = {name: len(caller.page(path)) for name, path in paths.items()}
            for name, path in paths.items():
                p50s = [percentile([_wait(caller, path) for _ in range(times)], 50) for _ in range(rounds)]
                figures.append(Figure(f"{name}, p50", p50s, "ms", at_most(P50_MILLISECONDS_MAX)))
                figures.append(Figure("  weight", [sizes[name] / 1000], "kB", at_most(KILOBYTES_MAX)))
    return Group(
        f"pages on {stores.kind}",
        f"{routines:,} routines of one company, with schedules of all kinds, and {runs:,} runs, one each an hour, "
        "with their issues and heartbeats; "
        "GET over one keep-alive connection to a `routines serve` process; of a page's weight nothing is "
        "compressed",
        figures,
    )


def _wait(caller: Caller, path: str) -> float:
    """Milliseconds until all of a page is there."""
    began = perf_counter()
    caller.page(path)
    return (perf_counter() - began) * 1000
