"""The one table from errors to status codes, and how an error looks on the wire.

Errors themselves are in `core.errors`; anything that is not one of them is a fault of ours and says nothing of itself.
"""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from routines.core import strict_json
from routines.core.errors import (
    ConflictError,
    ForbiddenError,
    ImpossibleError,
    InvalidError,
    MalformedBodyError,
    NotFoundError,
    RateLimitedError,
    RoutinesError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedMediaTypeError,
)

STATUS_CODES: dict[type[RoutinesError], int] = {
    InvalidError: 400,
    MalformedBodyError: 400,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    UnsupportedMediaTypeError: 415,
    ImpossibleError: 422,
    RateLimitedError: 429,
    UnavailableError: 503,
}
INTERNAL = "Internal server error"
log = structlog.get_logger(__name__)


def status_of(error: RoutinesError) -> int:
    """The status code that an error is answered with; 500 for one that the table does not have."""
    return next((STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES), 500)


def error_response(error: RoutinesError) -> Response:
    """The reply that tells a caller of an error."""
    headers = {}
    if isinstance(error, RateLimitedError | UnavailableError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    status = status_of(error)
    return _reply(status, error.sentence if status != 500 else INTERNAL, _details(error), headers)  # noqa: PLR2004


def _details(error: RoutinesError) -> Any:  # noqa: ANN401 - whatever JSON the error carries
    if isinstance(error, InvalidError):
        return [{"path": list(f.path), "message": f.message, "code": f.code} for f in error.faults]
    return error.details


def _reply(status: int, sentence: str, details: Any, headers: dict[str, str]) -> Response:  # noqa: ANN401 - as above
    content = {"error": sentence} if details is None else {"error": sentence, "details": details}
    return Response(strict_json.dumps(content), status, headers, media_type="application/json")


def on_routines_error(_request: Request, error: Exception) -> Response:
    """The reply to an error of the tree."""
    assert isinstance(error, RoutinesError)  # noqa: S101 - registered for nothing else
    return error_response(error)


def on_http_exception(_request: Request, error: Exception) -> Response:
    """The reply where the framework itself refuses: no such path, or no such method on it."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    sentences = {404: "Not found", 405: "Method not allowed"}
    headers = dict(error.headers or {})
    return _reply(error.status_code, sentences.get(error.status_code, str(error.detail)), None, headers)


def on_disconnect(_request: Request, _error: Exception) -> Response:
    """The reply, which nobody reads, to a client that went away while it was sending."""
    return _reply(400, "The connection was closed before the request was whole", None, {})


def on_fault(request: Request, error: Exception) -> Response:
    """The reply to a fault of ours, which is logged and says nothing of itself."""
    log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
    return _reply(500, INTERNAL, None, {})
