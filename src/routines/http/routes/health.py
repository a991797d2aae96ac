"""Whether the service is there: section 6 of the contract."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Depends, Request, Response

from routines.http.auth import Authentication
from routines.http.call import for_anybody, reply
from routines.http.operation import error_replies, success
from routines.http.schemas.reply import ReplyModel
from routines.storage.database import Database

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
