"""Wake-ups become heartbeat runs, with what they printed, took and cost; agents have a budget, a timer and a reason."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from routines.clock import Ids
from routines.core.instants import from_milliseconds

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
MOVED_AT_ONCE = 1_000


def upgrade() -> None:
    """Wake-ups become heartbeat runs, and agents have a budget, a timer and a reason for their status."""
    _agents()
    op.add_column("activity", sa.Column("heartbeat_run_id", ID, nullable=True))
    _wake_ups()
    _heartbeat_runs()
    op.create_table(
        "usage_totals",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("month", sa.BigInteger(), nullable=False),
        sa.Column("heartbeats", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "month", name=op.f("pk_usage_totals")),
    )
    op.create_table(
        "heartbeat_output",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "start", name=op.f("pk_heartbeat_output")),
    )


def _agents() -> None:
    op.add_column("agents", sa.Column("status_reason", sa.Text(), nullable=True))
    op.add_column("agents", sa.Column("failures_in_a_row", sa.Integer(), server_default="0", nullable=False))
    op.add_column("agents", sa.Column("budget_monthly_cents", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("agents", sa.Column("next_heartbeat_at", sa.BigInteger(), nullable=True))
    names = ("runtime_config", "updated_at", "next_heartbeat_at")
    agents = sa.table("agents", sa.column("id", ID), *map(sa.column, names))
    for row in op.get_bind().execute(sa.select(agents)).all():
        if _has_timer(row.runtime_config):
            due = sa.update(agents).where(agents.c.id == row.id).values(next_heartbeat_at=row.updated_at)
            op.get_bind().execute(due)
    _index("ix_agents_next_heartbeat_at", "agents", ["next_heartbeat_at"], where="next_heartbeat_at IS NOT NULL")


def _has_timer(runtime_config: str) -> bool:
    """True for a configuration by which the agent is woken by a timer; what is no configuration was let in before."""
    heartbeat = json.loads(runtime_config).get("heartbeat")
    return isinstance(heartbeat, dict) and heartbeat.get("enabled") is True and bool(heartbeat.get("intervalSec"))


def _wake_ups() -> None:
    """The table again, with an id for each: those that wait keep waiting."""
    connection = op.get_bind()
    old = sa.table("wake_ups", *(sa.column(name) for name in ("issue_id", "agent_id", "company_id", "created_at")))
    waiting = connection.execute(sa.select(old).order_by(old.c.created_at, old.c.issue_id)).all()
    op.drop_table("wake_ups")
    table = op.create_table(
        "wake_ups",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("issue_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wake_ups")),
    )
    ids = Ids()
    for start in range(0, len(waiting), MOVED_AT_ONCE):
        moved = [
            {
                "id": ids.new(from_milliseconds(row.created_at)),
                "company_id": str(row.company_id),
                "agent_id": str(row.agent_id),
                "issue_id": str(row.issue_id),
                "reason": "issue_assigned",
                "attempt": 1,
                "created_at": row.created_at,
            }
            for row in waiting[start : start + MOVED_AT_ONCE]
        ]
        connection.execute(sa.insert(table), moved)
    _index("uq_wake_ups_issue_id", "wake_ups", ["issue_id"], where="issue_id IS NOT NULL", unique=True)
    _index("uq_wake_ups_agent_id", "wake_ups", ["agent_id"], where="issue_id IS NULL", unique=True)
    op.create_index("ix_wake_ups_agent_id_id", "wake_ups", ["agent_id", "id"], unique=False)


def _heartbeat_runs() -> None:
    op.create_table(
        "heartbeat_runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("issue_id", ID, nullable=True),
        sa.Column("routine_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("worker_id", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("cancel_requested_at", sa.BigInteger(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeat_runs")),
    )
    for owner in ("company_id", "agent_id", "issue_id", "routine_id"):
        op.create_index(f"ix_heartbeat_runs_{owner}_id", "heartbeat_runs", [owner, "id"], unique=False)
    _index("ix_heartbeat_runs_running", "heartbeat_runs", ["agent_id"], where="status = 'running'")
    _index(
        "uq_heartbeat_runs_running_issue_id",
        "heartbeat_runs",
        ["issue_id"],
        where="status = 'running' AND issue_id IS NOT NULL",
        unique=True,
    )


def _index(name: str, table: str, columns: list[str], *, where: str, unique: bool = False) -> None:
    """An index of the rows that fulfil a condition."""
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
