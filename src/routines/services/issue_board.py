"""What the board looks at of issues: a list with names and counts, and one issue's story, a page at a time.

Nothing is changed here; that is `issues`'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from routines.core.errors import NotFoundError
from routines.core.limits import LOOKED_THROUGH_MAX
from routines.core.model import Actor, Comment, Goal, Issue, IssueInBrief, Run
from routines.services.context import Body, Context, company_of_path
from routines.services.issues import visible_issue
from routines.services.routines import RunWithLinks, linked
from routines.storage.queries import goals, issues, runs
from routines.storage.queries.issues import IssueQuery
from routines.storage.queries.names import Kind, Named, names_of

CHILDREN_MAX = 50  # what is shown of them; a parent of thousands is looked at by the filters of the list
COMMENT_NOT_FOUND = "Comment not found"


@dataclass(frozen=True, slots=True)
class ListedIssues:
    """A page of issues, how many runs point to each, and what the things that they name are called, by id.

    Runs are counted up to `RUNS_COUNTED_MAX`. `looked_back_to` is the last issue that was held against the filters,
    where older ones were not.
    """

    issues: Sequence[Issue]
    looked_back_to: Issue | None
    run_counts: Mapping[str, int]
    names: Mapping[str, Named]


@dataclass(frozen=True, slots=True)
class StoryQuery:
    """Which part of an issue's story is wanted: pages of runs and of comments, each before the one that is named.

    Of payloads and comments at most so many characters are read.
    """

    runs: int
    comments: int
    characters: int
    runs_before: str | None = None
    comments_before: str | None = None


@dataclass(frozen=True, slots=True)
class IssueStory:
    """An issue with what stands around it; runs are newest first, comments oldest first.

    Runs are counted up to `RUNS_COUNTED_MAX`.
    """

    issue: Issue
    parent: Issue | None
    children: Sequence[IssueInBrief]
    goal: Goal | None
    made_by: Run | None
    runs: Sequence[RunWithLinks]
    run_count: int
    comments: Sequence[Comment]
    comment_count: int
    names: Mapping[str, Named]


@dataclass(frozen=True, slots=True)
class SaidOfIssue:
    """One comment, whole, with its issue."""

    issue: Issue
    comment: Comment
    names: Mapping[str, Named]


@dataclass(frozen=True, slots=True)
class IssueBoard:
    """The use cases of looking at issues."""

    context: Context

    def search(self, actor: Actor, company_id: str, query: Body[IssueQuery]) -> ListedIssues:
        """A company's issues, newest first, with what a list of them says."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            wanted = query()
            found, last = issues.look(connection, company_id, wanted, LOOKED_THROUGH_MAX)
            filtered = [(Kind.ROUTINE, wanted.origin_id)] if wanted.origin_id else []
            mentioned = {*filtered, *(each for issue in found for each in _mentioned(issue))}
            counts = runs.counts_of_issues(connection, [issue.id for issue in found]) if found else {}
            return ListedIssues(found, last, counts, names_of(connection, mentioned))

    def story(self, actor: Actor, issue_id: str, query: Body[StoryQuery]) -> IssueStory:
        """An issue with what stands around it, as much of it as is asked for."""
        with self.context.database.read() as connection:
            issue = visible_issue(connection, actor, issue_id)
            wanted = query()
            found = runs.page_of_issue(
                connection,
                issue,
                limit=wanted.runs,
                before=wanted.runs_before,
                payload_characters=wanted.characters,
            )
            said = issues.comments_before(
                connection,
                issue.id,
                limit=wanted.comments,
                before=wanted.comments_before,
                characters=wanted.characters,
            )
            maker = issue.origin_run_id
            mentioned = {*_mentioned(issue), *((Kind.ROUTINE, run.routine_id) for run in found), *_authors(said)}
            return IssueStory(
                issue=issue,
                parent=None if issue.parent_id is None else issues.get(connection, issue.parent_id),
                children=issues.children_of(connection, issue.id, CHILDREN_MAX + 1),
                goal=None if issue.goal_id is None else goals.get(connection, issue.goal_id),
                made_by=None if maker is None else runs.of_ids(connection, [maker]).get(maker),
                runs=linked(connection, found, [_brief(issue)]),
                run_count=runs.counts_of_issues(connection, [issue.id]).get(issue.id, 0),
                comments=said,
                comment_count=issues.comment_count(connection, issue.id),
                names=names_of(connection, mentioned),
            )

    def comment(self, actor: Actor, issue_id: str, comment_id: str) -> SaidOfIssue:
        """A comment, whole."""
        with self.context.database.read() as connection:
            issue = visible_issue(connection, actor, issue_id)
            comment = issues.comment(connection, issue.id, comment_id)
            if comment is None:
                raise NotFoundError(COMMENT_NOT_FOUND)
            return SaidOfIssue(issue, comment, names_of(connection, set(_authors([comment]))))


def _mentioned(issue: Issue) -> Iterator[tuple[str, str]]:
    """What an issue names, but for other issues, as (kind, id)."""
    references = (
        (Kind.AGENT, issue.assignee_agent_id),
        (Kind.PROJECT, issue.project_id),
        (Kind.ROUTINE, issue.origin_id),
        (Kind.AGENT, issue.created_by_agent_id),
    )
    for kind, identity in references:
        if identity is not None:
            yield kind, identity


def _authors(comments: Sequence[Comment]) -> Iterator[tuple[str, str]]:
    for comment in comments:
        if comment.author_agent_id is not None:
            yield Kind.AGENT, comment.author_agent_id


def _brief(issue: Issue) -> IssueInBrief:
    return IssueInBrief(
        issue.id, issue.identifier, issue.title, issue.status, issue.priority, issue.origin_id, issue.updated_at
    )
