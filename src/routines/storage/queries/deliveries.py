"""Questions about deliveries at webhooks: the runs that they made, and those that made none, as one list.

What is kept of the latter, and how much, each database's hot statements do in the transaction that answers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from heapq import merge
from itertools import islice

from sqlalchemy import Connection, delete, select

from routines.clock import Ids, first_id
from routines.core.deliveries import DeliveryOutcome, DeliveryRecord, reason_of_run
from routines.core.model import Source, Trigger
from routines.storage.rows import every, select_model
from routines.storage.schema import runs, unfired_deliveries

IDS_APART_MAX = Ids.BACKWARD_TOLERANCE + timedelta(seconds=1)  # by which a run's id may differ from its instant


def page(connection: Connection, trigger: Trigger, *, limit: int, before: str | None) -> list[DeliveryRecord]:
    """A webhook trigger's deliveries, newest first, from the one after `before` on."""
    query = select_model(unfired_deliveries, DeliveryRecord).where(unfired_deliveries.c.trigger_id == trigger.id)
    if before is not None:
        query = query.where(unfired_deliveries.c.id < before)
    unfired = every(connection, DeliveryRecord, query.order_by(unfired_deliveries.c.id.desc()).limit(limit))
    accepted = _accepted(connection, trigger, limit=limit, before=before)
    return list(islice(merge(unfired, accepted, key=lambda record: record.id, reverse=True), limit))


def _accepted(connection: Connection, trigger: Trigger, *, limit: int, before: str | None) -> list[DeliveryRecord]:
    """Runs, as the delivery that made each of them; a record has its run's id."""
    # A busy schedule's runs would be looked through for those of an idle webhook, so only what may hold any is.
    if trigger.last_fired_at is None:
        return []
    query = select(runs.c.id, runs.c.triggered_at, runs.c.status, runs.c.linked_issue_id, runs.c.failure_reason).where(
        runs.c.routine_id == trigger.routine_id,
        runs.c.trigger_id == trigger.id,
        runs.c.source == Source.WEBHOOK,
        runs.c.id >= first_id(trigger.created_at - IDS_APART_MAX),
        runs.c.id < first_id(trigger.last_fired_at + IDS_APART_MAX),
    )
    if before is not None:
        query = query.where(runs.c.id < before)
    return [
        DeliveryRecord(
            id=row.id,
            trigger_id=trigger.id,
            received_at=row.triggered_at,
            outcome=DeliveryOutcome.ACCEPTED,
            reason=reason_of_run(row.status, row.linked_issue_id, row.failure_reason),
            run_id=row.id,
        )
        for row in connection.execute(query.order_by(runs.c.id.desc()).limit(limit))
    ]


def forget(connection: Connection, trigger_ids: Sequence[str]) -> None:
    """Remove what is kept of these triggers' deliveries that made no run."""
    connection.execute(delete(unfired_deliveries).where(unfired_deliveries.c.trigger_id.in_(trigger_ids)))
