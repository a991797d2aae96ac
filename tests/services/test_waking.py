"""Waking an agent at the very moment at which a worker takes up what it waits for already."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from routines.storage.queries import issues
from support.databases import on_postgres
from support.heartbeats import Worker, heartbeats, issue_for, process_agent
from support.service import Company, Service, created

CLAIM_SECONDS = 0.5
"""For as long the claim goes on once it has read the comments, unless somebody comments sooner."""


@on_postgres
def test_a_comment_that_the_agent_started_at_that_moment_is_not_told_wakes_it_again(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = issue_for(company, process_agent(company))
    worker = Worker(service)
    comments_read, commented = Event(), Event()
    newest_comments = issues.newest_comments

    def comments_slowly(*arguments: Any, **how: Any) -> Any:
        read = newest_comments(*arguments, **how)
        comments_read.set()
        commented.wait(CLAIM_SECONDS)
        return read

    with ThreadPoolExecutor(1) as beside, monkeypatch.context() as patched:
        patched.setattr(issues, "newest_comments", comments_slowly)
        claim = beside.submit(worker.one)
        assert comments_read.wait(10)
        created(company.board.post(f"/issues/{issue}/comments", {"body": "Use the other door."}))
        commented.set()
        work = claim.result()
    assert work.comments == []
    worker.end(work)
    again = worker.one()
    assert (again.run.reason, again.run.attempt) == ("issue_commented", 1), "not the second try of the same"
    assert [comment.body for comment in again.comments] == ["Use the other door."]
    assert heartbeats(company, status="queued") == []
