"""Webhooks over 32 keep-alive connections, each on disk before it is answered, and what the durability costs.

The load comes from a process of its own.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, Group, at_least, percentile, ratios
from benchmarks.serving import ROUTINES, Server, webhooks
from benchmarks.variants import command, no_storing, one_per_transaction
from benchmarks.webhook_load import Load, send
from routines.storage.opening import DATABASE_FILE

CONNECTIONS = 32
COALESCE = "coalesce_if_active"
ENQUEUE = "always_enqueue"


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of one variant gave."""

    per_second: float
    p50: float
    p99: float
    server_share: float
    load_share: float
    batches: int
    fires: int
    batches_per_second: float


def _round(count: int, *, serve: tuple[str, ...] = ROUTINES, policy: str = COALESCE) -> Round:
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), command=serve) as server:
        targets = webhooks(server.port, CONNECTIONS, policy)
        send(Load(server.port, targets, CONNECTIONS, count // 10))
        with sqlite3.connect(Path(folder) / DATABASE_FILE) as reader:
            warm = _batches(reader)
            before = server.cpu_seconds()
            seen = send(Load(server.port, targets, CONNECTIONS, count))
            busy = server.cpu_seconds() - before
            batches = _batches(reader) - warm
        reader.close()
    waits = [wait * 1000 for wait in seen.waits]
    return Round(
        per_second=seen.per_second,
        p50=percentile(waits, 50),
        p99=percentile(waits, 99),
        server_share=100 * busy / seen.seconds,
        load_share=100 * seen.cpu_seconds / seen.seconds,
        batches=batches,
        fires=count,
        batches_per_second=batches / seen.seconds,
    )


def _batches(reader: sqlite3.Connection) -> int:
    """Transactions that fires were written in: each reads the clock once, and none takes less than a millisecond."""
    return int(reader.execute("SELECT count(DISTINCT triggered_at) FROM runs").fetchone()[0])


def measure(*, quick: bool) -> Group:
    """The group's figures."""
    rounds, count = (1, 500) if quick else (5, 15_000)
    variants: dict[str, Callable[[], Round]] = {
        "durable": lambda: _round(count),
        "no storing": lambda: _round(count, serve=command(no_storing)),
        "one each": lambda: _round(count // 4, serve=command(one_per_transaction)),
        "enqueued": lambda: _round(count // 4, policy=ENQUEUE),
    }
    of: dict[str, list[Round]] = defaultdict(list)
    for _ in range(rounds):
        for name, variant in variants.items():
            of[name].append(variant())
    rates = {name: [each.per_second for each in measured] for name, measured in of.items()}
    durable = of["durable"]
    return Group(
        "webhook_fires",
        f"{count:,} webhooks (hmac_sha256, 32 triggers, coalesce_if_active) over {CONNECTIONS} keep-alive connections "
        "against `routines serve` (synchronous=FULL), pre-signed, from another process; the variants serve the same "
        "application without storing, and with one transaction for each request; rounds interleaved",
        [
            Figure("fires, durable", rates["durable"], "/s", at_least(1800)),
            Figure("  over no storing", ratios(rates["durable"], rates["no storing"]), target=at_least(0.18)),
            Figure("  over a transaction each", ratios(rates["durable"], rates["one each"]), target=at_least(1)),
            Figure("  p50", [each.p50 for each in durable], "ms"),
            Figure("  p99", [each.p99 for each in durable], "ms"),
            Figure("  mean batch", [each.fires / each.batches for each in durable], "fires"),
            Figure("  commits, an fsync each", [each.batches_per_second for each in durable], "/s"),
            Figure("  CPU of the service", [each.server_share for each in durable], "% core"),
            Figure("  CPU of the load", [each.load_share for each in durable], "% core"),
            Figure("fires, no storing", rates["no storing"], "/s"),
            Figure("fires, a transaction each", rates["one each"], "/s"),
            Figure("fires, an issue each", rates["enqueued"], "/s"),
        ],
    )
