"""Thousands of schedules due at one minute: how fast they fire, and how long a webhook waits meanwhile.

What must be true of such a burst is tested elsewhere; here it is only timed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from time import sleep, time

from benchmarks import bursts, rival_apscheduler, rival_procrastinate
from benchmarks.figures import Figure, Group, at_least, at_most, percentile, ratios
from benchmarks.filling import add_homes, add_schedules
from benchmarks.postgres_stores import PostgresStores
from benchmarks.replays import Chunk
from benchmarks.serving import Server, webhooks
from benchmarks.stores import Store, Stores
from benchmarks.webhook_load import Load, start
from routines.core.instants import from_milliseconds

BEFORE = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
FIRES_PER_SECOND_MIN = {"SQLite": 8_000, "PostgreSQL": 10_000}
LARGER_FIRES_PER_SECOND_MIN = 8_000
WEBHOOKS_PER_SECOND = 100
LEAD_SECONDS = 6.0  # from the start of the server to the minute of the burst


def _filled(store: Store, count: int) -> datetime:
    """Schedules that are all due at the instant returned."""
    return add_schedules(store, add_homes(store, BEFORE), count, BEFORE)


def _fires_per_second(template: Store, slot: datetime, count: int) -> float:
    with template.copy() as store:
        return count / bursts.fire(store, slot, count)


def _replayed_per_second(template: Store, chunks: Sequence[Chunk], writers: int, count: int) -> float:
    with template.copy() as store:
        return count / store.replay(chunks, writers)


def _recorded(template: Store, slot: datetime, count: int) -> list[Chunk]:
    """What a burst writes."""
    with template.copy() as store, store.recording() as chunks:
        bursts.fire(store, slot, count)
    return [chunk for chunk in chunks if chunk]


def _waits(template: Store, slot: datetime, count: int) -> tuple[list[float], float]:
    """How long webhooks waited, in milliseconds, that were sent to a server during a burst; and the burst's seconds."""
    with template.copy() as store:
        offset = slot.timestamp() - LEAD_SECONDS - time()
        with Server(store, clock_offset=offset) as server:
            targets = webhooks(server.port, 1, "coalesce_if_active")
            until_slot = slot.timestamp() - offset - time()
            seconds = until_slot + 2 + count / 2_500
            load = Load(server.port, targets, 64, int(seconds * WEBHOOKS_PER_SECOND), WEBHOOKS_PER_SECOND, offset)
            seen = start(load)()
            sleep(0.2)
        at = int(slot.timestamp() * 1000)
        last = f"SELECT count(*), max(triggered_at) FROM runs WHERE source = 'schedule' AND scheduled_for = {at}"  # noqa: S608 - a number
        [(fired, ended)] = store.rows(last)
    if fired != count:
        raise RuntimeError(f"{fired} of {count} slots were fired when the load had ended")
    burst = (from_milliseconds(ended) - slot).total_seconds()
    due_after = [at + offset - slot.timestamp() for at in seen.due_at]
    during = [1000 * wait for wait, after in zip(seen.waits, due_after, strict=True) if 0 <= after <= burst]
    return during or [0.0], burst  # the burst of a smoke run may fall between two webhooks


def _larger(stores: Stores, rounds: int, count: int) -> Figure:
    with stores.new() as template:
        slot = _filled(template, count)
        rates = [_fires_per_second(template, slot, count) for _ in range(rounds)]
    return Figure(f"fires of {count:,}", rates, "/s", at_least(LARGER_FIRES_PER_SECOND_MIN))


def _rivals(stores: Stores, count: int, seconds_max: float) -> dict[str, float]:
    """What others do of the same on the same database, measured for at most so long."""
    rates = {"APScheduler": rival_apscheduler.jobs_per_second(stores.bare_url(), count, seconds_max=seconds_max)}
    if isinstance(stores, PostgresStores):  # it knows no other database
        url = stores.bare_url()
        rates["procrastinate"] = rival_procrastinate.deferrals_per_second(url, count, seconds_max=seconds_max)
    return rates


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, count, larger, seconds_max = (1, 1_000, 2_000, 2.0) if quick else (3, 20_000, 100_000, 8.0)
    rates: dict[str, list[float]] = defaultdict(list)
    rivals: dict[str, list[float]] = defaultdict(list)
    waits, in_server = [], []
    bursts.prepare()
    with stores.new() as template:
        slot = _filled(template, count)
        chunks = _recorded(template, slot, count)
        for _ in range(rounds):
            rates["ours"].append(_fires_per_second(template, slot, count))
            for writers in sorted({stores.writers, 1}):
                rates[f"replay by {writers}"].append(_replayed_per_second(template, chunks, writers, count))
            for name, rate in _rivals(stores, count, seconds_max).items():
                rivals[name].append(rate)
            waited, burst = _waits(template, slot, count)
            waits.append(waited)
            in_server.append(count / burst)
    replayed = rates[f"replay by {stores.writers}"]
    return Group(
        f"due_burst on {stores.kind}",
        f"{count:,} routines with a schedule each, all due at one minute, in a database that was never analysed, each "
        f"fire making a run, an issue and a wake-up, through Scheduler.fire_due with its {stores.writers} writing "
        "thread(s), every commit on disk; replay: the same rows (COPY data made before) by the same statements in the "
        "same transactions from a bare driver over as many connections; "
        f"{WEBHOOKS_PER_SECOND} webhooks a second sent to a `routines serve` process while it fires such a burst; "
        "APScheduler 3 with its SQLAlchemy job store on the same database, the same count of jobs due; on PostgreSQL "
        f"procrastinate's periodic deferrer, too; both stopped after {seconds_max:.0f} s; rounds interleaved",
        [
            Figure("fires", rates["ours"], "/s", at_least(FIRES_PER_SECOND_MIN[stores.kind])),
            Figure("  over replay", ratios(rates["ours"], replayed), target=at_least(0.45)),
            *(
                Figure(f"  over {name}", ratios(rates["ours"], theirs), target=at_least(1))
                for name, theirs in rivals.items()
            ),
            Figure("replay", replayed, "/s"),
            *([Figure("  over one connection", rates["replay by 1"], "/s")] if stores.writers > 1 else []),
            *(Figure(name, theirs, "/s") for name, theirs in rivals.items()),
            *([_larger(stores, min(rounds, 2), larger)] if isinstance(stores, PostgresStores) else []),
            Figure("burst in a server with webhooks", in_server, "/s"),
            Figure("webhook during it, longest wait", [max(each) for each in waits], "ms", at_most(250)),
            Figure("  p99", [percentile(each, 99) for each in waits], "ms"),
            Figure("  p50", [percentile(each, 50) for each in waits], "ms"),
        ],
    )
