"""The use cases of goals: list, look at, create, change.

What a goal means for the issues of a routine is the dispatcher's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import Connection

from routines.core.access import Action, require, require_visible
from routines.core.activity import ActivityAction
from routines.core.errors import NotFoundError
from routines.core.model import Actor, Goal, GoalLevel, GoalStatus
from routines.services.context import Body, Context, changed_names, company_of_path
from routines.storage.queries import goals

GOAL_NOT_FOUND = "Goal not found"


@dataclass(frozen=True, slots=True)
class NewGoal:
    """A goal to be made."""

    title: str
    description: str | None
    level: GoalLevel
    status: GoalStatus


class GoalChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    title: str
    description: str | None
    level: GoalLevel
    status: GoalStatus


@dataclass(frozen=True, slots=True)
class Goals:
    """The use cases of goals."""

    context: Context

    def of_company(self, actor: Actor, company_id: str) -> list[Goal]:
        """A company's goals, oldest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return goals.of_company(connection, company_id)

    def get(self, actor: Actor, goal_id: str) -> Goal:
        """The goal with that id, if it exists for this caller."""
        with self.context.database.read() as connection:
            return _visible(connection, actor, goal_id)

    def create(self, actor: Actor, company_id: str, body: Body[NewGoal]) -> Goal:
        """Make a goal."""
        with self.context.database.write() as transaction:
            transaction.locks.company(company_id)
            connection = transaction.connection
            company = company_of_path(connection, actor, company_id)
            require(actor, Action.MANAGE_GOAL)
            new = body()
            now = self.context.clock.now()
            goal = Goal(
                id=self.context.ids.new(now),
                company_id=company.id,
                title=new.title,
                description=new.description,
                level=new.level,
                status=new.status,
                created_at=now,
                updated_at=now,
            )
            goals.add(connection, goal)
            subject = (company.id, "goal", goal.id)
            self.context.record(transaction, actor, ActivityAction.GOAL_CREATED, subject, now, {"title": goal.title})
        return goal

    def update(self, actor: Actor, goal_id: str, body: Body[GoalChanges]) -> Goal:
        """Change a goal."""
        with self.context.database.write() as transaction:
            transaction.locks.goal(goal_id)
            connection = transaction.connection
            before = _visible(connection, actor, goal_id)
            require(actor, Action.MANAGE_GOAL)
            after = replace(before, **body())
            names = changed_names(before, after)
            if not names:
                return before
            now = self.context.clock.now()
            after = replace(after, updated_at=now)
            goals.change(connection, after)
            subject = (after.company_id, "goal", after.id)
            details = {"changed": names, "status": after.status.value}
            self.context.record(transaction, actor, ActivityAction.GOAL_UPDATED, subject, now, details)
        return after


def _visible(connection: Connection, actor: Actor, goal_id: str) -> Goal:
    goal = goals.get(connection, goal_id)
    if goal is None:
        raise NotFoundError(GOAL_NOT_FOUND)
    require_visible(actor, goal.company_id, GOAL_NOT_FOUND)
    return goal
