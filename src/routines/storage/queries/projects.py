"""Questions about projects, and changes of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from routines.core.model import Project
from routines.storage.rows import every, get_model, insert_model, select_model, update_model
from routines.storage.schema import projects


def get(connection: Connection, project_id: str) -> Project | None:
    """The project, or None."""
    return get_model(connection, projects, Project, project_id)


def of_company(connection: Connection, company_id: str) -> list[Project]:
    """A company's projects, oldest first."""
    query = select_model(projects, Project).where(projects.c.company_id == company_id)
    return every(connection, Project, query.order_by(projects.c.id))


def add(connection: Connection, project: Project) -> None:
    """Store a new project."""
    insert_model(connection, projects, project)


def change(connection: Connection, project: Project) -> None:
    """Store a project as it now is."""
    update_model(connection, projects, project)


def activated(connection: Connection, project_id: str, at: datetime) -> None:
    """Note when the status of a project became active."""
    connection.execute(update(projects).where(projects.c.id == project_id).values(active_since=at))
