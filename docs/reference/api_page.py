"""The page that has every call of the API, made of the service's own OpenAPI document.

What that document cannot say is in docs/api.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from routines.settings import Settings
from routines.wiring import Server

Schema = dict[str, Any]
SUCCESSES = "2"
FORMATS = {"uuid": "UUID", "date-time": "instant"}
PLURALS = {"maxLength": "characters", "maxItems": "items"}
HEAD = """\
# Every call

Written by `make reference` from the service's own description, which it also gives as `/openapi.json`; do not change it
by hand. [The API](../api.md) says what that description cannot: who may call what, how webhooks are signed, what a
status means. Instants are ISO 8601 in UTC, bodies and replies JSON; what stands in braces is a UUID unless the call
says otherwise.
"""


def api() -> str:
    """The page as it should be."""
    with TemporaryDirectory(prefix="routines-reference-") as folder:
        server = Server(Settings(data_dir=Path(folder)))
        try:
            document = server.app.openapi()
        finally:
            server.stop()
    return "\n".join(_page(document)) + "\n"


def _page(document: Schema) -> Iterator[str]:
    yield HEAD
    calls = [(path, method, call) for path, methods in document["paths"].items() for method, call in methods.items()]
    always = set.intersection(*({*_errors(call)} for *_, call in calls if _errors(call).get("401")))
    yield from _meanings(calls, always)
    groups = dict.fromkeys(call["tags"][0] for *_, call in calls)
    for group in groups:
        yield f"## {group.capitalize()}\n"
        for path, method, call in calls:
            if call["tags"][0] == group:
                yield from _call(path, method, call, always)
    schemas: dict[str, Schema] = document["components"]["schemas"]
    yield "## Bodies and replies\n"
    for name in sorted(schemas):
        if "properties" in schemas[name] or "enum" not in schemas[name]:
            yield from _schema(name, schemas[name])
    yield "## Words\n\nWhat a field can be that has one of a few values.\n"
    yield from _table(
        ("word", "values", "what it says"),
        (
            (f'<a id="{name.lower()}"></a>`{name}`', _values(schema["enum"]), _in_a_cell(schema.get("description", "")))
            for name, schema in sorted(schemas.items())
            if "enum" in schema
        ),
    )


def _errors(call: Schema) -> dict[str, Schema]:
    return {code: reply for code, reply in call["responses"].items() if not code.startswith(SUCCESSES)}


def _meanings(calls: list[tuple[str, str, Schema]], always: set[str]) -> Iterator[str]:
    """What each error says, once for all calls."""
    meanings = {code: reply["description"] for *_, call in calls for code, reply in _errors(call).items()}
    others = [f"`{method.upper()} {path}`" for path, method, call in calls if not always <= set(_errors(call))]
    besides = f" but {', '.join(others)}" if others else ""
    yield "## Errors\n"
    yield f"Any call{besides} may be answered with {', '.join(sorted(always))}; each names what else it may answer.\n"
    yield from _table(
        ("status", "meaning", "body"),
        (
            (
                code,
                _in_a_cell(meaning),
                "[`InvalidReply`](#invalidreply)" if code == "400" else "[`ErrorReply`](#errorreply)",
            )
            for code, meaning in sorted(meanings.items())
        ),
    )


def _call(path: str, method: str, call: Schema, always: set[str]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n\n{call['description']}\n"
    if parameters := [each for each in call.get("parameters", []) if not _is_plain_id(each)]:
        yield from _table(
            ("parameter", "in", "type", "what it is"),
            (
                (
                    f"`{each['name']}`" + (", required" if each["required"] and each["in"] != "path" else ""),
                    each["in"],
                    _type(each["schema"]),
                    _in_a_cell(each.get("description", "")),
                )
                for each in parameters
            ),
        )
    if body := call.get("requestBody"):
        kinds = " or ".join(
            _type(content["schema"]) if kind == "application/json" and content.get("schema") else f"`{kind}`"
            for kind, content in body["content"].items()
        )
        yield f"Body{'' if body.get('required') else ' (may be left out)'}: {kinds}\n"
    for code, reply in call["responses"].items():
        if code.startswith(SUCCESSES):
            yield f"- {code}: {_reply(reply)}"
    if others := sorted(set(_errors(call)) - always):
        yield f"- Errors: {', '.join(others)}"
    yield ""


def _is_plain_id(parameter: Schema) -> bool:
    return bool(parameter["in"] == "path" and parameter["schema"].get("format") == "uuid")


def _reply(reply: Schema) -> str:
    kinds = [
        _type(content["schema"]) if content.get("schema") else f"`{kind}`"
        for kind, content in reply.get("content", {}).items()
    ]
    headers = [f"`{name}`: {header['description']}" for name, header in reply.get("headers", {}).items()]
    return ". ".join([" or ".join(kinds) or reply["description"], *headers]).rstrip(".")


def _schema(name: str, schema: Schema) -> Iterator[str]:
    yield f"### {name}\n\n{schema.get('description', '')}\n"
    properties: dict[str, Schema] = schema.get("properties", {})
    if not properties:
        yield f"{_type({**schema, 'description': ''}).capitalize()}\n"
        return
    required = schema.get("required", [])
    optional = set(properties) - set(required)
    heads = ("field", "type", *(("if left out",) if optional else ()), "what it is")
    yield from _table(
        heads,
        (
            (
                f"`{field}`",
                _type(kind),
                *((_default(kind) if field in optional else "required",) if optional else ()),
                _in_a_cell(kind.get("description", "")),
            )
            for field, kind in properties.items()
        ),
    )


def _default(kind: Schema) -> str:
    return f"`{json.dumps(kind['default'], ensure_ascii=False)}`" if "default" in kind else ""


def _type(schema: Schema) -> str:
    """What values a schema allows, in a few words; patterns are left to the document itself."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[several])))
    if "enum" in schema:
        return _values(schema["enum"])
    if "const" in schema:
        return _values([schema["const"]])
    kinds = schema.get("type", "anything")
    if isinstance(kinds, list):
        return " or ".join(_type({**schema, "type": kind}) for kind in kinds)
    return _plain(kinds, schema)


def _plain(kind: str, schema: Schema) -> str:
    match kind:
        case "array":
            items = _type(schema["items"]) if schema.get("items") else "anything"
            return f"list of {f'({items})' if ' or ' in items else items}{_bounds(schema, 'minItems', 'maxItems')}"
        case "string":
            return FORMATS.get(schema.get("format", ""), "text") + _bounds(schema, "minLength", "maxLength")
        case "integer" | "number":
            return ("whole number" if kind == "integer" else kind) + _bounds(schema, "minimum", "maximum")
        case "object":
            values = schema.get("additionalProperties")
            return f"object of {_type(values)}" if isinstance(values, dict) and values else "object"
        case _:
            return kind


def _bounds(schema: Schema, low: str, high: str) -> str:
    unit = f" {PLURALS[high]}" if high in PLURALS else ""
    match schema.get(low), schema.get(high):
        case None, None:
            return ""
        case None | 0, most if unit:
            return f", up to {most}{unit}"
        case least, None:
            return f", from {least}{unit}"
        case None, most:
            return f", up to {most}{unit}"
        case least, most:
            return f", {least} to {most}{unit}"
    return ""


def _values(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value if isinstance(value, str) and value else json.dumps(value)}`" for value in values)


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table without the columns in which nothing stands."""
    rows = list(rows)
    kept = [number for number in range(len(heads)) if any(row[number] for row in rows)]
    yield f"| {' | '.join(heads[number] for number in kept)} |"
    yield "|" + "---|" * len(kept)
    for row in rows:
        yield f"| {' | '.join(row[number] for number in kept)} |"
    yield ""
