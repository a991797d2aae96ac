"""New time zone data: every live schedule's next slot is computed again by it, once.

A next slot follows from the expression, the zone and the last decided slot alone, so nothing is lost or doubled by it.
"""

from __future__ import annotations

import structlog

from routines.core import cron
from routines.core.zones import ZONE_DATA_VERSION
from routines.storage.database import Database
from routines.storage.queries import facts, triggers

FACT = "time_zone_data"
log = structlog.get_logger(__name__)


def refresh(database: Database, version: str = ZONE_DATA_VERSION) -> int:
    """Compute next slots anew unless they were computed by this version already; the number of schedules looked at."""
    with database.read() as connection:
        if facts.get(connection, FACT) == version:
            return 0
    with database.write() as transaction:
        schedules = triggers.live_schedules(transaction.connection)
        moves = []
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
                moves.append((trigger.slots_decided_until, following, trigger.id))
        transaction.hot.advance(moves)
        facts.put(transaction.connection, FACT, version)
    return len(schedules)
