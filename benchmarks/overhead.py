"""What it costs the rate of fires that somebody is told of them: the same burst and webhooks, with that and without.

What is told is each variant's; how fast fires are by themselves is measured in `due_burst` and `webhook_fires`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks import bursts
from benchmarks.figures import Figure, Group, at_least, ratios
from benchmarks.filling import IDS, add_homes, add_schedules
from benchmarks.serving import ROUTINES, Server, webhooks
from benchmarks.stores import Store, Stores, opened
from benchmarks.variants import command, unmeasured
from benchmarks.webhook_fires import COALESCE, CONNECTIONS
from benchmarks.webhook_load import Load, send
from routines.core.limits import QUIET_AFTER_SECONDS_DEFAULT
from routines.core.notifications import Channel, NotificationEvent, Subscription
from routines.observer import NOBODY, Everybody, Observer
from routines.storage.queries import notifications
from routines.telemetry.metrics import Metrics

BEFORE = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
RATIO_MIN = 0.95  # under 5 % of the rate
WEBHOOKS, WEBHOOKS_UNTOLD = "webhooks", "webhooks, nothing"


def _untouched(_: Store) -> None:
    """Nothing is put into the database."""


def _nobody() -> Observer:
    return NOBODY


def _metrics() -> Observer:
    """As a server counts, without the scrapes."""
    return Everybody([Metrics(list, int)])


def _subscribed(store: Store) -> None:
    """Every company has somebody who is to be told of every event."""
    with opened(store) as database, database.write() as transaction:
        for (company_id,) in store.rows("SELECT CAST(id AS text) FROM companies"):
            notifications.add(transaction.connection, _subscription(company_id))


def _subscription(company_id: str) -> Subscription:
    return Subscription(
        id=IDS.new(BEFORE),
        company_id=company_id,
        channel=Channel.WEBHOOK,
        name=None,
        target="https://example.com/told",
        sealed_secret=b"",
        events=tuple(NotificationEvent),
        routine_id=None,
        quiet_after_seconds=QUIET_AFTER_SECONDS_DEFAULT,
        enabled=True,
        last_rotated_at=None,
        created_at=BEFORE,
        updated_at=BEFORE,
    )


@dataclass(frozen=True, slots=True)
class Variant:
    """Something that hangs on fires: what it needs in the database, and who is told of them."""

    name: str
    prepare: Callable[[Store], None]
    observer: Callable[[], Observer]


WITHOUT = Variant("nothing", _untouched, _nobody)
VARIANTS = (
    Variant("metrics", _untouched, _metrics),
    Variant("metrics and notifications", _subscribed, _metrics),
)
"""Each is measured against `WITHOUT`, in turn with it; whatever else comes to hang on fires belongs here."""


def _fires_per_second(template: Store, slot: datetime, count: int, variant: Variant) -> float:
    with template.copy() as store:
        variant.prepare(store)
        return count / bursts.fire(store, slot, count, variant.observer())


def _turned(variants: Sequence[Variant], number: int) -> Sequence[Variant]:
    """All of them, each in every place as often as the others over the rounds."""
    first = number % len(variants)
    return (*variants[first:], *variants[:first])


def _webhooks(stores: Stores, turns: int, count: int) -> Iterator[tuple[str, float]]:
    """Webhooks a second, and microseconds of a core for each, of two servers that stand and take their turns."""
    served = {WEBHOOKS: ROUTINES, WEBHOOKS_UNTOLD: command(unmeasured)}
    with ExitStack() as standing:
        servers, loads = {}, {}
        for name, serve in served.items():
            server = standing.enter_context(Server(standing.enter_context(stores.new()), command=serve))
            servers[name] = server
            loads[name] = Load(server.port, webhooks(server.port, CONNECTIONS, COALESCE), CONNECTIONS, count)
            send(loads[name])
        for turn in range(turns):
            for name in sorted(loads, reverse=turn % 2 == 0):
                busy_before = servers[name].cpu_seconds()
                yield name, send(loads[name]).per_second
                yield _cpu(name), 1e6 * (servers[name].cpu_seconds() - busy_before) / count


def _cpu(name: str) -> str:
    return f"{name}, CPU"


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, count = (1, 1_000) if quick else (15, 10_000)
    pairs, turns, webhooks_each = (1, 1, 500) if quick else (10, 4, 1_000)
    rates: dict[str, list[float]] = defaultdict(list)
    for _ in range(pairs):  # for a process is faster or slower than another for as long as it runs
        for name, rate in _webhooks(stores, turns, webhooks_each):
            rates[name].append(rate)
    bursts.prepare()
    with stores.new() as template:
        slot = add_schedules(template, add_homes(template, BEFORE), count, BEFORE)
        _fires_per_second(template, slot, count, WITHOUT)  # what is done once in a process is done now
        for number in range(rounds):
            for variant in _turned((WITHOUT, *VARIANTS), number):
                rates[variant.name].append(_fires_per_second(template, slot, count, variant))
    return Group(
        f"overhead on {stores.kind}",
        f"{count:,} schedules due at one minute (Scheduler.fire_due), with each variant and with nothing, each first "
        f"in a third of the rounds; {turns} times in turn {webhooks_each:,} webhooks against `routines serve` as it is "
        f"and as it would be if it told nobody, of {pairs} pairs of such servers; ratios within each round and turn",
        [
            Figure("fires, nothing", rates[WITHOUT.name], "/s"),
            *(
                figure
                for each in VARIANTS
                for figure in (
                    Figure(f"fires, {each.name}", rates[each.name], "/s"),
                    Figure("  over nothing", ratios(rates[each.name], rates[WITHOUT.name]), target=at_least(RATIO_MIN)),
                )
            ),
            Figure("webhooks", rates[WEBHOOKS], "/s"),
            Figure("  over nothing", ratios(rates[WEBHOOKS], rates[WEBHOOKS_UNTOLD]), target=at_least(RATIO_MIN)),
            Figure("  CPU of the service for each", rates[_cpu(WEBHOOKS)], "us"),
            Figure("    over nothing", ratios(rates[_cpu(WEBHOOKS)], rates[_cpu(WEBHOOKS_UNTOLD)])),
        ],
    )
