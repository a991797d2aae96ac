"""What a body may refer to: an unknown id is 404, another company's 422, the same for every noun.

That an id is well formed was checked before; whether the caller may use it is the use case's.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from sqlalchemy import Connection

from routines.core.errors import ImpossibleError, NotFoundError
from routines.core.model import Agent, Goal, Issue, Project, Routine
from routines.storage.queries import agents, goals, issues, projects, routines


class _Owned(Protocol):
    @property
    def company_id(self) -> str: ...


Owned = TypeVar("Owned", bound=_Owned)


def project(connection: Connection, company_id: str, project_id: str) -> Project:
    """The project of that company with that id."""
    return _same_company(projects.get(connection, project_id), company_id, "Project", project_id)


def goal(connection: Connection, company_id: str, goal_id: str) -> Goal:
    """The goal of that company with that id."""
    return _same_company(goals.get(connection, goal_id), company_id, "Goal", goal_id)


def agent(connection: Connection, company_id: str, agent_id: str) -> Agent:
    """The agent of that company with that id."""
    return _same_company(agents.get(connection, agent_id), company_id, "Agent", agent_id)


def issue(connection: Connection, company_id: str, issue_id: str) -> Issue:
    """The issue of that company with that id."""
    return _same_company(issues.get(connection, issue_id), company_id, "Issue", issue_id)


def routine(connection: Connection, company_id: str, routine_id: str) -> Routine:
    """The routine of that company with that id."""
    return _same_company(routines.get(connection, routine_id), company_id, "Routine", routine_id)


def _same_company(found: Owned | None, company_id: str, noun: str, identity: str) -> Owned:
    if found is None:
        raise NotFoundError(f"{noun} {identity} not found")
    if found.company_id != company_id:
        raise ImpossibleError(f"{noun} {identity} belongs to another company; name one of company {company_id}")
    return found
