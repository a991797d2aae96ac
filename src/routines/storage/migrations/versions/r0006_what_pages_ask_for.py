"""A routine's issues, an issue's children, and what happened to a thing or a kind of thing are found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CLOSED_EXECUTION = sa.text("origin_id IS NOT NULL AND status IN ('done', 'cancelled')")
CHILD = sa.text("parent_id IS NOT NULL")


def upgrade() -> None:
    """A routine's issues, an issue's children, and what happened to a thing or a kind of thing are found at once."""
    op.create_index(
        "ix_issues_closed_execution",
        "issues",
        ["origin_id", "id"],
        unique=False,
        sqlite_where=CLOSED_EXECUTION,
        postgresql_where=CLOSED_EXECUTION,
    )
    op.create_index(
        "ix_issues_parent_id_id",
        "issues",
        ["parent_id", "id"],
        unique=False,
        sqlite_where=CHILD,
        postgresql_where=CHILD,
    )
    for columns in (["company_id", "entity_type", "id"], ["entity_id", "id"]):
        op.create_index(f"ix_activity_{'_'.join(columns)}", "activity", columns, unique=False)
