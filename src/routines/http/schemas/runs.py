"""Runs on the wire: the body of a manual run, and runs alone and in lists.

What a fire becomes is in `dispatch`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import StrictStr

from routines.core import strict_json
from routines.core.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX, RUNS_PAGE_DEFAULT, RUNS_PAGE_MAX
from routines.core.model import RunStatus, Source
from routines.http.schemas.common import PageLimit, Reference, RequestModel, characters
from routines.http.schemas.issues import ShortIssue
from routines.http.schemas.reply import Instant, ReplyModel, StoredObject, Written
from routines.http.schemas.triggers import RunTrigger
from routines.services.context import PageQuery
from routines.services.firing import ManualRun
from routines.services.routines import RunWithLinks

IdempotencyKey = Annotated[StrictStr, characters(IDEMPOTENCY_KEY_CHARACTERS_MAX, minimum=1)]


class RunCreate(RequestModel):
    """A manual run; an empty body runs the routine as it is."""

    source: Literal["manual", "api"] = "manual"
    trigger_id: Reference | None = None
    payload: dict[str, Any] | None = None
    idempotency_key: IdempotencyKey | None = None
    assignee_agent_id: Reference | None = None
    reference_fields: ClassVar = frozenset(
        {
            "variables",
            "projectId",
            "executionWorkspaceId",
            "executionWorkspacePreference",
            "executionWorkspaceSettings",
        }
    )

    def command(self) -> ManualRun:
        """The run to be made."""
        return ManualRun(
            Source(self.source),
            self.trigger_id,
            None if self.payload is None else strict_json.dumps(self.payload),
            self.idempotency_key,
            self.assignee_agent_id,
        )


class RunFilters(RequestModel):
    """Which page of a routine's runs is wanted."""

    limit: PageLimit = RUNS_PAGE_DEFAULT
    before: Reference | None = None

    def command(self) -> PageQuery:
        """The page to be read."""
        return PageQuery(max(1, min(self.limit, RUNS_PAGE_MAX)), self.before)


class RunReply(ReplyModel):
    """What became of one fire."""

    id: str
    company_id: str
    routine_id: str
    trigger_id: str | None
    source: Source
    status: RunStatus
    triggered_at: Instant
    scheduled_for: Instant | None
    idempotency_key: str | None
    trigger_payload: StoredObject | None
    linked_issue_id: str | None
    coalesced_into_run_id: str | None
    failure_reason: str | None
    details: StoredObject | None
    completed_at: Instant | None
    created_at: Instant
    updated_at: Instant


class PongReply(ReplyModel):
    """The answer to a provider that only asks whether anybody is there."""

    ok: Literal[True]


class ListedRun(RunReply):
    """A run in lists, with the issue that it points to and the trigger that fired it."""

    linked_issue: ShortIssue | None
    trigger: RunTrigger | None

    @classmethod
    def of(cls, run: RunWithLinks) -> Written:
        """The reply for a run with its links."""
        return cls.written(run.run, linked_issue=run.linked_issue, trigger=run.trigger)
