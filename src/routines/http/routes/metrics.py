"""Metrics for Prometheus, outside the API: what a server measured of itself, to whoever may see it.

What is measured is `telemetry`'s.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hmac import compare_digest

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from routines.core.errors import ForbiddenError
from routines.core.limits import SCRAPE_DATABASE_SECONDS_MAX
from routines.http.auth import Authentication
from routines.telemetry.backlog import BacklogProbe
from routines.telemetry.metrics import Metrics

PATH = "/metrics"
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Exposing:
    """What a server exposes, and the token that opens it, where the operator has set one."""

    metrics: Metrics
    probe: BacklogProbe
    token: str | None


@router.get(PATH)
async def get_metrics(request: Request) -> Response:
    """Everything that is measured. What needs the database is left out where that does not answer in time."""
    exposing: Exposing = request.app.state.exposing
    if not _bears(request, exposing.token):
        authentication: Authentication = request.app.state.authentication
        caller = await run_in_threadpool(authentication.caller, request)
        if caller.agent_id is not None:
            raise ForbiddenError("An agent cannot read the metrics; the board does, or who has ROUTINES_METRICS_TOKEN")
    backlog = await exposing.probe.backlog(SCRAPE_DATABASE_SECONDS_MAX)
    # On a thread of the loop's own: those of the handlers may all be waiting for the database.
    written = await asyncio.to_thread(exposing.metrics.exposition, backlog)
    return Response(written, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def _bears(request: Request, token: str | None) -> bool:
    """True if a request bears the token for metrics, which asks nothing of the database."""
    given = f"Bearer {token}".encode()
    return token is not None and compare_digest(request.headers.get("authorization", "").encode("latin-1"), given)
