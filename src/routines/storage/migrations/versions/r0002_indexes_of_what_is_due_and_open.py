"""What is due is found company by company, and a routine's newest open issue at once, however many there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPEN_EXECUTION = sa.text("origin_id IS NOT NULL AND status NOT IN ('done', 'cancelled')")
PUBLIC = sa.text("public_id IS NOT NULL")
NEXT_IS_SET = sa.text("next_run_at IS NOT NULL")


def upgrade() -> None:
    """What is due is found company by company, and a routine's newest open issue at once, however many there are."""
    op.drop_index("ix_triggers_next_run_at", table_name="triggers")
    with op.batch_alter_table("triggers") as triggers:
        triggers.drop_constraint("uq_triggers_public_id", type_="unique")
    op.create_index(
        "uq_triggers_public_id", "triggers", ["public_id"], unique=True, sqlite_where=PUBLIC, postgresql_where=PUBLIC
    )
    for columns in (["next_run_at", "company_id"], ["company_id", "next_run_at"]):
        op.create_index(
            f"ix_triggers_{'_'.join(columns)}",
            "triggers",
            columns,
            unique=False,
            sqlite_where=NEXT_IS_SET,
            postgresql_where=NEXT_IS_SET,
        )
    op.drop_index("ix_issues_open_origin_id", table_name="issues")
    op.create_index(
        "ix_issues_open_execution",
        "issues",
        ["origin_id", "id"],
        unique=False,
        sqlite_where=OPEN_EXECUTION,
        postgresql_where=OPEN_EXECUTION,
    )
