"""Waiting for a run until it is final, and looking a run up in the history of its routine.

What makes a run final is the service's; the service has no call for one run, so that its issue is asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from routines.cli.exits import FoundWrongError, NothingSuchError
from routines.cli.references import LOOKED_THROUGH_MAX
from routines.cli.session import Session
from routines.client import Client, ConnectionFailedError, ServerFaultError
from routines.client.call import Call
from routines.client.events import AWAY_SECONDS_MAX
from routines.core.limits import RUNS_PAGE_MAX
from routines.core.model import RunStatus

POLL_SECONDS = 2.0  # agents work for minutes; one look is a few milliseconds of the service
WAIT_SECONDS_DEFAULT = 3_600
WAIT_SECONDS_MAX = 7 * 86_400  # longer, and nobody is there who waits


def wait(session: Session, run: dict[str, Any], timeout_seconds: int) -> None:
    """Return once a run is completed, and show it; raises `FoundWrongError` for any other end, or none in time."""
    deadline = session.around.clock.now() + timedelta(seconds=timeout_seconds)
    identifier = ""
    with session.output.progress(f"Waiting for the end of run {run['id']}"):
        status = run["status"]
        while status == RunStatus.ISSUE_CREATED:
            issue = _issue_of(session, run, deadline)
            identifier = issue["identifier"]
            status = next((each["status"] for each in issue["routineRuns"] if each["id"] == run["id"]), status)
            if status == RunStatus.ISSUE_CREATED:
                if session.around.clock.now() >= deadline:
                    raise FoundWrongError(
                        f"After {timeout_seconds} seconds {identifier} is still {issue['status']}; the run goes on"
                    )
                session.around.sleep(POLL_SECONDS)
    ended = run_of(session, run["routineId"], run["id"])
    session.output.detail(ended)
    if status != RunStatus.COMPLETED:
        joined = f"; the open issue is {ended['linkedIssue']['identifier']}" if ended["linkedIssue"] else ""
        raise FoundWrongError(f"The run is {status}: {ended['failureReason'] or 'no work of its own was done'}{joined}")


def _issue_of(session: Session, run: dict[str, Any], deadline: datetime) -> dict[str, Any]:
    """The issue of a run, also from a service that was away for a while, as when it is restarted.

    Raises `RoutinesClientError` once nobody would wait for the service any more.
    """
    clock = session.around.clock
    given_up_at = min(deadline, clock.now() + timedelta(seconds=AWAY_SECONDS_MAX))
    while True:
        try:
            issue: dict[str, Any] = session.ask(Client.get_issue(None, run["linkedIssueId"]))
        except (ConnectionFailedError, ServerFaultError):
            if clock.now() >= given_up_at:
                raise
            session.around.sleep(POLL_SECONDS)
        else:
            return issue


def run_of(session: Session, routine_id: str, run_id: str) -> dict[str, Any]:
    """A run as the history of its routine has it; raises `NothingSuchError`."""
    before: dict[str, str] = {}
    for _ in range(LOOKED_THROUGH_MAX // RUNS_PAGE_MAX):
        call: Call[Any] = Client.list_runs(None, routine_id, limit=RUNS_PAGE_MAX, **before)
        page: list[dict[str, Any]] = session.ask(call)
        for each in page:
            if each["id"] == run_id:
                return each
        if len(page) < RUNS_PAGE_MAX:
            break
        before = {"before": page[-1]["id"]}
    raise NothingSuchError(f"There is no run {run_id} among the newest {LOOKED_THROUGH_MAX:,} of this routine")
