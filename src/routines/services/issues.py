"""The use cases of issues: list, look at, create, change, check out, release, comment, and an agent's inbox.

Execution issues are made by `dispatch`; here they move, and with them the runs that created them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import Connection

from routines.core.access import Action, require, require_visible
from routines.core.activity import ActivityAction
from routines.core.errors import ConflictError, ForbiddenError, ImpossibleError, NotFoundError
from routines.core.lifecycle import require_assignable
from routines.core.limits import LIST_PAGE_MAX
from routines.core.model import (
    CLOSED_ISSUE_STATUSES,
    Actor,
    Comment,
    Goal,
    Issue,
    IssueStatus,
    Priority,
    Project,
    Run,
    WakeReason,
)
from routines.services import references
from routines.services.context import Body, Context, changed_names, company_of_path
from routines.services.issue_moves import add_comment, move_issue, record_of_issue
from routines.services.waking import wake_for_issue
from routines.storage.queries import goals, issues, projects, runs, wake_ups
from routines.storage.queries.issues import IssueQuery

ISSUE_NOT_FOUND = "Issue not found"
ANCESTORS_MAX = 50  # deeper trees are cut in what is shown, and a cycle cannot be made


@dataclass(frozen=True, slots=True)
class NewIssue:
    """An issue to be made by hand."""

    title: str
    description: str | None
    status: IssueStatus
    priority: Priority
    assignee_agent_id: str | None
    project_id: str | None
    goal_id: str | None
    parent_id: str | None


class IssueChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    title: str
    description: str | None
    status: IssueStatus
    priority: Priority
    assignee_agent_id: str | None
    project_id: str | None
    goal_id: str | None
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class IssueUpdate:
    """What the body of an update says: the changes, and a comment to add."""

    changes: IssueChanges
    comment: str | None


@dataclass(frozen=True, slots=True)
class CommentQuery:
    """Which of an issue's comments are wanted: those made after the comment `after`."""

    limit: int
    after: str | None
    oldest_first: bool


@dataclass(frozen=True, slots=True)
class Checkout:
    """Which agent takes an issue, and the statuses in which it expects it."""

    agent_id: str
    expected_statuses: Sequence[IssueStatus]


@dataclass(frozen=True, slots=True)
class IssueDetail:
    """An issue with all runs that point to it, so that no payload is out of the agent's sight."""

    issue: Issue
    routine_runs: list[Run]
    ancestors: list[Issue]
    project: Project | None
    goal: Goal | None


@dataclass(frozen=True, slots=True)
class HeartbeatContext:
    """What an agent needs to know of an issue to work on it."""

    detail: IssueDetail
    comments: list[Comment]
    comment_count: int


@dataclass(frozen=True, slots=True)
class UpdatedIssue:
    """An issue as it now is, and the comment that the same call added."""

    issue: Issue
    comment: Comment | None


@dataclass(frozen=True, slots=True)
class Issues:
    """The use cases of issues."""

    context: Context

    def search(
        self,
        actor: Actor,
        company_id: str,
        query: Body[IssueQuery],
    ) -> list[Issue]:
        """A company's issues, newest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return issues.search(connection, company_id, query())

    def inbox(self, agent_id: str) -> list[Issue]:
        """What an agent has to do, the most urgent first."""
        with self.context.database.read() as connection:
            return issues.inbox(connection, agent_id, LIST_PAGE_MAX)

    def get(self, actor: Actor, issue_id: str) -> IssueDetail:
        """An issue and what belongs to it."""
        with self.context.database.read() as connection:
            return _detail(connection, visible_issue(connection, actor, issue_id))

    def of_identifier(self, actor: Actor, company_id: str, identifier: str) -> Issue | None:
        """The issue of a company with that identifier, such as `ACM-12` in any case of letters, or None."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return issues.of_identifier(connection, company_id, identifier.upper())

    def heartbeat_context(self, actor: Actor, issue_id: str) -> HeartbeatContext:
        """An issue, what belongs to it and its newest comments."""
        with self.context.database.read() as connection:
            detail = _detail(connection, visible_issue(connection, actor, issue_id))
            newest = issues.comments_of(connection, issue_id, limit=LIST_PAGE_MAX)
            return HeartbeatContext(detail, newest, issues.comment_count(connection, issue_id))

    def create(self, actor: Actor, company_id: str, body: Body[NewIssue]) -> Issue:
        """Create an issue by hand and wake its agent."""
        with self.context.database.write() as transaction:
            transaction.locks.issues_of(company_id)
            connection = transaction.connection
            company = company_of_path(connection, actor, company_id)
            require(actor, Action.CREATE_ISSUE)
            new = body()
            _check_references(
                connection,
                company.id,
                assignee_agent_id=new.assignee_agent_id,
                project_id=new.project_id,
                goal_id=new.goal_id,
                parent_id=new.parent_id,
            )
            now = self.context.clock.now()
            started = new.status is IssueStatus.IN_PROGRESS
            issue = Issue(
                id=self.context.ids.new(now),
                company_id=company.id,
                identifier=f"{company.issue_prefix}-{transaction.hot.take_issue_numbers({company.id: 1})[company.id]}",
                title=new.title,
                description=new.description,
                status=new.status,
                priority=new.priority,
                assignee_agent_id=new.assignee_agent_id,
                project_id=new.project_id,
                goal_id=new.goal_id,
                parent_id=new.parent_id,
                origin_kind="manual",
                origin_id=None,
                origin_run_id=None,
                created_by_agent_id=actor.agent_id,
                created_by_user_id=actor.user_id,
                started_at=now if started else None,
                completed_at=now if new.status in CLOSED_ISSUE_STATUSES else None,
                created_at=now,
                updated_at=now,
            )
            issues.add(connection, issue)
            wake_for_issue(self.context, transaction, issue, WakeReason.ISSUE_ASSIGNED, now)
            record_of_issue(
                self.context, transaction, actor, ActivityAction.ISSUE_CREATED, issue, now, {"title": issue.title}
            )
        return issue

    def update(self, actor: Actor, issue_id: str, body: Body[IssueUpdate]) -> UpdatedIssue:
        """Change an issue; an execution issue's moves carry its run along."""
        with self.context.database.write() as transaction:
            transaction.locks.issue(issue_id)
            connection = transaction.connection
            before = visible_issue(connection, actor, issue_id)
            require(actor, Action.CHANGE_ISSUE, assigned_to=before.assignee_agent_id)
            update = body()
            changes = update.changes
            if "parent_id" in changes:
                transaction.locks.issue_tree(before.company_id)
            _check_references(
                connection,
                before.company_id,
                assignee_agent_id=changes.get("assignee_agent_id"),
                project_id=changes.get("project_id"),
                goal_id=changes.get("goal_id"),
                parent_id=changes.get("parent_id"),
                issue_id=before.id,
            )
            now = self.context.clock.now()
            after = replace(before, **changes)
            if changed_names(before, after):
                after = move_issue(self.context, transaction, actor, before, after, now)
            comment = (
                None
                if update.comment is None
                else add_comment(self.context, transaction, actor, after, update.comment, now)
            )
        return UpdatedIssue(after, comment)

    def checkout(self, actor: Actor, issue_id: str, body: Body[Checkout]) -> Issue:
        """Let an agent take an issue; for the agent that has it in progress already, nothing changes.

        Raises `ConflictError` when another agent has it or its status is not an expected one.
        """
        with self.context.database.write() as transaction:
            transaction.locks.issue(issue_id)
            before = visible_issue(transaction.connection, actor, issue_id)
            require(actor, Action.CHANGE_ISSUE, assigned_to=before.assignee_agent_id)
            wanted = body()
            if actor.agent_id is not None and wanted.agent_id != actor.agent_id:
                raise ForbiddenError("An agent can only check out as itself")
            agent = references.agent(transaction.connection, before.company_id, wanted.agent_id)
            if before.status is IssueStatus.IN_PROGRESS and before.assignee_agent_id == wanted.agent_id:
                return before
            held = before.assignee_agent_id not in {None, wanted.agent_id}
            if held or before.status not in wanted.expected_statuses:
                raise ConflictError(
                    "Issue checkout conflict",
                    {
                        "issueId": before.id,
                        "status": before.status.value,
                        "assigneeAgentId": before.assignee_agent_id,
                        "reason": "another agent has it" if held else f"expected {', '.join(wanted.expected_statuses)}",
                    },
                )
            require_assignable(agent)
            now = self.context.clock.now()
            after = replace(before, assignee_agent_id=wanted.agent_id, status=IssueStatus.IN_PROGRESS)
            after = move_issue(
                self.context, transaction, actor, before, after, now, action=ActivityAction.ISSUE_CHECKED_OUT
            )
            if actor.agent_id is not None and actor.heartbeat_run_id is None:
                wake_ups.drop_of_issue(transaction.connection, after.id)  # it has found the issue by itself
        return after

    def release(self, actor: Actor, issue_id: str, body: Body[None]) -> Issue:
        """Give an issue in hand back: it is `todo` again, and stays assigned so that it is not lost."""
        with self.context.database.write() as transaction:
            transaction.locks.issue(issue_id)
            before = visible_issue(transaction.connection, actor, issue_id)
            require(actor, Action.CHANGE_ISSUE, assigned_to=before.assignee_agent_id)
            body()
            if before.status in CLOSED_ISSUE_STATUSES:
                raise ConflictError(f"Issue {before.identifier} is {before.status.value}; only an open one is released")
            after = replace(before, status=IssueStatus.TODO)
            if before.status is not after.status:
                after = move_issue(
                    self.context,
                    transaction,
                    actor,
                    before,
                    after,
                    self.context.clock.now(),
                    action=ActivityAction.ISSUE_RELEASED,
                )
        return after

    def comments(self, actor: Actor, issue_id: str, query: Body[CommentQuery]) -> list[Comment]:
        """An issue's comments, newest first unless asked otherwise."""
        with self.context.database.read() as connection:
            issue = visible_issue(connection, actor, issue_id)
            wanted = query()
            return issues.comments_of(
                connection, issue.id, limit=wanted.limit, after=wanted.after, oldest_first=wanted.oldest_first
            )

    def comment(self, actor: Actor, issue_id: str, body: Body[str]) -> Comment:
        """Add a comment."""
        with self.context.database.write() as transaction:
            transaction.locks.issue(issue_id)
            issue = visible_issue(transaction.connection, actor, issue_id)
            require(actor, Action.COMMENT_ISSUE)
            return add_comment(self.context, transaction, actor, issue, body(), self.context.clock.now())


def visible_issue(connection: Connection, actor: Actor, issue_id: str) -> Issue:
    """The issue with that id, if it exists for this caller; else `NotFoundError`."""
    issue = issues.get(connection, issue_id)
    if issue is None:
        raise NotFoundError(ISSUE_NOT_FOUND)
    require_visible(actor, issue.company_id, ISSUE_NOT_FOUND)
    return issue


def _detail(connection: Connection, issue: Issue) -> IssueDetail:
    return IssueDetail(
        issue=issue,
        routine_runs=runs.of_issue(connection, issue.id),
        ancestors=_ancestors(connection, issue.parent_id),
        project=None if issue.project_id is None else projects.get(connection, issue.project_id),
        goal=None if issue.goal_id is None else goals.get(connection, issue.goal_id),
    )


def _ancestors(connection: Connection, parent_id: str | None) -> list[Issue]:
    """The parents upwards, nearest first."""
    found: list[Issue] = []
    while parent_id is not None and len(found) < ANCESTORS_MAX:
        parent = issues.get(connection, parent_id)
        if parent is None:
            break
        found.append(parent)
        parent_id = parent.parent_id
    return found


def _check_references(
    connection: Connection,
    company_id: str,
    *,
    assignee_agent_id: str | None,
    project_id: str | None,
    goal_id: str | None,
    parent_id: str | None,
    issue_id: str | None = None,
) -> None:
    if project_id is not None:
        references.project(connection, company_id, project_id)
    if goal_id is not None:
        references.goal(connection, company_id, goal_id)
    if parent_id is not None:
        references.issue(connection, company_id, parent_id)
        if issue_id is not None and issue_id in {parent_id, *(i.id for i in _ancestors(connection, parent_id))}:
            raise ImpossibleError(f"Issue {parent_id} is this issue or lies below it, so it cannot be its parent")
    if assignee_agent_id is not None:
        require_assignable(references.agent(connection, company_id, assignee_agent_id))
