"""Whether a schedule is too frequent for its agent: reckoned from how long the agent's last heartbeats took.

It is said, never forbidden: the concurrency policy decides what becomes of fires that come too early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low

from routines.core import cron
from routines.core.adapters import runtime_of
from routines.core.model import Agent, ConcurrencyPolicy

DAY = timedelta(days=1)
HEARTBEATS_NEEDED = 3  # fewer tell nothing of the next ones
_WHAT_BECOMES_OF_THEM = {
    ConcurrencyPolicy.COALESCE_IF_ACTIVE: "fires that come while the issue is open join it",
    ConcurrencyPolicy.SKIP_IF_ACTIVE: "fires that come while the issue is open are skipped",
    ConcurrencyPolicy.ALWAYS_ENQUEUE: "issues pile up",
}


@dataclass(frozen=True, slots=True)
class PaceQuery:
    """A schedule that is meant for an agent."""

    cron_expression: str
    timezone: str
    agent_id: str
    concurrency_policy: ConcurrencyPolicy


def too_frequent(
    schedule: cron.Schedule, agent: Agent, took: Sequence[timedelta], policy: ConcurrencyPolicy, now: datetime
) -> str | None:
    """A sentence if an agent's heartbeats, at the length that its last ones `took`, cannot follow a schedule.

    That is so if the fires of the coming day, each as long as the median of those, take longer than the agent has at
    `maxConcurrentRuns`; or else if so many fires come closer together than that median that one has to wait.
    """
    if len(took) < HEARTBEATS_NEEDED:
        return None
    each, at_once = median_low(took), runtime_of(agent.runtime_config).concurrent_runs_max
    fires = list(cron.between(schedule, now, now + DAY))
    history = f"the last {len(took)} heartbeats of {agent.name} took {_length(each)} (the median)"
    follows = _WHAT_BECOMES_OF_THEM[policy]
    if len(fires) * each > at_once * DAY:
        return (
            f"Too frequent for {agent.name}: it fires {len(fires):,} times in the coming day, and {history}, "
            f"so that is {_length(len(fires) * each)} of work for one who works on {at_once} at a time; {follows}"
        )
    closest = min((later - slot for slot, later in zip(fires, fires[at_once:], strict=False)), default=DAY)
    if closest < each:
        return (
            f"Too frequent for {agent.name} at times: {at_once + 1} fires come within {_length(closest)}, and "
            f"{history}, {at_once} at a time; {follows}"
        )
    return None


def _length(duration: timedelta) -> str:
    """A length of time in the unit that leaves two digits, rounded."""
    seconds = round(duration.total_seconds())
    for size, unit in ((3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{round(seconds / size):,} {unit}"
    return f"{seconds} s"
