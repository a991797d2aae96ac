"""Activity: the audit of a company, newest first.

Entries are written by the use cases that they tell of.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from routines.http.call import PathId, validated
from routines.http.schemas.activity import ActivityFilters
from routines.http.schemas.common import Reference
from routines.storage.queries.activity import ActivityQuery
from routines.web.page import BoardPage, PageRoute
from routines.web.views.activity import KINDS, activity_rows, link_to

ENTRIES_SHOWN = 100  # what a person scrolls; each is some 300 bytes

router = APIRouter(route_class=PageRoute)


class Asked(ActivityFilters):
    """Which entries the address asks for: the API's filters, or a routine with its triggers and fires."""

    routine_id: Reference | None = None

    def command(self) -> ActivityQuery:
        """The query to be made."""
        return replace(super().command(), routine_id=self.routine_id)


@router.get("/companies/{company_id}/activity")
def list_activity(page: BoardPage, company_id: PathId) -> Response:
    """What happened, newest first: of one kind, or to one thing, if the address says so."""
    asked = {name: text for name in ("entityType", "entityId", "routineId", "before") if (text := page.query(name))}
    filters = validated(Asked, {**asked, "limit": ENTRIES_SHOWN + 1})
    told = page.use.activity.told(page.actor, company_id, filters.command)
    rows = activity_rows(told, page.when)
    shown = rows[:ENTRIES_SHOWN]
    kept = {name: text for name, text in asked.items() if name != "before"}
    here = f"/companies/{company_id}/activity"
    return page.show(
        "activity.html",
        company_id=company_id,
        section="activity",
        rows=shown,
        kinds=KINDS,
        filters=filters,
        one=link_to(one, told) if (one := filters.routine_id or filters.entity_id) else None,
        newest_url=f"{here}?{urlencode(kept)}" if filters.before else "",
        older_url=f"{here}?{urlencode({**kept, 'before': shown[-1].id})}" if len(rows) > ENTRIES_SHOWN else "",
    )
