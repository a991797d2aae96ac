"""The OpenAPI document of the service: what FastAPI tells of the routes, made exact.

Routes are described in `operation` and beside their handlers; nothing here is asked when a request is served.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.routing import compile_path

from routines.core.access import AuthMode
from routines.http.auth import SESSION_COOKIE
from routines.http.operation import REF, bodies, replies
from routines.http.schemas.common import NO_NUL

JSON = "Json"
JSON_OBJECT = "JsonObject"


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": REF.format(model=name)}


_FREE_JSON: dict[str, dict[str, Any]] = {
    JSON: {
        "description": "Any JSON value that every database can hold: no NUL in a text, at most 64 levels deep.",
        "anyOf": [
            {"type": ["null", "boolean", "number"]},
            {"type": "string", "pattern": NO_NUL},
            {"type": "array", "items": _ref(JSON)},
            _ref(JSON_OBJECT),
        ],
    },
    JSON_OBJECT: {
        "description": "Any JSON object that every database can hold.",
        "type": "object",
        "propertyNames": {"pattern": NO_NUL},
        "additionalProperties": _ref(JSON),
    },
}


def _header(name: str, description: str) -> dict[str, str]:
    return {"type": "apiKey", "in": "header", "name": name, "description": description}


_BEARER = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A board token, an agent's key, or the token of a heartbeat run.",
    }
}
_SESSION = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "A signed-in operator's session; what changes anything also needs this service's `Origin`.",
    }
}
_WEBHOOKS = {
    "webhookSecret": {"type": "http", "scheme": "bearer", "description": "Mode `bearer`: the trigger's secret."},
    "hmacSignature": _header("X-Paperclip-Signature", "Mode `hmac_sha256`: HMAC of `<timestamp>.<body>` in hex."),
    "hmacTimestamp": _header("X-Paperclip-Timestamp", "Mode `hmac_sha256`: when it was signed, in seconds."),
    "githubSignature": _header("X-Hub-Signature-256", "Mode `github_hmac`: `sha256=` and the body's HMAC in hex."),
    "standardId": _header("webhook-id", "Mode `standard_webhooks`: the message's id."),
    "standardTimestamp": _header("webhook-timestamp", "Mode `standard_webhooks`: when it was signed, in seconds."),
    "standardSignature": _header("webhook-signature", "Mode `standard_webhooks`: `v1,` and the HMAC in base64."),
}
WEBHOOK_SECURITY: list[dict[str, list[str]]] = [
    {"webhookSecret": []},
    {"hmacSignature": [], "hmacTimestamp": []},
    {"githubSignature": []},
    {"standardId": [], "standardTimestamp": [], "standardSignature": []},
    {},
]
"""How a webhook proves itself, by the signing mode of its trigger; the last is mode `none`."""


def operation_id(route: APIRoute) -> str:
    """What a route is called in the document: its handler's name."""
    return route.name


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
        _describe_models(document.setdefault("components", {}).setdefault("schemas", {}))
        _describe_security(document, app.state.authentication.mode)
        for path in document["paths"].values():
            for described in path.values():
                _drop_what_fastapi_presumes(described["responses"])
        _drop_titles(document)
        app.openapi_schema = document
    return app.openapi_schema


def methods_at(app: FastAPI, path: str) -> list[str]:
    """The methods that the API takes at a path; none where it has no such path."""
    for template, described in describe(app)["paths"].items():
        pattern, _, _ = compile_path(template)
        if pattern.match(path):
            return sorted(method.upper() for method in described)
    return []


def _describe_models(schemas: dict[str, Any]) -> None:
    """Add the schemas of bodies and replies, which the routes read and write themselves, unknown to FastAPI."""
    _, read = models_json_schema([(model, "validation") for model in bodies.values()], ref_template=REF)
    _, written = models_json_schema([(model, "serialization") for model in replies.values()], ref_template=REF)
    schemas.update(written["$defs"])
    schemas.update({name: _with_free_json(schema) for name, schema in read["$defs"].items()})
    schemas.update(_FREE_JSON)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def _with_free_json(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """A body's schema in which an object of anything is one that can be stored."""
    if isinstance(schema, list):
        return [_with_free_json(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" and schema.get("additionalProperties") is True:
        return _ref(JSON_OBJECT)
    return {key: _with_free_json(value) for key, value in schema.items()}


def _describe_security(document: dict[str, Any], mode: AuthMode) -> None:
    """Tell how callers prove who they are; in `local_trusted` they need not, and are then the board."""
    trusting = mode is AuthMode.LOCAL_TRUSTED
    document["components"]["securitySchemes"] = {**_BEARER, **({} if trusting else _SESSION), **_WEBHOOKS}
    document["security"] = [{"bearer": []}, {} if trusting else {"session": []}]


def _drop_what_fastapi_presumes(responses: dict[str, Any]) -> None:
    """Drop the 422 of FastAPI's own validation, which no route uses; one that a route describes itself stays."""
    presumed = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if presumed == _ref("HTTPValidationError"):
        del responses["422"]


def _drop_titles(part: Any) -> None:  # noqa: ANN401 - any part of the document
    """Drop titles made from field names, which say nothing that the names do not; models keep theirs."""
    if isinstance(part, list):
        for each in part:
            _drop_titles(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            fields = value.values() if key == "properties" and isinstance(value, dict) else [value]
            for field in fields:
                if (
                    (key in {"properties", "schema"})
                    and isinstance(field, dict)
                    and isinstance(field.get("title"), str)
                ):
                    del field["title"]
                _drop_titles(field)
