"""The use cases as the routes get at them.

They are built in `wiring`; here they only have one name each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from routines.services.activity import ActivityLog
from routines.services.agents import Agents
from routines.services.board_tokens import BoardTokens
from routines.services.companies import Companies
from routines.services.deliveries import Deliveries
from routines.services.events import Events
from routines.services.firing import Firing
from routines.services.goals import Goals
from routines.services.heartbeats import Heartbeats
from routines.services.issue_board import IssueBoard
from routines.services.issues import Issues
from routines.services.notifications import Notifications
from routines.services.outlook import Outlook
from routines.services.overview import Overview
from routines.services.projects import Projects
from routines.services.routines import Routines
from routines.services.runs import Runs
from routines.services.trials import Trials
from routines.services.triggers import Triggers
from routines.services.workload import Workloads


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case of the service."""

    companies: Companies
    agents: Agents
    projects: Projects
    goals: Goals
    routines: Routines
    triggers: Triggers
    deliveries: Deliveries
    firing: Firing
    runs: Runs
    trials: Trials
    issues: Issues
    issue_board: IssueBoard
    heartbeats: Heartbeats
    outlook: Outlook
    overview: Overview
    activity: ActivityLog
    workloads: Workloads
    board_tokens: BoardTokens
    notifications: Notifications
    events: Events


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


UseCases = Annotated[Services, Depends(_services)]
