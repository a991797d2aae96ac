"""The further causes of a run are found by it, so that they go when it is removed."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The further causes of a run are found by it, so that they go when it is removed."""
    op.create_index("ix_run_aliases_run_id", "run_aliases", ["run_id"], unique=False)
