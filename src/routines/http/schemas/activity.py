"""The audit on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import StrictStr
from pydantic_core import to_json

from routines.core.limits import LIST_PAGE_DEFAULT, LIST_PAGE_MAX, NAME_CHARACTERS_MAX
from routines.core.model import Activity, ActorType
from routines.http.schemas.common import PageLimit, Reference, RequestModel, characters
from routines.http.schemas.reply import Instant, ReplyModel, StoredObject
from routines.storage.queries.activity import ActivityQuery

EntityType = Annotated[StrictStr, characters(NAME_CHARACTERS_MAX)]


class ActivityFilters(RequestModel):
    """Which entries are wanted."""

    entity_type: EntityType | None = None
    entity_id: Reference | None = None
    limit: PageLimit = LIST_PAGE_DEFAULT
    before: Reference | None = None

    def command(self) -> ActivityQuery:
        """The query to be made."""
        limit = max(1, min(self.limit, LIST_PAGE_MAX))
        return ActivityQuery(limit, self.before, self.entity_type, self.entity_id)


class EventFilters(RequestModel):
    """Where a stream begins: after this entry."""

    after: Reference | None = None

    def command(self) -> str | None:
        """The id of that entry."""
        return self.after


class ActivityReply(ReplyModel):
    """One entry of the audit."""

    id: str
    company_id: str
    actor_type: ActorType
    actor_id: str
    action: str
    entity_type: str
    entity_id: str
    details: StoredObject | None
    heartbeat_run_id: str | None
    created_at: Instant


def event(entry: Activity) -> bytes:
    """An entry as a server-sent event, which has its id, no name, and what the list of the activity says of it."""
    return b"id: %s\ndata: %s\n\n" % (entry.id.encode(), to_json(ActivityReply.written(entry)))
