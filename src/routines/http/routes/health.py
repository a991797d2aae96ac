"""Whether the service is there (section 6 of the contract), and whether this server is ready for its work."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Depends, Request, Response

from routines.http.auth import Authentication
from routines.http.call import for_anybody, reply
from routines.http.operation import RETRY_AFTER, error_replies, success
from routines.http.schemas.common import ErrorReply
from routines.http.schemas.reply import ReplyModel
from routines.storage.database import Database
from routines.telemetry.readiness import Readiness

router = APIRouter(tags=["health"])


class HealthReply(ReplyModel):
    """The service answers and its database can be read."""

    status: str
    version: str
    deployment_mode: str


@router.get(
    "/health",
    response_class=Response,
    dependencies=[Depends(for_anybody)],
    responses={200: success(200, HealthReply), **error_replies(401, 403, 413, 503)},
    openapi_extra={"security": [{}]},
)
def get_health(request: Request) -> Response:
    """Tell that the service answers and can read its database; open to anybody who can reach it."""
    database: Database = request.app.state.database
    with database.read():
        pass
    authentication: Authentication = request.app.state.authentication
    here = {"status": "ok", "version": version("routines"), "deployment_mode": authentication.mode}
    return reply(200, HealthReply.written(**here))


class PartReply(ReplyModel):
    """One part of a server."""

    name: str
    ready: bool
    sentence: str


class ReadyReply(ReplyModel):
    """Whether a server is ready: `ready`, or `not_ready` with the first reason in `sentence`."""

    status: str
    sentence: str
    parts: list[PartReply]


@router.get(
    "/health/ready",
    response_class=Response,
    dependencies=[Depends(for_anybody)],
    responses={
        200: success(200, ReadyReply),
        **error_replies(401, 403, 413),
        503: success(503, ReadyReply | ErrorReply, RETRY_AFTER, meaning="A part of the server is not ready, and which"),
    },
    openapi_extra={"security": [{}]},
)
async def get_readiness(request: Request) -> Response:
    """Tell whether this server is ready for its part of the work; open to anybody who can reach it."""
    readiness: Readiness = request.app.state.readiness
    parts = await readiness.parts()
    reasons = [part.sentence for part in parts if not part.ready]
    status, sentence = ("not_ready", reasons[0]) if reasons else ("ready", "This server is ready")
    written = ReadyReply.written(status=status, sentence=sentence, parts=parts)
    return reply(503, written, {"Retry-After": "1"}) if reasons else reply(200, written)
