"""An issue's children, what happened to one thing, and what happened to things of one kind are found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CHILD = sa.text("parent_id IS NOT NULL")


def upgrade() -> None:
    """An issue's children, what happened to one thing, and what happened to things of one kind are found at once."""
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
