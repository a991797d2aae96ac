"""Everything that the first version keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.Uuid(as_uuid=False), "postgresql")

# Only ever compared for being the same, and bytes are compared fastest.
CAUSE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Everything that the first version keeps."""
    op.create_table(
        "activity",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("actor_type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", ID, nullable=False),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    op.create_index("ix_activity_company_id_id", "activity", ["company_id", "id"], unique=False)
    op.create_table(
        "board_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_board_tokens_token_hash")),
    )
    op.create_table(
        "comments",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("issue_id", ID, nullable=False),
        sa.Column("author_agent_id", ID, nullable=True),
        sa.Column("author_user_id", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index("ix_comments_issue_id_id", "comments", ["issue_id", "id"], unique=False)
    op.create_table(
        "companies",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("issue_prefix", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("issue_prefix", name=op.f("uq_companies_issue_prefix")),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
    )
    op.create_table(
        "issues",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("assignee_agent_id", ID, nullable=True),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("goal_id", ID, nullable=True),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("origin_kind", sa.Text(), nullable=True),
        sa.Column("origin_id", ID, nullable=True),
        sa.Column("origin_run_id", ID, nullable=True),
        sa.Column("created_by_agent_id", sa.Text(), nullable=True),
        sa.Column("created_by_user_id", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issues")),
    )
    op.create_index("ix_issues_company_id_id", "issues", ["company_id", "id"], unique=False)
    op.create_index(
        "ix_issues_open_assignee",
        "issues",
        ["assignee_agent_id"],
        unique=False,
        sqlite_where=sa.text("status NOT IN ('done', 'cancelled')"),
        postgresql_where=sa.text("status NOT IN ('done', 'cancelled')"),
    )
    op.create_index(
        "ix_issues_open_origin_id",
        "issues",
        ["origin_id"],
        unique=False,
        sqlite_where=sa.text("origin_id IS NOT NULL AND status NOT IN ('done', 'cancelled')"),
        postgresql_where=sa.text("origin_id IS NOT NULL AND status NOT IN ('done', 'cancelled')"),
    )
    op.create_table(
        "run_aliases",
        sa.Column("routine_id", ID, nullable=False),
        sa.Column("cause", CAUSE, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("routine_id", "cause", name=op.f("pk_run_aliases")),
    )
    op.create_index(
        "ix_run_aliases_expires_at",
        "run_aliases",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("routine_id", ID, nullable=False),
        sa.Column("trigger_id", ID, nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("triggered_at", sa.BigInteger(), nullable=False),
        sa.Column("scheduled_for", sa.BigInteger(), nullable=True),
        sa.Column("cause", CAUSE, nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("trigger_payload", sa.Text(), nullable=True),
        sa.Column("linked_issue_id", ID, nullable=True),
        sa.Column("coalesced_into_run_id", ID, nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("actor_type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("routine_id", "cause", name=op.f("uq_runs_routine_id_cause")),
    )
    op.create_index("ix_runs_company_id_id", "runs", ["company_id", "id"], unique=False)
    op.create_index(
        "ix_runs_linked_issue_id",
        "runs",
        ["linked_issue_id"],
        unique=False,
        sqlite_where=sa.text("linked_issue_id IS NOT NULL"),
        postgresql_where=sa.text("linked_issue_id IS NOT NULL"),
    )
    op.create_index("ix_runs_routine_id_id", "runs", ["routine_id", "id"], unique=False)
    op.create_table(
        "schedule_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("trigger_id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cron_expression", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_changes")),
    )
    op.create_index("ix_schedule_changes_trigger_id_at", "schedule_changes", ["trigger_id", "at"], unique=False)
    op.create_table(
        "wake_ups",
        sa.Column("issue_id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issue_id", "agent_id", name=op.f("pk_wake_ups")),
    )
    op.create_table(
        "agents",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("capabilities", sa.Text(), nullable=True),
        sa.Column("reports_to", ID, nullable=True),
        sa.Column("adapter_type", sa.Text(), nullable=False),
        sa.Column("adapter_config", sa.Text(), nullable=False),
        sa.Column("runtime_config", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_agents_company_id")),
        sa.ForeignKeyConstraint(["reports_to"], ["agents.id"], name=op.f("fk_agents_reports_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
    )
    op.create_index(op.f("ix_agents_company_id"), "agents", ["company_id"], unique=False)
    op.create_table(
        "goals",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_goals_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goals")),
    )
    op.create_index(op.f("ix_goals_company_id"), "goals", ["company_id"], unique=False)
    op.create_table(
        "issue_counters",
        sa.Column("company_id", ID, nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_issue_counters_company_id")),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_issue_counters")),
    )
    op.create_table(
        "projects",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_projects_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
    )
    op.create_index(op.f("ix_projects_company_id"), "projects", ["company_id"], unique=False)
    op.create_table(
        "agent_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_keys_agent_id")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_agent_keys_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_keys")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_agent_keys_token_hash")),
    )
    op.create_index(op.f("ix_agent_keys_agent_id"), "agent_keys", ["agent_id"], unique=False)
    op.create_table(
        "routines",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("goal_id", ID, nullable=True),
        sa.Column("parent_issue_id", ID, nullable=True),
        sa.Column("assignee_agent_id", ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("concurrency_policy", sa.Text(), nullable=False),
        sa.Column("catch_up_policy", sa.Text(), nullable=False),
        sa.Column("created_by_agent_id", sa.Text(), nullable=True),
        sa.Column("created_by_user_id", sa.Text(), nullable=True),
        sa.Column("updated_by_agent_id", sa.Text(), nullable=True),
        sa.Column("updated_by_user_id", sa.Text(), nullable=True),
        sa.Column("last_triggered_at", sa.BigInteger(), nullable=True),
        sa.Column("last_enqueued_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["assignee_agent_id"], ["agents.id"], name=op.f("fk_routines_assignee_agent_id")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_routines_company_id")),
        sa.ForeignKeyConstraint(["goal_id"], ["goals.id"], name=op.f("fk_routines_goal_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_routines_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routines")),
        postgresql_with={"fillfactor": 50},  # each fire changes a row in place: there must be place
    )
    op.create_index(op.f("ix_routines_assignee_agent_id"), "routines", ["assignee_agent_id"], unique=False)
    op.create_index(op.f("ix_routines_company_id"), "routines", ["company_id"], unique=False)
    op.create_table(
        "triggers",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("routine_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("cron_expression", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("slots_decided_until", sa.BigInteger(), nullable=True),
        sa.Column("next_run_at", sa.BigInteger(), nullable=True),
        sa.Column("last_fired_at", sa.BigInteger(), nullable=True),
        sa.Column("public_id", sa.Text(), nullable=True),
        sa.Column("signing_mode", sa.Text(), nullable=True),
        sa.Column("replay_window_sec", sa.Integer(), nullable=True),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("last_rotated_at", sa.BigInteger(), nullable=True),
        sa.Column("last_result", sa.Text(), nullable=True),
        sa.Column("created_by_agent_id", sa.Text(), nullable=True),
        sa.Column("created_by_user_id", sa.Text(), nullable=True),
        sa.Column("updated_by_agent_id", sa.Text(), nullable=True),
        sa.Column("updated_by_user_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_triggers_company_id")),
        sa.ForeignKeyConstraint(["routine_id"], ["routines.id"], name=op.f("fk_triggers_routine_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
        sa.UniqueConstraint("public_id", name=op.f("uq_triggers_public_id")),
    )
    op.create_index(
        "ix_triggers_next_run_at",
        "triggers",
        ["next_run_at", "id"],
        unique=False,
        sqlite_where=sa.text("next_run_at IS NOT NULL"),
        postgresql_where=sa.text("next_run_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_triggers_routine_id"), "triggers", ["routine_id"], unique=False)
