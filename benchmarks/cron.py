"""How long the next slot of an expression takes, alone and in a burst, beside the libraries that others use.

Which slot it is, is the tests' business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import thread_time
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]  # it has no types
from croniter import croniter  # type: ignore[import-untyped]  # it has no types
from cronsim import CronSim

from benchmarks.figures import Figure, Group, at_least, at_most, ratios
from routines.core import cron as ours

EXPRESSIONS = (
    "* * * * *",
    "*/15 * * * *",
    "7 * * * *",
    "0 9 * * 1-5",
    "30 4 1,15 * *",
    "0 0 1 1 *",
    "0 22 * * SUN",
    "5 0 29 2 *",
)
ZONES = ("UTC", "Europe/Berlin")
AFTER = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
BURST_EXPRESSION = ("0 9 * * 1-5", "Europe/Berlin")


def _ours(expression: str, zone: str) -> object:
    ours.parse.cache_clear()
    ours._slot_after_minute.cache_clear()  # noqa: SLF001 - what is measured is the way past the cache
    return ours.next_after(ours.parse(expression, zone), AFTER)


def _cronsim(expression: str, zone: str) -> object:
    return next(CronSim(expression, AFTER.astimezone(ZoneInfo(zone))))


def _croniter(expression: str, zone: str) -> object:
    return croniter(expression, AFTER.astimezone(ZoneInfo(zone))).get_next(datetime)


def _apscheduler(expression: str, zone: str) -> object:
    return CronTrigger.from_crontab(expression, zone).get_next_fire_time(None, AFTER)


def _cached(expression: str, zone: str) -> object:
    return ours.next_after(ours.parse(expression, zone), AFTER)


def _seconds_of_all(contender: Callable[[str, str], object]) -> float:
    began = thread_time()
    for expression in EXPRESSIONS:
        for zone in ZONES:
            contender(expression, zone)
    return thread_time() - began


def measure(*, quick: bool) -> Group:
    """The group's figures."""
    rounds, repeats, burst = (2, 2, 1_000) if quick else (9, 40, 50_000)
    contenders: dict[str, Callable[[str, str], object]] = {
        "ours": _ours,
        "cronsim": _cronsim,
        "croniter": _croniter,
        "APScheduler": _apscheduler,
    }
    took: dict[str, list[float]] = {name: [] for name in contenders}
    in_burst = []
    for _ in range(rounds):
        seconds = dict.fromkeys(contenders, 0.0)
        for _ in range(repeats):
            for name, contender in contenders.items():
                seconds[name] += _seconds_of_all(contender)
        for name, total in seconds.items():
            took[name].append(total * 1e6 / (repeats * len(EXPRESSIONS) * len(ZONES)))
        _cached(*BURST_EXPRESSION)
        began = thread_time()
        for _ in range(burst):
            _cached(*BURST_EXPRESSION)
        in_burst.append((thread_time() - began) * 1e6 / burst)
    return Group(
        "cron",
        f"CPU time of the next slot after one instant of {len(EXPRESSIONS)} expressions in {len(ZONES)} zones, text to "
        "slot, caches emptied before each of ours; in a burst the same text again and again; rounds interleaved",
        [
            Figure("next slot, uncached", took["ours"], "us"),
            Figure("  over bare cronsim", ratios(took["ours"], took["cronsim"]), target=at_most(2)),
            Figure("  croniter over ours", ratios(took["croniter"], took["ours"]), target=at_least(1)),
            Figure("  APScheduler over ours", ratios(took["APScheduler"], took["ours"]), target=at_least(1)),
            Figure("next slot in a burst", in_burst, "us", at_most(2)),
        ],
    )
