"""Companies, projects and goals on the wire.

What their states mean is in the services and `core.policies`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StrictStr

from routines.core.limits import ISSUE_PREFIX_CHARACTERS_MAX
from routines.core.model import CompanyStatus, GoalLevel, GoalStatus, ProjectStatus
from routines.http.schemas.common import Name, RequestModel, Text, Title, UpdateModel
from routines.http.schemas.reply import Instant, ReplyModel
from routines.services.companies import CompanyChanges, NewCompany
from routines.services.goals import GoalChanges, NewGoal
from routines.services.projects import NewProject, ProjectChanges

IssuePrefix = Annotated[StrictStr, Field(pattern="^[A-Z][A-Z0-9]*$", max_length=ISSUE_PREFIX_CHARACTERS_MAX)]


class CompanyCreate(RequestModel):
    """A company to be made; without a prefix one is derived from the name."""

    name: Name
    description: Text | None = None
    status: CompanyStatus = CompanyStatus.ACTIVE
    issue_prefix: IssuePrefix | None = None
    reference_fields: ClassVar = frozenset({"budgetMonthlyCents"})

    def command(self) -> NewCompany:
        """The company to be made."""
        return NewCompany(**self.all_fields())


class CompanyUpdate(UpdateModel):
    """The fields to change; null clears `description`."""

    name: Name = ""
    description: Text | None = None
    status: CompanyStatus = CompanyStatus.ACTIVE
    issue_prefix: IssuePrefix = ""
    reference_fields: ClassVar = CompanyCreate.reference_fields

    def command(self) -> CompanyChanges:
        """The changes, only of fields that were named."""
        return self.given(CompanyChanges)


class CompanyReply(ReplyModel):
    """A company."""

    id: str
    name: str
    description: str | None
    status: CompanyStatus
    issue_prefix: str
    created_at: Instant
    updated_at: Instant


class ProjectCreate(RequestModel):
    """A project to be made."""

    name: Name
    description: Text | None = None
    status: ProjectStatus = ProjectStatus.ACTIVE
    reference_fields: ClassVar = frozenset(
        {"goalId", "goalIds", "leadAgentId", "targetDate", "color", "icon", "env", "workspace"}
    )

    def command(self) -> NewProject:
        """The project to be made."""
        return NewProject(**self.all_fields())


class ProjectUpdate(UpdateModel):
    """The fields to change; null clears `description`."""

    name: Name = ""
    description: Text | None = None
    status: ProjectStatus = ProjectStatus.ACTIVE
    reference_fields: ClassVar = ProjectCreate.reference_fields

    def command(self) -> ProjectChanges:
        """The changes, only of fields that were named."""
        return self.given(ProjectChanges)


class ProjectReply(ReplyModel):
    """A project."""

    id: str
    company_id: str
    name: str
    description: str | None
    status: ProjectStatus
    created_at: Instant
    updated_at: Instant


class GoalCreate(RequestModel):
    """A goal to be made."""

    title: Title
    description: Text | None = None
    level: GoalLevel = GoalLevel.TASK
    status: GoalStatus = GoalStatus.PLANNED
    reference_fields: ClassVar = frozenset({"parentId", "ownerAgentId"})

    def command(self) -> NewGoal:
        """The goal to be made."""
        return NewGoal(**self.all_fields())


class GoalUpdate(UpdateModel):
    """The fields to change; null clears `description`."""

    title: Title = ""
    description: Text | None = None
    level: GoalLevel = GoalLevel.TASK
    status: GoalStatus = GoalStatus.PLANNED
    reference_fields: ClassVar = GoalCreate.reference_fields

    def command(self) -> GoalChanges:
        """The changes, only of fields that were named."""
        return self.given(GoalChanges)


class GoalReply(ReplyModel):
    """A goal."""

    id: str
    company_id: str
    title: str
    description: str | None
    level: GoalLevel
    status: GoalStatus
    created_at: Instant
    updated_at: Instant
