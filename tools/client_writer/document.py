"""The OpenAPI document as the writers read it: its operations, its components, and the Python type of each schema.

No Python is laid out here.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import routines.core

Schema = Mapping[str, Any]
REF = "#/components/schemas/"
NOT_SUPPORTED: list[Any] = [None, "", [], {}]
"""The values of a field that the service takes only when it says nothing; the client does not have it."""
STREAMED = {"follow_events": "ActivityReply"}
"""What each message of a stream of events holds, which OpenAPI 3.1 cannot say."""
SEVERAL = ")(,("
"""In the pattern of a text that is a list with commas."""
BETWEEN_TYPES = re.compile(r" \| (?![^\[\]]*\])")
"""What stands between the types of a union, and not within the brackets of one."""
PLAIN = {"integer": "int", "number": "float", "boolean": "bool", "null": "None", "string": "str"}


@dataclass(frozen=True)
class Parameter:
    """A keyword of a method: its name on the wire, its schema, and whether it has to be given."""

    wire: str
    schema: Schema
    is_required: bool


@dataclass(frozen=True)
class Operation:
    """One call of the document, which is one method of the client."""

    name: str
    method: str
    path: str
    description: str
    in_path: tuple[str, ...]
    query: tuple[Parameter, ...]
    headers: tuple[Parameter, ...]
    body: tuple[Parameter, ...] | None
    takes_bytes: bool
    reply: Schema | None
    streams: str | None
    as_caller: bool

    @property
    def is_paged(self) -> bool:
        """Whether it answers with a page of a list, before which there may be more."""
        return {"limit", "before"} <= {each.wire for each in self.query}


class Document:
    """The document, and what of the core its enums are."""

    def __init__(self, document: Schema) -> None:
        self._paths = document["paths"]
        self._components: Mapping[str, Schema] = document["components"]["schemas"]
        self.enums = {
            name: words.__module__ for name, words in _core_enums() if [*words] == self.component(name).get("enum")
        }

    def component(self, name: str) -> Schema:
        """The schema of this name; an empty one if there is none."""
        return self._components.get(name, {})

    def operations(self) -> list[Operation]:
        """Every call, in the document's order."""
        return [
            self._operation(path, method, described)
            for path, methods in self._paths.items()
            for method, described in methods.items()
        ]

    def replies(self) -> list[str]:
        """The components of which replies are made, by name."""
        found: set[str] = set()
        for each in self.operations():
            self._gather({"$ref": REF + each.streams} if each.streams else each.reply or {}, found)
        return sorted(found)

    def values(self) -> list[str]:
        """The components that stand inside of bodies, by name."""
        found: set[str] = set()
        for each in self.operations():
            for field in each.body or ():
                self._gather(field.schema, found)
        return sorted(found)

    def optional_fields(self, name: str) -> set[str]:
        """The fields that a reply has only sometimes: of two replies of a call, those of the wider one alone."""
        optional: set[str] = set()
        for each in self.operations():
            options = [name_of(option) for option in (each.reply or {}).get("anyOf", [])]
            if name in options and name == self._widest(options):
                narrow = [self._fields(option) for option in options if option != name]
                optional |= self._fields(name).difference(*narrow)
        return optional

    def type_of(self, schema: Schema, *, in_reply: bool) -> str:
        """The Python type of a schema: as narrow as may be in a reply, as wide as may be for what is sent."""
        if "$ref" in schema:
            return self._type_of_component(name_of(schema), in_reply=in_reply)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options is None and isinstance(schema.get("type"), list):
            options = [{"type": each} for each in schema["type"]]
        if options is not None:
            return union([self.type_of(each, in_reply=in_reply) for each in options])
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if "enum" in schema:
            return self._type_of_words(schema["enum"], in_reply=in_reply)
        return self._plain_type(schema, in_reply=in_reply)

    def _plain_type(self, schema: Schema, *, in_reply: bool) -> str:
        match schema.get("type"):
            case "array":
                return f"{'list' if in_reply else 'Sequence'}[{self.type_of(schema['items'], in_reply=in_reply)}]"
            case "object":
                return f"{'dict' if in_reply else 'Mapping'}[str, Any]"
            case "string" if schema.get("format") == "date-time":
                return "Instant" if in_reply else "datetime"
            case "string" if SEVERAL in schema.get("pattern", ""):
                return "str | Sequence[str]"
            case str(kind):
                return PLAIN[kind]
            case _:
                return "Any"

    def _type_of_component(self, name: str, *, in_reply: bool) -> str:
        if name in self.enums:
            return f"Annotated[{name} | str, OPEN]" if in_reply else f"Any{name}"
        component = self.component(name)
        if "properties" in component:
            return name if in_reply else f"{name} | Mapping[str, Any]"
        return self.type_of({} if name == "Json" else component, in_reply=in_reply)

    def _type_of_words(self, words: list[str], *, in_reply: bool) -> str:
        """A list of words; it may be enums of the core, written out, and then each of them is meant."""
        names = [name for name in self.enums if self.component(name)["enum"] == words]
        if names and not in_reply:
            return union([f"Any{name}" for name in names])
        return f"Literal[{', '.join(map(repr, words))}]"

    def _operation(self, path: str, method: str, described: Schema) -> Operation:
        parameters = described.get("parameters", [])
        content = described.get("requestBody", {}).get("content", {})
        successes = [reply for status, reply in described["responses"].items() if status.startswith("2")]
        replies = [each["schema"] for reply in successes for each in reply.get("content", {}).values()]
        name = described["operationId"]
        streams = any("text/event-stream" in reply.get("content", {}) for reply in successes)
        bearer = any("bearer" in scheme for scheme in described.get("security", [{"bearer": []}]))
        return Operation(
            name,
            method.upper(),
            path,
            described["description"],
            tuple(each["name"] for each in parameters if each["in"] == "path"),
            _parameters(parameters, "query"),
            _parameters(parameters, "header"),
            self._body(content["application/json"]["schema"]) if content and "*/*" not in content else None,
            takes_bytes="*/*" in content,
            reply=None if not replies else self._one_of(replies),
            streams=STREAMED[name] if streams else None,
            as_caller=bearer,
        )

    def _one_of(self, replies: list[Schema]) -> Schema:
        """The schema of what comes back; of two replies the wider one, which can be read from both."""
        options: list[Schema] = [option for reply in replies for option in reply.get("anyOf", [reply])]
        if len(options) == 1:
            return options[0]
        widest = self._widest([name_of(option) for option in options])
        return {"anyOf": options} if widest is None else {"$ref": REF + widest, "anyOf": options}

    def _widest(self, names: list[str]) -> str | None:
        """The component that has the fields of all others."""
        whole = set().union(*(self._fields(name) for name in names))
        return next((name for name in names if self._fields(name) == whole), None)

    def _fields(self, name: str) -> set[str]:
        return set(self.component(name).get("properties", ()))

    def _body(self, schema: Schema) -> tuple[Parameter, ...]:
        """A body's fields as keywords; of a body of several forms, the fields of all."""
        resolved = self.component(name_of(schema)) if "$ref" in schema else schema
        forms = [self.component(name_of(each)) for each in resolved.get("oneOf", [])] or [resolved]
        fields: dict[str, list[Schema]] = {}
        for form in forms:
            for wire, field in form["properties"].items():
                if field.get("enum") != NOT_SUPPORTED:
                    fields.setdefault(wire, []).append(field)
        required = set.intersection(*(set(form.get("required", ())) for form in forms))
        return tuple(
            Parameter(wire, _merged(described), wire in required)
            for wire, described in sorted(fields.items(), key=lambda field: field[0] not in required)
        )

    def _gather(self, schema: Any, found: set[str]) -> None:  # noqa: ANN401 - any part of a schema
        """Add the objects that a schema refers to, and those that they refer to."""
        if isinstance(schema, list):
            for each in schema:
                self._gather(each, found)
        elif isinstance(schema, dict):
            name = name_of(schema)
            component = self.component(name)
            if "properties" in component and name not in found:
                found.add(name)
                self._gather(component["properties"], found)
            for key, each in schema.items():
                if not (key == "anyOf" and "$ref" in schema):
                    self._gather(each, found)


def union(types: list[str]) -> str:
    """The type of what is of one of these types; each is named once, and None last."""
    unique = dict.fromkeys(part for each in types for part in BETWEEN_TYPES.split(each))
    return " | ".join(sorted(unique, key=lambda each: each == "None"))


def name_of(schema: Schema) -> str:
    """The component that a schema refers to; an empty text if it refers to none."""
    return str(schema.get("$ref", "")).removeprefix(REF)


def _parameters(parameters: list[Schema], place: str) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(each["name"], each["schema"], each.get("required", False))
        for each in parameters
        if each["in"] == place
    )


def _merged(schemas: list[Schema]) -> Schema:
    """One schema for a field that several forms of a body have: their constants as a list, or what all agree on."""
    constants = [each["const"] for each in schemas if "const" in each]
    return {"enum": constants} if constants else schemas[0]


def _core_enums() -> Iterator[tuple[str, type[StrEnum]]]:
    for module in pkgutil.iter_modules(routines.core.__path__, "routines.core."):
        for name, member in inspect.getmembers(import_module(module.name), inspect.isclass):
            if issubclass(member, StrEnum) and member.__module__ == module.name:
                yield name, member
