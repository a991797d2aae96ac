"""Sleeps until the next slot, claims what is due and fires it; woken at once by a change that brings a slot nearer.

The database is asked only when something is due or was changed. What becomes of a slot is planned in `slots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Condition, Thread

import structlog

from routines.clock import Clock, Ids
from routines.core.errors import UnavailableError
from routines.core.fires import Finish
from routines.core.limits import FIRES_PER_TRANSACTION_MAX
from routines.core.model import RunStatus
from routines.dispatch.slots import Plan, plan, settle
from routines.storage.database import Database, DueTrigger, Rows
from routines.storage.queries import triggers

SLEEP_SECONDS_MAX = 1.0  # timers stop while a laptop sleeps, so the wall clock is compared at least this often
RETRY_SECONDS = 1.0  # how soon a database that is away is tried again

TAKEN_OFF = "Failed: the slot could not even be recorded; fires no more until the trigger is changed or enabled again"

log = structlog.get_logger(__name__)


class Scheduler:
    """Fires every due slot of a database, in a thread of its own between `start` and `stop`."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, *, grace: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self.grace = grace
        self._state_changed = Condition()
        self._next_slot: datetime | None = None
        self._stopping = False
        self._thread = Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin firing."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in hand and return once nothing more will be fired."""
        with self._state_changed:
            self._stopping = True
            self._state_changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def notice(self, next_run_at: datetime | None) -> None:
        """Tell that some trigger's next slot is now `next_run_at`; wakes the scheduler if that is nearer."""
        if next_run_at is None:
            return
        with self._state_changed:
            if self._next_slot is None or next_run_at < self._next_slot:
                self._next_slot = next_run_at
                self._state_changed.notify_all()

    def fire_due(self) -> int:
        """Fire everything that is due now, in transactions of bounded size; the number of triggers settled.

        Each set is planned before its transaction and written only where the triggers are still as they were read;
        one that changed in between is taken up by the next round.
        """
        settled = 0
        while not self._stopping:
            now = self._clock.now()
            with self._database.read() as connection:
                due = triggers.due(connection, now, FIRES_PER_TRANSACTION_MAX)
            if not due:
                break
            settled += self._settle_isolated(self._plan_up_to_bound(due, now), now)
        return settled

    def _plan_up_to_bound(self, due: Sequence[DueTrigger], now: datetime) -> list[Plan]:
        """As many plans, from the front, as make a transaction's worth of fires; the rest is due again at once."""
        plans: list[Plan] = []
        fires = 0
        for trigger in due:
            if fires >= FIRES_PER_TRANSACTION_MAX:
                break
            plans.append(plan(trigger, now, self.grace))
            fires += len(plans[-1].fires)
        return plans

    def _settle_isolated(self, plans: Sequence[Plan], now: datetime) -> int:
        """Settle a set; where a fault of ours stops it, halve it until the bad trigger stands alone, and fail that."""
        try:
            return self._settle(plans, now)
        except UnavailableError:
            raise
        except Exception as error:
            if len(plans) == 1:
                log.exception("trigger_failed", trigger_id=plans[0].trigger.id)
                return self._give_up(plans[0], error, now)
            middle = len(plans) // 2
            return self._settle_isolated(plans[:middle], now) + self._settle_isolated(plans[middle:], now)

    def _give_up(self, bad: Plan, error: Exception, now: datetime) -> int:
        """Record a failed run in place of a slot that cannot be fired; if even that fails, take the trigger off."""
        try:
            return self._settle([_failed(bad, error)], now)
        except UnavailableError:
            raise
        except Exception:
            log.exception("trigger_taken_off", trigger_id=bad.trigger.id)
            with self._database.write() as transaction:
                transaction.hot.write(Rows(decided_triggers=[(TAKEN_OFF, bad.trigger.id)]))
                transaction.hot.advance([(max(now, bad.trigger.slots_decided_until), None, bad.trigger.id)])
            return 1

    def _settle(self, plans: Sequence[Plan], now: datetime) -> int:
        with self._database.write() as transaction:
            current = {trigger.id: trigger for trigger in transaction.hot.claim([each.trigger.id for each in plans])}
            unchanged = [each for each in plans if current.get(each.trigger.id) == each.trigger]
            settle(transaction, unchanged, now, self._ids)
        return len(unchanged)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._look()
                self._sleep()
            except UnavailableError as error:
                log.warning("scheduler_waits_for_database", error=error.sentence)
                self._pause(RETRY_SECONDS)
            except Exception:
                log.exception("scheduler_failed")
                self._pause(RETRY_SECONDS)

    def _look(self) -> None:
        """Fire what is due, then learn when the next slot is, unless a nearer one is noticed meanwhile."""
        with self._state_changed:
            self._next_slot = None
        self.fire_due()
        with self._database.read() as connection:
            self.notice(triggers.next_slot(connection))

    def _sleep(self) -> None:
        """Return when the next slot has come by the wall clock, or the service stops."""
        with self._state_changed:
            while not self._stopping:
                seconds = SLEEP_SECONDS_MAX
                if self._next_slot is not None:
                    seconds = (self._next_slot - self._clock.now()).total_seconds()
                    if seconds <= 0:
                        return
                self._state_changed.wait(min(seconds, SLEEP_SECONDS_MAX))

    def _pause(self, seconds: float) -> None:
        with self._state_changed:
            self._state_changed.wait_for(lambda: self._stopping, seconds)


def _failed(bad: Plan, error: Exception) -> Plan:
    """In place of a plan that cannot be carried out: a failed run for each slot, and on to the next one."""
    verdict = Finish(RunStatus.FAILED, f"The slot could not be fired: {type(error).__name__}")
    fires = tuple(fire if fire.verdict else fire._replace(verdict=verdict) for fire in bad.fires)
    return Plan(bad.trigger, fires, bad.next_run_at)
