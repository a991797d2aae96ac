"""What heartbeats took, by agent and by routine, month by month: kept as sums, which outlive the runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from routines.core.heartbeats import Usage
from routines.storage.schema import usage_totals as totals

_NUMBERS = ("heartbeats", *Usage._fields)


class UsageTotal(NamedTuple):
    """What an agent's heartbeats, or those for a routine, took in a month."""

    heartbeats: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0

    def plus(self, usage: Usage) -> UsageTotal:
        """With one more heartbeat."""
        return UsageTotal(self.heartbeats + 1, *(own + more for own, more in zip(self[1:], usage, strict=True)))


def of_owners(connection: Connection, owner_ids: Collection[str], month: datetime) -> Mapping[str, UsageTotal]:
    """The sums of a month of these agents and routines, of those that have any."""
    query = select(totals.c.owner_id, *(totals.c[name] for name in _NUMBERS))
    rows = connection.execute(query.where(totals.c.owner_id.in_(owner_ids), totals.c.month == month))
    return {owner_id: UsageTotal(*numbers) for owner_id, *numbers in rows}


def of_owner(connection: Connection, owner_id: str, month: datetime) -> UsageTotal:
    """The sums of a month of an agent or a routine."""
    return of_owners(connection, [owner_id], month).get(owner_id, UsageTotal())


def add(connection: Connection, more: Mapping[str, UsageTotal], month: datetime) -> None:
    """Add to the sums of these owners; the caller holds them against others who do."""
    for owner_id, total in sorted(more.items()):
        own = (totals.c.owner_id == owner_id, totals.c.month == month)
        numbers = total._asdict()
        sums = {name: totals.c[name] + number for name, number in numbers.items()}
        if connection.execute(update(totals).where(*own).values(sums)).rowcount == 0:
            connection.execute(insert(totals).values(owner_id=owner_id, month=month, **numbers))
