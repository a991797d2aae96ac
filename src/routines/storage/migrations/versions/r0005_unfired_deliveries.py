"""Deliveries at webhooks that made no run are kept for a while, so that it can be told why nothing happened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.Uuid(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Deliveries at webhooks that made no run have a table."""
    op.create_table(
        "unfired_deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("trigger_id", ID, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("body_bytes", sa.Integer(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unfired_deliveries")),
    )
    op.create_index("ix_unfired_deliveries_trigger_id_id", "unfired_deliveries", ["trigger_id", "id"], unique=False)
