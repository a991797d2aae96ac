"""Questions about goals, and changes of them."""

from __future__ import annotations

from sqlalchemy import Connection

from routines.core.model import Goal
from routines.storage.rows import every, get_model, insert_model, select_model, update_model
from routines.storage.schema import goals


def get(connection: Connection, goal_id: str) -> Goal | None:
    """The goal, or None."""
    return get_model(connection, goals, Goal, goal_id)


def of_company(connection: Connection, company_id: str) -> list[Goal]:
    """A company's goals, oldest first."""
    query = select_model(goals, Goal).where(goals.c.company_id == company_id)
    return every(connection, Goal, query.order_by(goals.c.id))


def add(connection: Connection, goal: Goal) -> None:
    """Store a new goal."""
    insert_model(connection, goals, goal)


def change(connection: Connection, goal: Goal) -> None:
    """Store a goal as it now is."""
    update_model(connection, goals, goal)
