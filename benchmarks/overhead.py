"""What it costs the rate of fires that somebody is told of them: the same burst and webhooks, with that and without.

What is told is each variant's; how fast fires are by themselves is measured in `due_burst` and `webhook_fires`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
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


def _webhooks(stores: Stores, rounds: int, count: int) -> dict[str, list[float]]:
    """Webhooks a second of two servers that stand beside each other and take their turns."""
    served = {WEBHOOKS: ROUTINES, WEBHOOKS_UNTOLD: command(unmeasured)}
    rates: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as standing:
        loads = {}
        for name, serve in served.items():
            server = standing.enter_context(Server(standing.enter_context(stores.new()), command=serve))
            loads[name] = Load(server.port, webhooks(server.port, CONNECTIONS, COALESCE), CONNECTIONS, count)
            send(loads[name])
        for number in range(rounds):
            for name in sorted(loads, reverse=number % 2 == 0):
                rates[name].append(send(loads[name]).per_second)
    return rates


def measure(stores: Stores, *, quick: bool) -> Group:
    """The group's figures."""
    rounds, count = (1, 1_000) if quick else (7, 20_000)
    turns, webhooks_each = (1, 500) if quick else (30, 2_000)
    rates = _webhooks(stores, turns, webhooks_each)
    bursts.prepare()
    with stores.new() as template:
        slot = add_schedules(template, add_homes(template, BEFORE), count, BEFORE)
        _fires_per_second(template, slot, count, WITHOUT)  # what is done once in a process is done now
        for number in range(rounds):
            order = (WITHOUT, *VARIANTS) if number % 2 else (*VARIANTS, WITHOUT)
            for variant in order:
                rates[variant.name].append(_fires_per_second(template, slot, count, variant))
    return Group(
        f"overhead on {stores.kind}",
        f"{count:,} schedules due at one minute (Scheduler.fire_due), with each variant and with nothing, in an order "
        f"that changes from round to round; {turns} times in turn {webhooks_each:,} webhooks against `routines serve` "
        "as it is and as it would be if it told nobody, both standing; ratios within each round",
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
        ],
    )
