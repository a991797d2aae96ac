"""Questions about issues and their comments, and changes of them; fires have hot statements instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, func, select

from routines.core.model import Comment, Issue, IssueInBrief, IssueStatus, Priority
from routines.storage.rows import columns, every, first, get_model, insert_model, select_model, update_model
from routines.storage.schema import ISSUE_IS_OPEN, comments, issues, routines

INBOX_STATUSES = (IssueStatus.TODO, IssueStatus.IN_PROGRESS, IssueStatus.IN_REVIEW, IssueStatus.BLOCKED)


def get(connection: Connection, issue_id: str) -> Issue | None:
    """The issue, or None."""
    return get_model(connection, issues, Issue, issue_id)


def of_ids(connection: Connection, issue_ids: Sequence[str]) -> dict[str, IssueInBrief]:
    """These issues by id; unknown ones are left out."""
    query = select_model(issues, IssueInBrief).where(issues.c.id.in_(issue_ids))
    return {issue.id: issue for issue in every(connection, IssueInBrief, query)}


def whole_of_ids(connection: Connection, issue_ids: Collection[str]) -> list[Issue]:
    """These issues, in the order of their ids; unknown ones are left out."""
    query = select_model(issues, Issue).where(issues.c.id.in_(issue_ids))
    return every(connection, Issue, query.order_by(issues.c.id))


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Which of a company's issues are wanted: all that agree with every filter that is set, a page at a time."""

    limit: int
    before: str | None = None
    statuses: tuple[IssueStatus, ...] = ()
    assignee_agent_id: str | None = None
    project_id: str | None = None
    origin_kind: str | None = None
    origin_id: str | None = None


def search(connection: Connection, company_id: str, wanted: IssueQuery) -> list[Issue]:
    """A company's issues, newest first, from the one after `before` on."""
    query = select_model(issues, Issue).where(issues.c.company_id == company_id)
    if wanted.before is not None:
        query = query.where(issues.c.id < wanted.before)
    if wanted.statuses:
        query = query.where(issues.c.status.in_(wanted.statuses))
    for column in (issues.c.assignee_agent_id, issues.c.project_id, issues.c.origin_kind, issues.c.origin_id):
        value = getattr(wanted, column.name)
        if value is not None:
            query = query.where(column == value)
    return every(connection, Issue, query.order_by(issues.c.id.desc()).limit(wanted.limit))


def inbox(connection: Connection, agent_id: str, limit: int) -> list[Issue]:
    """What an agent has to do: its open issues but the backlog, the most urgent and then the oldest first."""
    urgency = case({priority: rank for rank, priority in enumerate(Priority)}, value=issues.c.priority)
    query = select_model(issues, Issue).where(
        issues.c.assignee_agent_id == agent_id, ISSUE_IS_OPEN, issues.c.status.in_(INBOX_STATUSES)
    )
    return every(connection, Issue, query.order_by(urgency, issues.c.id).limit(limit))


def open_of_routine(connection: Connection, routine_id: str) -> Issue | None:
    """A routine's open execution issue, the newest where there are several, or None."""
    query = select_model(issues, Issue).where(issues.c.origin_id == routine_id, ISSUE_IS_OPEN)
    return first(connection, Issue, query.order_by(issues.c.id.desc()))


def open_of_company_routines(connection: Connection, company_id: str) -> dict[str, IssueInBrief]:
    """The newest open execution issue of each of a company's routines that has one, by routine id."""
    return _newest_open(connection, routines.c.company_id == company_id)


def open_of_routines(connection: Connection, routine_ids: Collection[str]) -> dict[str, IssueInBrief]:
    """The newest open execution issue of each of these routines that has one, by routine id."""
    return _newest_open(connection, routines.c.id.in_(routine_ids))


def _newest_open(connection: Connection, which: ColumnElement[bool]) -> dict[str, IssueInBrief]:
    newest = (
        select(issues.c.id)
        .where(issues.c.origin_id == routines.c.id, ISSUE_IS_OPEN)
        .order_by(issues.c.id.desc())
        .limit(1)
        .correlate(routines)
        .scalar_subquery()
    )
    query = select_model(issues, IssueInBrief).where(issues.c.id.in_(select(newest).where(which)))
    return {issue.origin_id or "": issue for issue in every(connection, IssueInBrief, query)}


def add(connection: Connection, issue: Issue) -> None:
    """Store a new issue."""
    insert_model(connection, issues, issue)


def change(connection: Connection, issue: Issue) -> None:
    """Store an issue as it now is."""
    update_model(connection, issues, issue)


def comments_of(
    connection: Connection, issue_id: str, *, limit: int, after: str | None = None, oldest_first: bool = False
) -> list[Comment]:
    """An issue's comments, newest first unless asked otherwise, from the one after `after` on in time."""
    query = select_model(comments, Comment).where(comments.c.issue_id == issue_id)
    if after is not None:
        query = query.where(comments.c.id > after)
    order = comments.c.id if oldest_first else comments.c.id.desc()
    return every(connection, Comment, query.order_by(order).limit(limit))


def newest_comments(connection: Connection, issue_ids: Collection[str], each: int) -> Mapping[str, list[Comment]]:
    """The newest comments of these issues, at most so many of each, the newest first."""
    rank = func.row_number().over(partition_by=comments.c.issue_id, order_by=comments.c.id.desc()).label("rank")
    ranked = select(comments, rank).where(comments.c.issue_id.in_(issue_ids)).subquery()
    query = select(*(ranked.c[column.name] for column in columns(comments, Comment))).where(ranked.c.rank <= each)
    found = defaultdict(list)
    for comment in every(connection, Comment, query.order_by(ranked.c.id.desc())):
        found[comment.issue_id].append(comment)
    return found


def add_comment(connection: Connection, new: Comment) -> None:
    """Store a new comment."""
    insert_model(connection, comments, new)


def comment_count(connection: Connection, issue_id: str) -> int:
    """How many comments an issue has."""
    query = select(func.count()).select_from(comments).where(comments.c.issue_id == issue_id)
    return int(connection.execute(query).scalar_one())
