"""Every action that an entry of the activity can tell of.

Who records which is in the use cases; what an entry holds besides is in `model`.
"""

from __future__ import annotations

from enum import StrEnum


class ActivityAction(StrEnum):
    """What happened, named by the kind of thing that it happened to."""

    COMPANY_CREATED = "company.created"
    COMPANY_UPDATED = "company.updated"
    AGENT_CREATED = "agent.created"
    AGENT_UPDATED = "agent.updated"
    AGENT_PAUSED = "agent.paused"
    AGENT_RESUMED = "agent.resumed"
    AGENT_TERMINATED = "agent.terminated"
    AGENT_KEY_CREATED = "agent.key_created"
    AGENT_KEY_REVOKED = "agent.key_revoked"
    AGENT_HEARTBEAT_INVOKED = "agent.heartbeat_invoked"
    PROJECT_CREATED = "project.created"
    PROJECT_UPDATED = "project.updated"
    GOAL_CREATED = "goal.created"
    GOAL_UPDATED = "goal.updated"
    ROUTINE_CREATED = "routine.created"
    ROUTINE_UPDATED = "routine.updated"
    ROUTINE_DELETED = "routine.deleted"
    TRIGGER_CREATED = "routine.trigger_created"
    TRIGGER_UPDATED = "routine.trigger_updated"
    TRIGGER_DELETED = "routine.trigger_deleted"
    TRIGGER_SECRET_ROTATED = "routine.trigger_secret_rotated"  # noqa: S105 - no secret
    TRIGGER_TRIED = "routine.trigger_tried"
    RUN_TRIGGERED = "routine.run_triggered"
    RUN_SKIPPED = "routine.run_skipped"
    ISSUE_CREATED = "issue.created"
    ISSUE_UPDATED = "issue.updated"
    ISSUE_CHECKED_OUT = "issue.checked_out"
    ISSUE_RELEASED = "issue.released"
    ISSUE_COMMENT_ADDED = "issue.comment_added"
    HEARTBEAT_STARTED = "heartbeat_run.started"
    HEARTBEAT_FINISHED = "heartbeat_run.finished"
    HEARTBEAT_CANCELLED = "heartbeat_run.cancelled"
    NOTIFICATIONS_CREATED = "notification_subscription.created"
    NOTIFICATIONS_UPDATED = "notification_subscription.updated"
    NOTIFICATIONS_DELETED = "notification_subscription.deleted"
    NOTIFICATIONS_SECRET_ROTATED = "notification_subscription.secret_rotated"  # noqa: S105 - no secret
    NOTIFICATIONS_TRIED = "notification_subscription.tried"
    NOTIFICATIONS_RESENT = "notification_subscription.resent"
