"""What a tool takes, made from the signature of the client's call: a model that checks it, a schema that tells it.

Which calls are tools is in `tools`; nothing is sent here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.alias_generators import to_camel

from routines.client import BadRequestError, Omitted
from routines.client.call import Call

BAD_REQUEST = 400
Schema = dict[str, Any]

WORDS = {
    "before": "The id of the last entry you have; older ones follow.",
    "body": "The comment's text, in Markdown.",
    "catchUpPolicy": "What becomes of slots missed in an outage: dropped (the default), or the latest 25 made up for.",
    "comment": "Added to the issue by the same call: what you did and where it is, or what is missing.",
    "concurrencyPolicy": (
        "What a fire does while an issue of the routine is open: joins it (the default), is skipped, or makes its own."
    ),
    "cronExpression": "Five fields as in crontab(5), or @hourly to @yearly; try it with explain_cron first.",
    "description": "What is to be done, in Markdown.",
    "expectedStatuses": "Where you expect the issue to be: todo, and in_progress if you hold it already.",
    "force": "Delete it even while an issue of it is open.",
    "from": "An instant in ISO 8601 with a zone, such as 2026-03-01T12:00:00Z.",
    "idempotencyKey": "Your own name for this one run: called again with the same key, it is not run again.",
    "originId": "The id of a routine, for the issues that it made.",
    "payload": "A JSON object for whoever works on the run.",
    "q": "A part of the title or description.",
    "replayWindowSec": "How many seconds old a signed delivery may be.",
    "signingMode": "How the sender of a webhook proves itself.",
    "timezone": "An IANA name such as Europe/Berlin; UTC by default.",
    "to": "An instant in ISO 8601 with a zone, such as 2026-03-08T12:00:00Z.",
}
"""What a name cannot say by itself, for fields of any tool by their name on the wire."""


class Arguments(BaseModel):
    """What a tool was given, checked; field names are the client's, those on the wire their aliases."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True, validate_by_name=False)

    def given(self) -> dict[str, Any]:
        """The arguments of the client's call that were given."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


def arguments_of(describe: Callable[..., Call[Any]], own: Mapping[str, str]) -> type[Arguments]:
    """The model of what a call takes; `own` are words for what may be left out, since it is the caller's own."""
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(describe, eval_str=True).parameters.items())[1:]:
        required = parameter.default is inspect.Parameter.empty and name not in own
        default: Any = ... if required else None  # the latter never used: what was not given is not handed on
        about = Field(default, alias=on_the_wire(name), description=own.get(name))
        fields[name] = (_as_sent(parameter.annotation), about)
    made: type[Arguments] = create_model(f"{describe.__name__}_arguments", __base__=Arguments, **fields)
    return made


def read(model: type[Arguments], content: Mapping[str, Any]) -> Arguments:
    """What was given, checked; raises `BadRequestError`, as the service words it, for each field that is wrong."""
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        faults = [
            {"path": each["loc"], "message": _message(each["type"], each["msg"], each["loc"])}
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise BadRequestError(BAD_REQUEST, "Validation error", faults) from None


def input_schema(model: type[Arguments]) -> Schema:
    """The JSON schema of what a tool takes."""
    return _told_once(model.model_json_schema(by_alias=True), words=WORDS)


def output_schema(reply: Any, name: str | None) -> Schema | None:  # noqa: ANN401 - any type
    """The JSON schema of what a call answers with, under a name if it is a list; None if it answers with nothing."""
    if reply is type(None):
        return None
    schema = TypeAdapter(reply).json_schema(by_alias=True, mode="serialization")
    if name is not None:
        definitions = schema.pop("$defs", {})
        schema = {"type": "object", "properties": {name: schema}, "required": [name], "$defs": definitions}
    return _told_once(schema, words={})


def reply_of(describe: Callable[..., Call[Any]]) -> Any:  # noqa: ANN401 - any type
    """The type that a call answers with."""
    return get_args(inspect.signature(describe, eval_str=True).return_annotation)[0]


def on_the_wire(name: str) -> str:
    """A parameter's name in the API."""
    return to_camel(name.rstrip("_"))


def _as_sent(annotation: Any) -> Any:  # noqa: ANN401 - any type
    """A type without the mark of what was not given, and with its choices once: as words, not as an enum as well."""
    if get_origin(annotation) not in {Union, UnionType}:
        return annotation
    kinds = [each for each in get_args(annotation) if each is not Omitted]
    if any(get_origin(each) is Literal for each in kinds):
        kinds = [each for each in kinds if not (isinstance(each, type) and issubclass(each, Enum))]
    return Union[tuple(kinds)]  # noqa: UP007 - made at run time


def _message(kind: str, message: str, location: tuple[int | str, ...]) -> str:
    return f"Unknown key {location[-1]!r}" if kind == "extra_forbidden" and location else message


def _told_once(schema: Schema, *, words: Mapping[str, str]) -> Schema:
    """A schema as a model reads it best: without pydantic's titles, each choice named once and where it stands."""
    definitions = schema.pop("$defs", {})
    choices = {f"#/$defs/{name}": each for name, each in definitions.items() if "enum" in each}
    tidy = _Tidy(choices, words)
    told: Schema = tidy.schema(schema)
    used = {
        name: tidy.schema(each, nested=True) for name, each in definitions.items() if f"#/$defs/{name}" not in choices
    }
    return {**told, "$defs": used} if used else told


class _Tidy:
    """Rewrites a schema; `choices` are enums by reference, `words` descriptions of properties by their name.

    Only what is sent has words.
    """

    def __init__(self, choices: Mapping[str, Schema], words: Mapping[str, str]) -> None:
        self._choices = choices
        self._words = words

    def schema(self, node: Any, *, nested: bool = False) -> Any:  # noqa: ANN401 - any JSON
        """The node with everything below it; `nested` is an object that stands inside of a body."""
        if isinstance(node, list):
            return [self.schema(each) for each in node]
        if not isinstance(node, dict):
            return node
        node = self._choices.get(node.get("$ref", ""), node)
        kept = {name: self.schema(value) for name, value in node.items() if name not in _REWRITTEN}
        kept |= {name: node[name] for name in ("enum", "const") if name in node}
        if "properties" in node:
            kept |= self._properties(node, nested=nested)
        elif "description" in node and "enum" not in node:
            kept["description"] = node["description"]
        return _one_of(kept)

    def _properties(self, node: Schema, *, nested: bool) -> Schema:
        told: Schema = {}
        required = list(node.get("required", ()))
        for name, each in node["properties"].items():
            told[name] = self.schema(each)
            if nested and self._words:
                told[name] = _one_of(told[name], without=_NULL)  # it would say the same as leaving it out
                if "const" in each:
                    required.append(name)  # by the kind the service tells triggers apart
            if name in self._words:
                told[name].setdefault("description", self._words[name])
        return {"properties": told, **({"required": required} if required else {})}


_NULL: Schema = {"type": "null"}
_REWRITTEN = frozenset({"title", "properties", "required", "enum", "const", "default", "description"})


def _one_of(node: Schema, without: Schema | None = None) -> Schema:
    """A node whose choices differ: an enum of the client and its words are the same choice."""
    if "anyOf" not in node:
        return node
    several = [each for at, each in enumerate(node["anyOf"]) if each not in node["anyOf"][:at] and each != without]
    if any("$ref" in each for each in several):  # which says more of an object than that it is one
        several = [each for each in several if each.get("type") != "object"]
    words = {name: value for name, value in node.items() if name != "anyOf"}
    return {**several[0], **words} if len(several) == 1 else {**words, "anyOf": several}
