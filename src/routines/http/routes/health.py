"""Whether the service is there: section 6 of the contract."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from routines.http.auth import Authentication
from routines.http.call import for_anybody, reply
from routines.http.operation import error_replies, success
from routines.storage.database import Database

router = APIRouter(tags=["health"])


class HealthReply(BaseModel):
    """The service answers and its database can be read."""

    status: str
    version: str
    deploymentMode: str  # noqa: N815 - the wire's name


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
    return reply(200, HealthReply(status="ok", version=version("routines"), deploymentMode=authentication.mode))
