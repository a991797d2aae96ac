"""Issues, their comments and the activity over HTTP: section 6 of the contract."""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.http.call import Caller, PathId, reply, reply_list
from routines.http.operation import operation
from routines.http.schemas.activity import ActivityFilters, ActivityReply
from routines.http.schemas.issues import (
    CommentCreate,
    CommentFilters,
    CommentReply,
    HeartbeatContextReply,
    IssueCheckout,
    IssueCreate,
    IssueDetailReply,
    IssueFilters,
    IssuePatch,
    UpdatedIssueReply,
    WholeIssue,
)
from routines.http.services import UseCases

router = APIRouter(tags=["issues"])


@router.get("/companies/{company_id}/issues", **operation(reply=list[WholeIssue], query=IssueFilters, errors=(404,)))
def list_issues(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List a company's issues, newest first."""
    found = use.issues.search(call.actor, company_id, call.query(IssueFilters, IssueFilters.command))
    return reply_list([WholeIssue.written(each) for each in found])


@router.post(
    "/companies/{company_id}/issues",
    **operation(status=201, reply=WholeIssue, body=IssueCreate, errors=(404, 409, 422)),
)
def create_issue(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Create an issue by hand."""
    created = use.issues.create(call.actor, company_id, call.body(IssueCreate, IssueCreate.command))
    return reply(201, WholeIssue.written(created))


@router.get("/issues/{issue_id}", **operation(reply=IssueDetailReply, errors=(404,)))
def get_issue(call: Caller, use: UseCases, issue_id: PathId) -> Response:
    """Get an issue with all runs that point to it."""
    return reply(200, IssueDetailReply.of(use.issues.get(call.actor, issue_id)))


@router.patch("/issues/{issue_id}", **operation(reply=UpdatedIssueReply, body=IssuePatch, errors=(404, 409, 422)))
def update_issue(call: Caller, use: UseCases, issue_id: PathId) -> Response:
    """Change an issue; `comment` adds a comment."""
    updated = use.issues.update(call.actor, issue_id, call.body(IssuePatch, IssuePatch.command))
    return reply(200, UpdatedIssueReply.of(updated))


@router.post("/issues/{issue_id}/checkout", **operation(reply=WholeIssue, body=IssueCheckout, errors=(404, 409, 422)))
def check_out_issue(call: Caller, use: UseCases, issue_id: PathId) -> Response:
    """Take an issue into hand."""
    taken = use.issues.checkout(call.actor, issue_id, call.body(IssueCheckout, IssueCheckout.command))
    return reply(200, WholeIssue.written(taken))


@router.post("/issues/{issue_id}/release", **operation(reply=WholeIssue, errors=(400, 404, 409, 415)))
def release_issue(call: Caller, use: UseCases, issue_id: PathId) -> Response:
    """Give an issue in hand back."""
    return reply(200, WholeIssue.written(use.issues.release(call.actor, issue_id, call.no_body)))


@router.get("/issues/{issue_id}/comments", **operation(reply=list[CommentReply], query=CommentFilters, errors=(404,)))
def list_comments(call: Caller, use: UseCases, issue_id: PathId) -> Response:
    """List an issue's comments, newest first unless asked otherwise."""
    found = use.issues.comments(call.actor, issue_id, call.query(CommentFilters, CommentFilters.command))
    return reply_list([CommentReply.written(each) for each in found])


@router.post(
    "/issues/{issue_id}/comments", **operation(status=201, reply=CommentReply, body=CommentCreate, errors=(404,))
)
def add_comment(call: Caller, use: UseCases, issue_id: PathId) -> Response:
    """Comment on an issue."""
    added = use.issues.comment(call.actor, issue_id, call.body(CommentCreate, CommentCreate.command))
    return reply(201, CommentReply.written(added))


@router.get("/issues/{issue_id}/heartbeat-context", **operation(reply=HeartbeatContextReply, errors=(404,)))
def get_heartbeat_context(call: Caller, use: UseCases, issue_id: PathId) -> Response:
    """Get what an agent needs to know of an issue to work on it."""
    return reply(200, HeartbeatContextReply.of(use.issues.heartbeat_context(call.actor, issue_id)))


@router.get(
    "/companies/{company_id}/activity",
    **operation(reply=list[ActivityReply], query=ActivityFilters, errors=(404,)),
    tags=["activity"],
)
def list_activity(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List a company's activity, newest first."""
    found = use.activity.page(call.actor, company_id, call.query(ActivityFilters, ActivityFilters.command))
    return reply_list([ActivityReply.written(each) for each in found])
