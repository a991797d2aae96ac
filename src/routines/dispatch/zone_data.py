"""New time zone data: every live schedule's next slot is computed again by it, once.

A next slot follows from the expression, the zone and the last decided slot alone, so nothing is lost or doubled by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import structlog

from routines.core import cron
from routines.core.model import Trigger
from routines.core.zones import ZONE_DATA_VERSION
from routines.dispatch.dispatcher import move_columns
from routines.storage.database import Database, Move, Rows
from routines.storage.queries import facts, triggers

FACT = "time_zone_data"
SCHEDULES_AT_ONCE_MAX = 1_000  # a transaction's worth: other servers may wait for it
log = structlog.get_logger(__name__)


def refresh(database: Database, version: str = ZONE_DATA_VERSION) -> int:
    """Compute next slots anew unless they were computed by this version already; the number of schedules looked at."""
    with database.read() as connection:
        if facts.get(connection, FACT) == version:
            return 0
    looked_at, after = 0, ""
    while True:
        with database.write() as transaction:
            page = triggers.live_schedules(transaction.connection, after=after, limit=SCHEDULES_AT_ONCE_MAX)
            if not page:
                break
            # Servers that run already may be firing some of them: what they are now is read under the lock.
            transaction.locks.routines([trigger.routine_id for trigger in page])
            current = triggers.live_schedules(transaction.connection, ids=[trigger.id for trigger in page])
            transaction.hot.write(Rows(triggers=[(None, None, *move_columns(move)) for move in _moves(current)]))
        looked_at, after = looked_at + len(page), page[-1].id
    with database.write() as transaction:
        transaction.locks.registry()
        facts.put(transaction.connection, FACT, version)
    return looked_at


def _moves(schedules: Iterable[Trigger]) -> Iterator[Move]:
    """The schedules whose next slot is another by the new data."""
    for trigger in schedules:
        if trigger.slots_decided_until is None:
            continue
        try:
            schedule = cron.parse(trigger.cron_expression or "", trigger.timezone or "")
            following = cron.next_after(schedule, trigger.slots_decided_until)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one row must not stop the start
            log.warning("schedule_cannot_be_read", trigger_id=trigger.id, error=str(error))
            continue
        if following != trigger.next_run_at:
            yield Move(trigger.id, trigger.slots_decided_until, following)
