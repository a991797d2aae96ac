"""What comes next: the fires of the coming day and week, as a heat map by hour and as a list.

What fires when is counted by the services.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Response

from routines.core.instants import iso
from routines.core.limits import UPCOMING_ROWS
from routines.core.model import AgentStatus
from routines.http.call import NOBODY, PathId, canonical_id
from routines.services.load import LoadQuery, Place
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.views.upcoming import crowds, heat_of_day, heats_of_week, listed

WEEK = "week"

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/upcoming")
def show_upcoming(page: BoardPage, company_id: PathId) -> Response:
    """What fires in a company in the coming day, or week."""
    agents = page.use.agents.of_company(page.actor, company_id)
    known = {agent.id: agent for agent in agents}
    agent_id = canonical_id(page.query("agent"))
    chosen = agent_id if agent_id in known else None
    week = page.query("range") == WEEK
    query = LoadQuery(zone=page.zone, week=week, agent_id=chosen, rows_max=UPCOMING_ROWS, after=_place(page))
    found = page.use.outlook.load(page.actor, company_id, query)
    following = found.following
    return page.show(
        "upcoming.html",
        company_id=company_id,
        section="upcoming",
        week=week,
        agents=[(each.id, each.name) for each in agents if each.status is not AgentStatus.TERMINATED],
        chosen=chosen or "",
        zone=page.zone.key,
        load=found,
        maps=heats_of_week(found, page.zone) if week else [heat_of_day(found, page.zone)],
        crowds=crowds(found, page.when),
        groups=listed(found.groups, known, page.zone, by_day=week),
        is_continued=query.after is not None,
        following="" if following is None else f"{iso(following.at)},{following.trigger_id}",
    )


def _place(page: Page) -> Place | None:
    """Where the list goes on, as the link to its next page says; from its beginning for anything else."""
    at, _, trigger_id = page.query("after").partition(",")
    try:
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None or canonical_id(trigger_id) == NOBODY:
            return None
        return Place(instant.astimezone(UTC), canonical_id(trigger_id))
    except (ValueError, OverflowError):
        return None
