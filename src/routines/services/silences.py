"""Telling of routines that are quiet: a slot was due, its time has long passed, and no success has come since.

A success is an execution issue that is done. What is told is remembered, so that a silence is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from routines.core import cron
from routines.core.errors import RoutinesError
from routines.core.instants import iso
from routines.core.limits import QUIET_ROUTINES_AT_ONCE
from routines.core.notifications import Notice, Subscription, routine_quiet
from routines.dispatch import outbox
from routines.services.context import Context
from routines.storage.queries import facts, silences
from routines.storage.queries.activity import NIL
from routines.storage.queries.silences import Watched

FACT = "silences_looked_at"
LOOK_EVERY = timedelta(minutes=1)


class Silence(NamedTuple):
    """A subscription that is to be told of a routine; `since` is when the time began that is silent."""

    subscription: Subscription
    routine_id: str
    since: datetime
    notice: Notice


@dataclass(frozen=True, slots=True)
class Silences:
    """The one who looks."""

    context: Context

    def look(self, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Tell subscribers of each routine that has become quiet; how many were told.

        Whoever calls, on whichever server, it is looked about once a minute. Whether to stop is asked before each page.
        """
        with self.context.database.read() as connection:
            watching = silences.watching(connection)
        if not watching or not self._is_time():
            return 0
        companies = {each.company_id for each in watching}
        told, after = 0, NIL
        while not should_stop():
            now = self.context.clock.now()
            with self.context.database.read() as connection:
                page = silences.page(connection, companies, after, QUIET_ROUTINES_AT_ONCE)
                known = silences.told(connection, {each.routine_id for each in page.watched})
            new = [each for each in _silences(watching, page.watched, now) if _is_new(each, known)]
            told += self._tell(new, _over(page.watched, known))
            if page.last is None:
                break
            after = page.last
        return told

    def _is_time(self) -> bool:
        """True for one server once a minute."""
        now = self.context.clock.now()
        with self.context.database.read() as connection:
            if not _is_over(facts.get(connection, FACT), now):
                return False
        with self.context.database.write() as transaction:
            if not transaction.locks.silences() or not _is_over(facts.get(transaction.connection, FACT), now):
                return False
            facts.put(transaction.connection, FACT, iso(now))
        return True

    def _tell(self, found: Sequence[Silence], over: Sequence[tuple[str, str]]) -> int:
        """Put what is new into the outbox and forget what is over, unless another server is at it; how many are new."""
        if not found and not over:
            return 0
        with self.context.database.write() as transaction:
            if not transaction.locks.silences():
                return 0
            now = self.context.clock.now()
            silences.end(transaction.connection, over)
            known = silences.told(transaction.connection, {each.routine_id for each in found})
            new = [each for each in found if _is_new(each, known)]
            if new:
                pairs = [(each.subscription.id, each.routine_id) for each in new]
                silences.remember(transaction.connection, pairs, now)
                heard = [(each.subscription, each.notice) for each in new]
                outbox.send(transaction, heard, now, self.context.ids)
        return len(new)


def _is_over(looked_at: str | None, now: datetime) -> bool:
    """True once a minute is over; a clock that was set back is no reason to wait for the old time."""
    return looked_at is None or abs(now - datetime.fromisoformat(looked_at)) >= LOOK_EVERY


def _is_new(silence: Silence, known: Mapping[tuple[str, str], datetime]) -> bool:
    told_at = known.get((silence.subscription.id, silence.routine_id))
    return told_at is None or told_at < silence.since


def _over(watched: Sequence[Watched], known: Mapping[tuple[str, str], datetime]) -> list[tuple[str, str]]:
    """What was told, as (subscription id, routine id), of routines that have succeeded since."""
    succeeded = {each.routine_id: each.last_success_at for each in watched if each.last_success_at is not None}
    return [pair for pair, told_at in known.items() if pair[1] in succeeded and told_at < succeeded[pair[1]]]


def _silences(watching: Sequence[Subscription], watched: Sequence[Watched], now: datetime) -> list[Silence]:
    """Who is to be told of which of these routines now."""
    found = []
    for routine_id, schedules in groupby(watched, attrgetter("routine_id")):
        own = list(schedules)
        hearing = [each for each in watching if _hears(each, own[0])]
        if not hearing:
            continue
        patience = timedelta(seconds=min(each.quiet_after_seconds for each in hearing))
        expected = [each for schedule in own if (each := _expected(schedule, now - patience)) is not None]
        if not expected:
            continue
        expected_at, since = min(expected)
        for subscription in hearing:
            if expected_at + timedelta(seconds=subscription.quiet_after_seconds) <= now:
                notice = _notice(own[0], expected_at, subscription)
                found.append(Silence(subscription, routine_id, since, notice))
    return found


def _hears(subscription: Subscription, schedule: Watched) -> bool:
    of_company = subscription.company_id == schedule.company_id
    return of_company and subscription.routine_id in {None, schedule.routine_id}


def _expected(schedule: Watched, until: datetime) -> tuple[datetime, datetime] | None:
    """The first slot after the last success, or after the schedule became what it is, with that instant.

    None if it is after `until`, or if the schedule cannot be read, which its failed run has told.
    """
    since = max(filter(None, (schedule.live_since, schedule.last_success_at)))
    if since >= until:
        return None
    try:
        expected_at = cron.next_after(cron.parse(schedule.cron_expression, schedule.timezone), since)
    except RoutinesError:
        return None
    return (expected_at, since) if expected_at <= until else None


def _notice(schedule: Watched, expected_at: datetime, subscription: Subscription) -> Notice:
    return routine_quiet(
        schedule.company_id,
        schedule.routine_id,
        schedule.title,
        expected_at=expected_at,
        last_success_at=schedule.last_success_at,
        quiet_after_seconds=subscription.quiet_after_seconds,
    )
