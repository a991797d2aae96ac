"""The use case of the audit: read it.

Entries are written by the use cases that they tell of; fires are read from the runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from routines.core.model import Activity, Actor
from routines.services.context import Body, Context, company_of_path
from routines.storage.queries import activity
from routines.storage.queries.activity import ActivityQuery


@dataclass(frozen=True, slots=True)
class ActivityLog:
    """The audit of a company."""

    context: Context

    def page(
        self,
        actor: Actor,
        company_id: str,
        query: Body[ActivityQuery],
    ) -> list[Activity]:
        """A company's activity, newest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return activity.page(connection, company_id, query())
