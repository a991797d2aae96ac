"""Questions about issues and their comments, and changes of them; fires have hot statements instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, or_, select, union_all

from routines.core.model import CLOSED_ISSUE_STATUSES, Comment, Issue, IssueInBrief, IssueStatus, Priority
from routines.storage.queries.stretches import end_of_stretch
from routines.storage.rows import columns, every, first, get_model, insert_model, select_model, update_model
from routines.storage.schema import ISSUE_IS_CLOSED, ISSUE_IS_OPEN, agents, comments, issues, routines

OPEN_SOUGHT_MAX = 2_000  # where more are open, the newest of them are near the end of all issues
INBOX_STATUSES = (IssueStatus.TODO, IssueStatus.IN_PROGRESS, IssueStatus.IN_REVIEW, IssueStatus.BLOCKED)


def get(connection: Connection, issue_id: str) -> Issue | None:
    """The issue, or None."""
    return get_model(connection, issues, Issue, issue_id)


def of_identifier(connection: Connection, company_id: str, identifier: str) -> Issue | None:
    """The issue of a company with that identifier, or None.

    No index has the identifiers, for each fire would pay for it: it is looked for from the newest issue on.
    """
    query = select_model(issues, Issue).where(issues.c.company_id == company_id, issues.c.identifier == identifier)
    return first(connection, Issue, query.order_by(issues.c.id.desc()))


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
    """Which of a company's issues are wanted: all that agree with every filter that is set, a page at a time.

    `words` occur in the title, in any case, or are the issue's identifier. None is older than `back_to`.
    """

    limit: int
    before: str | None = None
    statuses: tuple[IssueStatus, ...] = ()
    assignee_agent_id: str | None = None
    project_id: str | None = None
    origin_kind: str | None = None
    origin_id: str | None = None
    words: str | None = None
    back_to: str | None = None


def search(connection: Connection, company_id: str, wanted: IssueQuery) -> list[Issue]:
    """A company's issues, newest first, from the one after `before` on."""
    found = _by_index(connection, company_id, wanted)
    return _one_by_one(connection, company_id, wanted) if found is None else found


def look(connection: Connection, company_id: str, wanted: IssueQuery, entries: int) -> tuple[list[Issue], Issue | None]:
    """The same, but where no index knows them, at most so many issues are held against the filters for one page.

    The second is the last that was, where there are more to hold against them and the page is not full.
    """
    found = _by_index(connection, company_id, wanted)
    if found is not None:
        return found, None
    back_to = end_of_stretch(connection, issues, company_id, wanted.before, entries)
    found = _one_by_one(connection, company_id, replace(wanted, back_to=back_to))
    return found, None if back_to is None or len(found) == wanted.limit else get(connection, back_to)


def _by_index(connection: Connection, company_id: str, wanted: IssueQuery) -> list[Issue] | None:
    """A routine's issues, or open ones where these are few, for which there is an index; else None."""
    if wanted.origin_id is not None:
        return _of_routine(connection, company_id, wanted)
    if not wanted.statuses or not CLOSED_ISSUE_STATUSES.isdisjoint(wanted.statuses):
        return None
    few = _open_ones(company_id, wanted.assignee_agent_id).limit(OPEN_SOUGHT_MAX + 1)
    if int(connection.execute(select(func.count()).select_from(few.subquery())).scalar_one()) > OPEN_SOUGHT_MAX:
        return None
    query = _filtered(wanted).where(issues.c.company_id == company_id, issues.c.id.in_(few))
    return every(connection, Issue, query)


def _one_by_one(connection: Connection, company_id: str, wanted: IssueQuery) -> list[Issue]:
    return every(connection, Issue, _filtered(wanted).where(issues.c.company_id == company_id))


def _filtered(wanted: IssueQuery) -> Select[Any]:
    query = select_model(issues, Issue)
    if wanted.before is not None:
        query = query.where(issues.c.id < wanted.before)
    if wanted.back_to is not None:
        query = query.where(issues.c.id >= wanted.back_to)
    if wanted.statuses:
        query = query.where(issues.c.status.in_(wanted.statuses))
    if wanted.words:
        in_title = issues.c.title.icontains(wanted.words, autoescape=True)
        query = query.where(or_(in_title, issues.c.identifier == wanted.words.upper()))
    for column in (issues.c.assignee_agent_id, issues.c.project_id, issues.c.origin_kind, issues.c.origin_id):
        value = getattr(wanted, column.name)
        if value is not None:
            query = query.where(column == value)
    return query.order_by(issues.c.id.desc()).limit(wanted.limit)


def _of_routine(connection: Connection, company_id: str, wanted: IssueQuery) -> list[Issue]:
    """Those that a routine made: open and closed ones have an index each."""
    query = _filtered(wanted)
    halves = [every(connection, Issue, query.where(half)) for half in (ISSUE_IS_OPEN, ISSUE_IS_CLOSED)]
    found = merge(*halves, key=lambda issue: issue.id, reverse=True)
    return [issue for issue in islice(found, wanted.limit) if issue.company_id == company_id]


def _open_ones(company_id: str, assignee_agent_id: str | None) -> Select[Any]:
    """The ids of the open issues of an agent, or of all of a company's agents and of nobody.

    An index knows these; where they are few among many closed ones, nothing else finds them as fast.
    """
    if assignee_agent_id is not None:
        return select(issues.c.id).where(issues.c.assignee_agent_id == assignee_agent_id, ISSUE_IS_OPEN)
    own_agents = select(agents.c.id).where(agents.c.company_id == company_id)
    assigned = select(issues.c.id).where(issues.c.assignee_agent_id.in_(own_agents), ISSUE_IS_OPEN)
    unassigned = select(issues.c.id).where(issues.c.assignee_agent_id.is_(None), ISSUE_IS_OPEN)
    either = union_all(assigned, unassigned).subquery()
    return select(either.c.id)


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


def comments_before(
    connection: Connection, issue_id: str, *, limit: int, before: str | None, characters: int
) -> list[Comment]:
    """The newest of an issue's comments before the comment `before`, oldest first; of long ones the beginning."""
    beginning = func.substr(comments.c.body, 1, characters)
    fields = [beginning if column is comments.c.body else column for column in columns(comments, Comment)]
    query = select(*fields).where(comments.c.issue_id == issue_id)
    if before is not None:
        query = query.where(comments.c.id < before)
    return every(connection, Comment, query.order_by(comments.c.id.desc()).limit(limit))[::-1]


def comment(connection: Connection, issue_id: str, comment_id: str) -> Comment | None:
    """That comment on that issue, or None."""
    query = select_model(comments, Comment).where(comments.c.id == comment_id, comments.c.issue_id == issue_id)
    return first(connection, Comment, query)


def children_of(connection: Connection, issue_id: str, limit: int) -> list[IssueInBrief]:
    """An issue's children, the newest first."""
    query = select_model(issues, IssueInBrief).where(issues.c.parent_id == issue_id)
    return every(connection, IssueInBrief, query.order_by(issues.c.id.desc()).limit(limit))


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
