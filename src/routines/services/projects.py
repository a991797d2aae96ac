"""The use cases of projects: list, look at, create, change.

A project that is not active suppresses the schedules and webhooks of its routines; that is decided in `core.policies`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import Connection

from routines.core.access import Action, require, require_visible
from routines.core.activity import ActivityAction
from routines.core.errors import NotFoundError
from routines.core.model import Actor, Project, ProjectStatus
from routines.services.context import Body, Context, changed_names, company_of_path
from routines.storage.queries import projects

PROJECT_NOT_FOUND = "Project not found"


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project to be made."""

    name: str
    description: str | None
    status: ProjectStatus


class ProjectChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    name: str
    description: str | None
    status: ProjectStatus


@dataclass(frozen=True, slots=True)
class Projects:
    """The use cases of projects."""

    context: Context

    def of_company(self, actor: Actor, company_id: str) -> list[Project]:
        """A company's projects, oldest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return projects.of_company(connection, company_id)

    def get(self, actor: Actor, project_id: str) -> Project:
        """The project with that id, if it exists for this caller."""
        with self.context.database.read() as connection:
            return _visible(connection, actor, project_id)

    def create(self, actor: Actor, company_id: str, body: Body[NewProject]) -> Project:
        """Make a project."""
        with self.context.database.write() as transaction:
            transaction.locks.company(company_id)
            connection = transaction.connection
            company = company_of_path(connection, actor, company_id)
            require(actor, Action.MANAGE_PROJECT)
            new = body()
            now = self.context.clock.now()
            project = Project(
                id=self.context.ids.new(now),
                company_id=company.id,
                name=new.name,
                description=new.description,
                status=new.status,
                created_at=now,
                updated_at=now,
            )
            projects.add(connection, project)
            subject = (company.id, "project", project.id)
            self.context.record(
                transaction, actor, ActivityAction.PROJECT_CREATED, subject, now, {"name": project.name}
            )
        return project

    def update(self, actor: Actor, project_id: str, body: Body[ProjectChanges]) -> Project:
        """Change a project."""
        with self.context.database.write() as transaction:
            transaction.locks.project(project_id)
            connection = transaction.connection
            before = _visible(connection, actor, project_id)
            require(actor, Action.MANAGE_PROJECT)
            after = replace(before, **body())
            names = changed_names(before, after)
            if not names:
                return before
            now = self.context.clock.now()
            after = replace(after, updated_at=now)
            projects.change(connection, after)
            if after.status is ProjectStatus.ACTIVE and before.status is not after.status:
                projects.activated(connection, after.id, now)
            subject = (after.company_id, "project", after.id)
            details = {"changed": names, "status": after.status.value}
            self.context.record(transaction, actor, ActivityAction.PROJECT_UPDATED, subject, now, details)
        return after


def _visible(connection: Connection, actor: Actor, project_id: str) -> Project:
    project = projects.get(connection, project_id)
    if project is None:
        raise NotFoundError(PROJECT_NOT_FOUND)
    require_visible(actor, project.company_id, PROJECT_NOT_FOUND)
    return project
