"""How a route is described in the OpenAPI document: its body, its query, its replies and its errors.

Only descriptions are made here; the routes themselves parse, call and render.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from routines.http.schemas.common import ErrorReply, RequestModel

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
_bodies: dict[str, type[BaseModel]] = {}


def operation(
    *,
    status: int = 200,
    reply: Any = None,  # noqa: ANN401 - a model, or a list of one
    body: type[BaseModel] | None = None,
    query: type[RequestModel] | None = None,
    errors: tuple[int, ...] = (),
) -> dict[str, Any]:
    """What `router.get` and its kin need to describe a route.

    `errors` are status codes beyond those that every call may answer with.
    """
    extra: dict[str, Any] = {}
    codes = {*ALWAYS, *errors}
    if body is not None:
        extra["requestBody"] = {"required": _is_required(body), "content": {"application/json": {"schema": _ref(body)}}}
        codes |= {400, 415}
    if query is not None:
        extra["parameters"] = _parameters(query)
        codes |= {400}
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": ErrorReply, "description": MEANINGS[code]} for code in sorted(codes)
    }
    responses[status] = {"description": MEANINGS[status]}
    return {"status_code": status, "response_model": reply, "responses": responses, "openapi_extra": extra}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    _bodies[model.__name__] = model
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


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the service, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        _, bodies = models_json_schema([(model, "validation") for model in _bodies.values()], ref_template=REF)
        schemas = document["components"]["schemas"]
        for name, schema in bodies.get("$defs", {}).items():
            schemas.setdefault(name, schema)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"bearer": []}, {}]
        for path in document["paths"].values():
            for described in path.values():
                if "422" in described["responses"] and described["responses"]["422"].get("content", {}).get(
                    "application/json", {}
                ).get("schema", {}).get("$ref", "").endswith("HTTPValidationError"):
                    del described["responses"]["422"]
        app.openapi_schema = document
    return app.openapi_schema
