"""Sleeps until the next slot, claims what is due and fires it; woken at once by a change that brings a slot nearer.

The database is asked only when something is due or was changed. What becomes of a slot is planned in `slots`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Condition, Thread

import structlog

from routines.clock import Clock, Ids, monotonic_seconds
from routines.core.errors import UnavailableError
from routines.core.fires import Finish
from routines.core.model import RunStatus
from routines.dispatch.dispatcher import move_columns
from routines.dispatch.slots import Plan, plan, settle
from routines.dispatch.turns import Turns
from routines.storage.database import Claim, Database, DueTrigger, Move, Rows, Transaction
from routines.storage.queries import triggers

SLEEP_SECONDS_MAX = 1.0  # timers stop while a laptop sleeps, so the wall clock is compared at least this often
CLAIMED_ELSEWHERE_PAUSE = timedelta(milliseconds=100)  # before a slot that another server has claimed is tried again
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

    @property
    def is_at_work(self) -> bool:
        """True from its start until it is told to stop."""
        return self._thread.is_alive() and not self._stopping

    def notice(self, next_run_at: datetime | None) -> None:
        """Tell that some trigger's next slot is now `next_run_at`; wakes the scheduler if that is nearer."""
        if next_run_at is None:
            return
        with self._state_changed:
            if self._next_slot is None or next_run_at < self._next_slot:
                self._next_slot = next_run_at
                self._state_changed.notify_all()

    def fire_due(self) -> int:
        """Fire everything that is due now and not claimed by another server; the number of triggers settled.

        Each transaction takes from every company that has something due, so that none waits for another's burst.
        """
        turns = Turns()
        settled = self._fire_turns(turns, one_set=True)
        if not turns.waiting:
            return settled
        # More than a set: as many at once as the database takes, so that one is decided while another is written.
        with ThreadPoolExecutor(self._database.writers, "scheduler") as threads:
            bursts = [threads.submit(self._fire_turns, turns) for _ in range(self._database.writers)]
        return settled + sum(burst.result() for burst in bursts)

    def _fire_turns(self, turns: Turns, *, one_set: bool = False) -> int:
        """Fire what is due, set by set, until no company has a turn; the number of triggers settled."""
        settled = 0
        while not self._stopping:
            now = self._clock.now()
            with self._database.read() as connection:
                turns.join(triggers.due_companies(connection, turns.joined_until, now), now)
            taken = turns.take(self._database.fires_at_once)
            if not taken:
                break
            count, with_more = self._settle_due(list(taken))
            turns.end(taken, with_more)
            settled += count
            if one_set:
                break
        return settled

    def _settle_due(self, company_ids: Sequence[str]) -> tuple[int, set[str]]:
        """Fire a set of what is due of these companies; how many triggers, and which companies may have more.

        The time is read inside each transaction, for those who follow the activity know by it what may still come.
        """
        share = self._database.fires_at_once // len(company_ids)
        due: list[DueTrigger] = []
        settled = 0
        try:
            with self._database.write() as transaction:
                now = self._clock.now()
                claimed = transaction.hot.claim_due(company_ids, now, share)
                due = claimed.triggers
                settled = self._settle(transaction, claimed, now, all_new=True)
        except UnavailableError:
            raise
        except Exception:
            if not due:
                raise
            log.exception("set_failed", triggers=len(due))
            self._settle_isolated([each.id for each in due])
            settled = len(due)
        counts = Counter(each.company_id for each in due)
        left = {each.company_id for each in due[settled:]}
        return settled, left | {company_id for company_id, count in counts.items() if count >= share}

    def _settle(self, transaction: Transaction, claimed: Claim, now: datetime, *, all_new: bool = False) -> int:
        """Fire the slots of claimed triggers; of a set with too many fires, the first; how many."""
        plans: list[Plan] = []
        fires = 0
        for trigger in claimed.triggers:
            if fires >= self._database.fires_at_once:
                break
            plans.append(plan(trigger, now, self.grace))
            fires += len(plans[-1].fires)
        settle(transaction, plans, claimed.routines, now, self._ids, all_new=all_new)
        if claimed.unreadable:
            _take_off(transaction, claimed.unreadable, now)
        return len(plans)

    def _settle_isolated(self, trigger_ids: Sequence[str]) -> None:
        """Settle a set; where a fault of ours stops it, halve it until the bad trigger stands alone, and fail that."""
        try:
            with self._database.write() as transaction:
                now = self._clock.now()
                claimed = transaction.hot.claim(trigger_ids)
                due = [each for each in claimed.triggers if each.next_run_at <= now]
                self._settle(transaction, claimed._replace(triggers=due), now)
        except UnavailableError:
            raise
        except Exception as error:
            if len(trigger_ids) == 1:
                log.exception("trigger_failed", trigger_id=trigger_ids[0])
                self._give_up(trigger_ids[0], error)
                return
            middle = len(trigger_ids) // 2
            self._settle_isolated(trigger_ids[:middle])
            self._settle_isolated(trigger_ids[middle:])

    def _give_up(self, trigger_id: str, error: Exception) -> None:
        """Record a failed run in place of a slot that cannot be fired; if even that fails, take the trigger off."""
        try:
            with self._database.write() as transaction:
                now = self._clock.now()
                claimed = transaction.hot.claim([trigger_id])
                due = [each for each in claimed.triggers if each.next_run_at <= now]
                plans = [_failed(plan(each, now, self.grace), error) for each in due]
                settle(transaction, plans, claimed.routines, now, self._ids)
        except UnavailableError:
            raise
        except Exception:
            log.exception("slot_not_recorded", trigger_id=trigger_id)
            with self._database.write() as transaction:
                _take_off(transaction, [trigger_id], self._clock.now())

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
        now = self._clock.now()
        with self._database.read() as connection:
            following = triggers.next_slot(connection)
        if following is not None and following <= now:
            # Another server fires it at this moment; should that server die, it is found here.
            following = now + CLAIMED_ELSEWHERE_PAUSE
        self.notice(following)

    def _sleep(self) -> None:
        """Return when the next slot has come, when it is time to look whether it still is the next, or at the end."""
        rescan = self._database.rescan_seconds
        rescan_at = None if rescan is None else monotonic_seconds() + rescan
        with self._state_changed:
            while not self._stopping:
                seconds = SLEEP_SECONDS_MAX
                if self._next_slot is not None:
                    seconds = min(seconds, (self._next_slot - self._clock.now()).total_seconds())
                if rescan_at is not None:
                    seconds = min(seconds, rescan_at - monotonic_seconds())
                if seconds <= 0:
                    return
                self._state_changed.wait(seconds)

    def _pause(self, seconds: float) -> None:
        with self._state_changed:
            self._state_changed.wait_for(lambda: self._stopping, seconds)


def _take_off(transaction: Transaction, trigger_ids: Sequence[str], now: datetime) -> None:
    """Have triggers fire no more of which not even a failed run can be recorded; whoever looks is told why."""
    log.error("triggers_taken_off", trigger_ids=list(trigger_ids))
    moves = [Move(trigger_id, now, None) for trigger_id in trigger_ids]
    transaction.hot.write(Rows(triggers=[(None, TAKEN_OFF, *move_columns(move)) for move in moves]))


def _failed(bad: Plan, error: Exception) -> Plan:
    """In place of a plan that cannot be carried out: a failed run for each slot, and on to the next one."""
    verdict = Finish(RunStatus.FAILED, f"The slot could not be fired: {type(error).__name__}")
    fires = tuple(fire if fire.verdict else fire._replace(verdict=verdict) for fire in bad.fires)
    return Plan(bad.trigger, fires, bad.next_run_at)
