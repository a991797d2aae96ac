"""Waiting for a run until it is final.

What makes a run final is the service's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from routines.cli.exits import FoundWrongError
from routines.cli.session import Session
from routines.client import Client, ConnectionFailedError, ServerFaultError
from routines.client.events import AWAY_SECONDS_MAX
from routines.core.model import RunStatus

POLL_SECONDS = 2.0  # agents work for minutes; one look is a few milliseconds of the service
WAIT_SECONDS_DEFAULT = 3_600
WAIT_SECONDS_MAX = 7 * 86_400  # longer, and nobody is there who waits


def wait(session: Session, run: dict[str, Any], timeout_seconds: int) -> None:
    """Return once a run is completed, and show it; raises `FoundWrongError` for any other end, or none in time."""
    deadline = session.around.clock.now() + timedelta(seconds=timeout_seconds)
    with session.output.progress(f"Waiting for the end of run {run['id']}"):
        while (found := _seen(session, run, deadline))["status"] == RunStatus.ISSUE_CREATED:
            if session.around.clock.now() >= deadline:
                issue = found["linkedIssue"]
                raise FoundWrongError(
                    f"After {timeout_seconds} seconds {issue['identifier']} is still {issue['status']}; the run goes on"
                )
            session.around.sleep(POLL_SECONDS)
    session.output.detail(found)
    if found["status"] != RunStatus.COMPLETED:
        joined = f"; the open issue is {found['linkedIssue']['identifier']}" if found["linkedIssue"] else ""
        why = found["failureReason"] or "no work of its own was done"
        raise FoundWrongError(f"The run is {found['status']}: {why}{joined}")


def _seen(session: Session, run: dict[str, Any], deadline: datetime) -> dict[str, Any]:
    """The run as it is, also from a service that was away for a while, as when it is restarted.

    Raises `RoutinesClientError` once nobody would wait for the service any more.
    """
    clock = session.around.clock
    given_up_at = min(deadline, clock.now() + timedelta(seconds=AWAY_SECONDS_MAX))
    while True:
        try:
            found: dict[str, Any] = session.ask(Client.get_run(None, run["routineId"], run["id"]))
        except (ConnectionFailedError, ServerFaultError):
            if clock.now() >= given_up_at:
                raise
            session.around.sleep(POLL_SECONDS)
        else:
            return found
