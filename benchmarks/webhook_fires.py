"""Webhooks over 32 keep-alive connections, each on disk before it is answered, and what the durability costs.

The load comes from a process of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.figures import Figure, Group, at_least, at_most, percentile, ratios
from benchmarks.filling_runs import add_history
from benchmarks.serving import ROUTINES, Server, webhooks
from benchmarks.stores import Store, Stores
from benchmarks.variants import command, no_storing, one_per_transaction
from benchmarks.webhook_load import Load, send

CONNECTIONS = 32
FIRES_PER_SECOND_MIN = {"SQLite": 1_800, "PostgreSQL": 1_500}
P99_MILLISECONDS_MAX = 100
COALESCE = "coalesce_if_active"
ENQUEUE = "always_enqueue"
BATCHES = "SELECT count(DISTINCT triggered_at) FROM runs"
"""Transactions that fires were written in: each reads the clock once, and none takes less than a millisecond."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of one variant gave."""

    per_second: float
    p50: float
    p99: float
    server_share: float
    database_share: float
    load_share: float
    batches: int
    fires: int
    batches_per_second: float


def rounds_of(
    stores: Stores, count: int, *, serve: tuple[str, ...] = ROUTINES, policy: str = COALESCE, behind: int = 0
) -> Iterator[Round]:
    """A round on an empty database, and with fires `behind` it another one after those."""
    with stores.new() as store, Server(store, command=serve) as server:
        targets = webhooks(server.port, CONNECTIONS, policy)
        send(Load(server.port, targets, CONNECTIONS, count // 10))
        yield _round(store, server, Load(server.port, targets, CONNECTIONS, count))
        if behind:
            routines = [row[0] for row in store.rows("SELECT CAST(id AS text) FROM routines")]
            add_history(store, datetime.now(UTC), dict.fromkeys(routines, behind // CONNECTIONS))
            yield _round(store, server, Load(server.port, targets, CONNECTIONS, count))


def _round(store: Store, server: Server, load: Load) -> Round:
    """What a load gives."""
    [(batches_before,)] = store.rows(BATCHES)
    busy_before, database_before = server.cpu_seconds(), store.cpu_seconds()
    seen = send(load)
    busy, database_busy = server.cpu_seconds() - busy_before, store.cpu_seconds() - database_before
    batches = store.rows(BATCHES)[0][0] - batches_before
    waits = [wait * 1000 for wait in seen.waits]
    return Round(
        per_second=seen.per_second,
        p50=percentile(waits, 50),
        p99=percentile(waits, 99),
        server_share=100 * busy / seen.seconds,
        database_share=100 * database_busy / seen.seconds,
        load_share=100 * seen.cpu_seconds / seen.seconds,
        batches=batches,
        fires=load.count,
        batches_per_second=batches / seen.seconds,
    )


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, count, behind = (1, 500, 3_200) if quick else (3, 10_000, 200_000)
    of: dict[str, list[Round]] = defaultdict(list)
    for _ in range(rounds):
        for name, each in zip(("durable", "later"), rounds_of(stores, count, behind=behind), strict=True):
            of[name].append(each)
        of["no storing"] += rounds_of(stores, count, serve=command(no_storing))
        of["one each"] += rounds_of(stores, count // 4, serve=command(one_per_transaction))
        of["enqueued"] += rounds_of(stores, count // 4, policy=ENQUEUE)
    rates = {name: [each.per_second for each in measured] for name, measured in of.items()}
    durable, later = of["durable"], of["later"]
    least, longest = FIRES_PER_SECOND_MIN[stores.kind], P99_MILLISECONDS_MAX
    return Group(
        f"webhook_fires on {stores.kind}",
        f"{count:,} webhooks (hmac_sha256, 32 triggers, coalesce_if_active) over {CONNECTIONS} keep-alive connections "
        "against `routines serve`, every commit on disk, pre-signed, from another process; first on an empty database "
        f"that was never analysed, then on the same with {behind:,} fires more behind it; the variants serve the same "
        "application without storing, and with one transaction for each request; rounds interleaved",
        [
            Figure("fires, durable", rates["durable"], "/s", at_least(least)),
            Figure("  over no storing", ratios(rates["durable"], rates["no storing"]), target=at_least(0.18)),
            Figure("  over a transaction each", ratios(rates["durable"], rates["one each"]), target=at_least(1)),
            Figure("  p50", [each.p50 for each in durable], "ms"),
            Figure("  p99", [each.p99 for each in durable], "ms", at_most(longest)),
            Figure("  mean batch", [each.fires / each.batches for each in durable], "fires"),
            Figure("  commits, an fsync each", [each.batches_per_second for each in durable], "/s"),
            Figure("  CPU of the service", [each.server_share for each in durable], "% core"),
            Figure("  CPU of the database", [each.database_share for each in durable], "% core"),
            Figure("  CPU of the load", [each.load_share for each in durable], "% core"),
            Figure(f"fires after {behind:,}", rates["later"], "/s", at_least(least)),
            Figure("  over the first", ratios(rates["later"], rates["durable"])),
            Figure("  p99", [each.p99 for each in later], "ms", at_most(longest)),
            Figure("fires, no storing", rates["no storing"], "/s"),
            Figure("fires, a transaction each", rates["one each"], "/s"),
            Figure("fires, an issue each", rates["enqueued"], "/s"),
        ],
    )
