"""Routines and triggers have a key by which a program that keeps them elsewhere finds them again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEPT_ELSEWHERE = sa.text("external_key IS NOT NULL AND deleted_at IS NULL AND status <> 'archived'")


def upgrade() -> None:
    """Routines and triggers have a key by which a program that keeps them elsewhere finds them again."""
    for table in ("routines", "triggers"):
        op.add_column(table, sa.Column("external_key", sa.Text(), nullable=True))
    op.create_index(
        "uq_routines_company_id_external_key",
        "routines",
        ["company_id", "external_key"],
        unique=True,
        sqlite_where=KEPT_ELSEWHERE,
        postgresql_where=KEPT_ELSEWHERE,
    )
