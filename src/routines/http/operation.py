"""How a route is described in the OpenAPI document: its body, its query, its replies and its errors.

Only descriptions are made here; the routes themselves parse, call and render, and `document` puts it all together.
"""

from __future__ import annotations

from types import GenericAlias
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from routines.http.schemas.common import ErrorReply, InvalidReply, RequestModel

REF = "#/components/schemas/{model}"
ALWAYS = (401, 403, 413, 503)
MEANINGS = {
    200: "Done",
    201: "Created",
    202: "Recorded: the run is on disk",
    204: "Done; nothing more to say",
    400: "The request is malformed or a field is wrong; `details` names each",
    401: "Nobody can be told who is calling",
    403: "The caller may not do this",
    404: "There is no such thing, or not for this caller",
    409: "The state of the thing forbids it",
    413: "The body is larger than 1 MiB",
    415: "The body is not JSON by its content type",
    422: "Well formed, but cannot be",
    429: "Too many fires of this trigger; `Retry-After` says when the next is taken",
    503: "The service cannot take this now; `Retry-After` says when to try again",
}
RETRY_AFTER = {
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_ERROR_HEADERS: dict[int, dict[str, Any]] = {
    401: {
        "WWW-Authenticate": {
            "description": "How to prove who calls.",
            "required": True,
            "schema": {"const": "Bearer"},
        }
    },
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}
_ERROR_MODELS: dict[int, type[BaseModel]] = {400: InvalidReply}
REPLAYED = {
    "Idempotent-Replayed": {
        "description": "There if the same fire came before; the reply is then the run that it made.",
        "schema": {"const": "true"},
    }
}
bodies: dict[str, type[BaseModel]] = {}
"""The bodies of all routes described so far, by the name of their schema."""
replies: dict[str, type[BaseModel]] = {}
"""The replies and errors of all routes described so far, by the name of their schema."""


def operation(
    *,
    status: int = 200,
    reply: Any = None,  # noqa: ANN401 - a model, or a list of one
    body: type[BaseModel] | None = None,
    query: type[RequestModel] | None = None,
    errors: tuple[int, ...] = (),
    headers: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What `router.get` and its kin need to describe a route.

    `errors` are status codes beyond those that every call may answer with, `headers` those of a success.
    """
    extra: dict[str, Any] = {}
    codes = {*ALWAYS, *errors}
    if body is not None:
        bodies[body.__name__] = body
        extra["requestBody"] = {"required": _is_required(body), "content": _json(_ref(body))}
        codes |= {400, 415}
    if query is not None:
        extra["parameters"] = _parameters(query)
        codes |= {400}
    responses = {status: success(status, reply, headers), **error_replies(*codes)}
    return {"status_code": status, "response_class": Response, "responses": responses, "openapi_extra": extra}


def success(
    status: int,
    reply: Any = None,  # noqa: ANN401 - a model, a list of one, or a union
    headers: dict[str, Any] | None = None,
    meaning: str | None = None,
) -> dict[str, Any]:
    """How a success with this status looks; `meaning` is said where the status's own is not enough."""
    described: dict[str, Any] = {"description": meaning or MEANINGS[status]}
    if reply is not None:
        described["content"] = _json(_reply_schema(reply))
    if headers is not None:
        described["headers"] = headers
    return described


def error_replies(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The replies with these error codes, each with its meaning and the headers that it always has."""
    return {
        code: {
            "content": _json(_reply_schema(_ERROR_MODELS.get(code, ErrorReply))),
            "description": MEANINGS[code],
            **({"headers": _ERROR_HEADERS[code]} if code in _ERROR_HEADERS else {}),
        }
        for code in sorted(codes)
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _reply_schema(reply: Any) -> dict[str, Any]:  # noqa: ANN401 - a model, a list of one, or a union
    """The schema of a reply by reference: a `response_model` would build a validator for each route at each start."""
    if isinstance(reply, GenericAlias):
        return {"type": "array", "items": _reply_schema(get_args(reply)[0])}
    if isinstance(reply, type):
        replies[reply.__name__] = reply
        return _ref(reply)
    return {"anyOf": [_reply_schema(each) for each in get_args(reply)]}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _is_required(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _parameters(query: type[RequestModel]) -> list[dict[str, Any]]:
    schema = TypeAdapter(query).json_schema(by_alias=True)
    inlined = schema.get("$defs", {})
    return [
        {"name": name, "in": "query", "required": False, "schema": _plain(field, inlined)}
        for name, field in schema["properties"].items()
    ]


def _plain(field: dict[str, Any], inlined: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema on its own: a query has no nulls and no references."""
    options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
    chosen = options[0]
    if "$ref" in chosen:
        chosen = inlined[chosen["$ref"].rpartition("/")[2]]
    return {key: value for key, value in chosen.items() if key not in {"title", "default", "description"}}
