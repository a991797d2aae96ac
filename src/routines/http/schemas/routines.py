"""Routines on the wire: create, update, filters, and the list's and the detail's reply.

What a routine means is in the services.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from routines.core.limits import TRIGGERS_PER_REQUEST_MAX
from routines.core.model import (
    AgentStatus,
    CatchUpPolicy,
    ConcurrencyPolicy,
    IssueInBrief,
    Priority,
    ProjectStatus,
    RoutineStatus,
)
from routines.http.schemas.common import ExternalKey, Reference, RequestModel, Text, Title, UpdateModel
from routines.http.schemas.heartbeats import UsageReply
from routines.http.schemas.issues import ShortIssue
from routines.http.schemas.reply import Instant, ReplyModel, Written
from routines.http.schemas.runs import ListedRun
from routines.http.schemas.triggers import SecretMaterialReply, ShortTrigger, TriggerCreate, WholeTrigger
from routines.services.routines import CreatedRoutine, ListedRoutine, NewRoutine, RoutineChanges, RoutineDetail
from routines.storage.queries.routines import RoutineQuery

REFERENCE_FIELDS = frozenset({"folderId", "env", "variables", "baseRevisionId"})


class RoutineCreate(RequestModel):
    """A routine to be made, with its triggers if wanted."""

    title: Title
    description: Text | None = None
    assignee_agent_id: Reference
    project_id: Reference
    goal_id: Reference | None = None
    parent_issue_id: Reference | None = None
    priority: Priority = Priority.MEDIUM
    status: RoutineStatus = RoutineStatus.ACTIVE
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.COALESCE_IF_ACTIVE
    catch_up_policy: CatchUpPolicy = CatchUpPolicy.SKIP_MISSED
    external_key: ExternalKey | None = None
    triggers: list[TriggerCreate] = Field(default_factory=list, max_length=TRIGGERS_PER_REQUEST_MAX)
    reference_fields: ClassVar = REFERENCE_FIELDS

    def command(self) -> NewRoutine:
        """The routine to be made."""
        named = "triggers" in self.model_fields_set
        fields = self.all_fields()
        return NewRoutine(**{**fields, "triggers": [each.command() for each in self.triggers] if named else None})


class RoutineUpdate(UpdateModel):
    """The fields to change; null clears `description`, `goalId`, `parentIssueId` and `externalKey`."""

    title: Title = ""
    description: Text | None = None
    assignee_agent_id: Reference = ""
    project_id: Reference = ""
    goal_id: Reference | None = None
    parent_issue_id: Reference | None = None
    priority: Priority = Priority.MEDIUM
    status: RoutineStatus = RoutineStatus.ACTIVE
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.COALESCE_IF_ACTIVE
    catch_up_policy: CatchUpPolicy = CatchUpPolicy.SKIP_MISSED
    external_key: ExternalKey | None = None
    reference_fields: ClassVar = REFERENCE_FIELDS

    def command(self) -> RoutineChanges:
        """The changes, only of fields that were named."""
        return self.given(RoutineChanges)


class RoutineFilters(RequestModel):
    """Which of a company's routines are wanted; `q` occurs in the title or description."""

    project_id: Reference | None = None
    assignee_agent_id: Reference | None = None
    status: RoutineStatus | None = None
    q: Text | None = None

    def command(self) -> RoutineQuery:
        """The query to be made."""
        return RoutineQuery(self.project_id, self.assignee_agent_id, self.status, self.q)


class RoutineDelete(RequestModel):
    """How a routine is to be deleted: with `force` also while an execution issue is open."""

    force: bool = False

    def command(self) -> bool:
        """True if it is to be deleted whatever is open."""
        return self.force


class RoutineReply(ReplyModel):
    """A routine with all its own fields."""

    id: str
    company_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    assignee_agent_id: str
    title: str
    description: str | None
    priority: Priority
    status: RoutineStatus
    pause_reason: str | None
    concurrency_policy: ConcurrencyPolicy
    catch_up_policy: CatchUpPolicy
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    last_triggered_at: Instant | None
    last_enqueued_at: Instant | None
    created_at: Instant
    updated_at: Instant
    external_key: str | None


class CreatedRoutineReply(RoutineReply):
    """A routine with the triggers made along with it, and their secrets in the same order, shown this once."""

    triggers: list[WholeTrigger]
    secret_materials: list[SecretMaterialReply | None]

    @classmethod
    def of(cls, created: CreatedRoutine) -> Written:
        """The reply for a routine created with triggers."""
        return cls.written(created.routine, triggers=created.triggers, secret_materials=created.secret_materials)


class ListedRoutineReply(RoutineReply):
    """A routine as a list shows it."""

    triggers: list[ShortTrigger]
    last_run: ListedRun | None
    active_issue: ShortIssue | None

    @classmethod
    def of(cls, listed: ListedRoutine) -> Written:
        """The reply for a routine in a list."""
        issue: IssueInBrief | Written | None = listed.active_issue
        last_run = None
        if listed.last_run is not None:
            last_run = ListedRun.of(listed.last_run)
            if listed.last_run.linked_issue is issue:  # nearly always, so it is written once for both
                issue = last_run["linkedIssue"]
        return cls.written(listed.routine, triggers=listed.triggers, last_run=last_run, active_issue=issue)


class RoutineProject(ReplyModel):
    """The project of a routine."""

    id: str
    name: str
    description: str | None
    status: ProjectStatus


class RoutineAssignee(ReplyModel):
    """The agent of a routine; its configuration is nobody's business here."""

    id: str
    name: str
    role: str
    title: str | None
    status: AgentStatus


class RoutineDetailReply(RoutineReply):
    """A routine with everything around it."""

    project: RoutineProject | None
    assignee: RoutineAssignee | None
    parent_issue: ShortIssue | None
    triggers: list[WholeTrigger]
    recent_runs: list[ListedRun]
    active_issue: ShortIssue | None
    usage: UsageReply

    @classmethod
    def of(cls, detail: RoutineDetail) -> Written:
        """The reply for a routine."""
        return cls.written(
            detail.routine,
            project=detail.project,
            assignee=detail.assignee,
            parent_issue=detail.parent_issue,
            triggers=detail.triggers,
            recent_runs=[ListedRun.of(run) for run in detail.recent_runs],
            active_issue=detail.active_issue,
            usage=UsageReply.of(detail.month, detail.usage),
        )
