"""What is due is found company by company, so that none waits for another's burst."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEXT_IS_SET = sa.text("next_run_at IS NOT NULL")


def upgrade() -> None:
    """What is due is found company by company, so that none waits for another's burst."""
    op.drop_index("ix_triggers_next_run_at", table_name="triggers")
    for columns in (["next_run_at", "company_id"], ["company_id", "next_run_at"]):
        op.create_index(
            f"ix_triggers_{'_'.join(columns)}",
            "triggers",
            columns,
            unique=False,
            sqlite_where=NEXT_IS_SET,
            postgresql_where=NEXT_IS_SET,
        )
