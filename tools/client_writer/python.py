"""Python as text: the client's two written modules, one class for each reply and one method for each call.

What the document says is read in `document`; ruff lays out what is written here.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from client_writer.document import Document, Operation, Parameter, Schema, union

DOCSTRING_CHARACTERS_MAX = 110
MODELS = '''"""What the service answers with, and what stands in bodies, as typed values; written by `make client`.

Nothing here is edited by hand: it is what the service's OpenAPI document says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from routines.client.values import OPEN, BodyValue, Instant, Reply
'''
CALLS = '''"""Every call of the service as a method of both clients; written by `make client`.

Nothing here is edited by hand: it is what the service's OpenAPI document says. Nothing is sent from here either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from routines.client import models
from routines.client.call import OMITTED, Call, KeyIn, Omitted, given, operation, paged, queried, segment, streamed
'''


def models(document: Document) -> str:
    """The text of `models.py`."""
    classes = [_model(document, name, "Reply") for name in document.replies()]
    values = [_model(document, name, "BodyValue") for name in document.values()]
    sent = "".join([*values, *(_method(document, each) for each in document.operations())])
    aliases = [
        f"Any{name} = {name} | Literal[{', '.join(map(repr, document.component(name)['enum']))}]"
        for name in document.enums
        if re.search(rf"\bAny{name}\b", sent)
    ]
    content = "\n\n".join(["\n".join(aliases) + "\n", *classes, *values])
    return f"{MODELS}{_imports_of_enums(document, content)}\n{content}"


def calls(document: Document) -> str:
    """The text of `calls.py`."""
    methods = "\n".join(_method(document, each) for each in document.operations())
    content = (
        "class Calls:\n"
        '    """Every call; on a client a method that makes it, on a class a function that only describes it."""\n\n'
        + methods
    )
    return f"{CALLS}\n\n{content}"


def _imports_of_enums(document: Document, content: str) -> str:
    used = [(module, name) for name, module in document.enums.items() if re.search(rf"\b{name}\b", content)]
    return "".join(
        f"from {module} import {', '.join(sorted(name for _, name in names))}\n"
        for module, names in groupby(sorted(used), key=lambda each: each[0])
    )


def _model(document: Document, name: str, base: str) -> str:
    component = document.component(name)
    optional = document.optional_fields(name)
    lines = [f"class {name}({base}):", *_docstring(component["description"], "    "), ""]
    for wire, schema in component["properties"].items():
        kind = document.type_of(schema, in_reply=base == "Reply")
        empty = "Field(default_factory=list)" if wire in optional else ""
        lines.append(f"    {_field(wire, kind, empty if base == 'Reply' else _default(wire, schema, component))}")
    return "\n".join(lines) + "\n"


def _default(wire: str, schema: Schema, component: Schema) -> str:
    """What a field of a value in a body is when it is not given, and then it is not sent; a constant always is."""
    if "const" in schema:
        return repr(schema["const"])
    return "" if wire in component.get("required", ()) else "None"


def _field(wire: str, kind: str, default: str) -> str:
    kind = union([kind, "None"]) if default == "None" else kind
    return f"{snake(wire)}: {kind}" + (f" = {default}" if default else "")


def _method(document: Document, call: Operation) -> str:
    reply = _reply(document, call)
    keywords = [*call.query, *(each for each in call.headers if _is_key(each)), *(call.body or ())]
    decorator = "streamed" if call.streams else "paged" if call.is_paged else "operation"
    required = [each for each in keywords if each.is_required]
    optional = [each for each in keywords if not each.is_required]
    parameters = ["self", *(f"{name}: str" for name in call.in_path)]
    if keywords or call.takes_bytes:
        parameters.append("*")
    if call.takes_bytes:
        parameters += ["body: bytes", "headers: Mapping[str, str]"]
    parameters += [f"{snake(each.wire)}: {_type(document, each)}" for each in required]
    parameters += [f"{snake(each.wire)}: {union([_type(document, each), 'Omitted'])} = OMITTED" for each in optional]
    lines = [
        f"    @{decorator}",
        f"    def {call.name}({', '.join(parameters)}) -> Call[{reply}]:",
        *_docstring(call.description, "        "),
        f"        return Call({', '.join(_arguments(call, reply))})",
    ]
    return "\n".join(lines) + "\n"


def _arguments(call: Operation, reply: str) -> Iterator[str]:
    """What the value of a call is made with."""
    path = re.sub(r"\{(\w+)\}", r"{segment(\1)}", call.path)
    yield repr(call.method)
    yield f'f"{path}"' if call.in_path else repr(path)
    yield reply
    if call.query:
        yield f"query=queried({_pairs(call.query)})"
    if call.takes_bytes:
        yield "content=body"
        yield "headers=headers"
    for each in call.headers:
        if _is_key(each):
            yield f"key_in=KeyIn.HEADER, key={snake(each.wire)}"
    if call.body is not None:
        yield f"body=given({_pairs(call.body)})"
        if any(each.wire == "idempotencyKey" for each in call.body):
            yield "key_in=KeyIn.BODY, key=idempotency_key"
    if not call.as_caller:
        yield "as_caller=False"


def _pairs(parameters: Iterable[Parameter]) -> str:
    return "{" + ", ".join(f'"{each.wire}": {snake(each.wire)}' for each in parameters) + "}"


def _is_key(header: Parameter) -> bool:
    """Of the headers, only the key is the caller's to choose; the place in a stream is kept by the client."""
    return header.wire == "Idempotency-Key"


def _type(document: Document, parameter: Parameter) -> str:
    return _with_models(document, document.type_of(parameter.schema, in_reply=False))


def _reply(document: Document, call: Operation) -> str:
    if call.streams is not None:
        return f"models.{call.streams}"
    return "None" if call.reply is None else _with_models(document, document.type_of(call.reply, in_reply=True))


def _with_models(document: Document, kind: str) -> str:
    """A type in which models are named by their module."""
    known = {*document.replies(), *document.values(), *(f"Any{name}" for name in document.enums)}
    return re.sub(r"\w+", lambda word: f"models.{word[0]}" if word[0] in known else word[0], kind)


def _docstring(text: str, indent: str) -> list[str]:
    paragraphs = [
        textwrap.wrap(" ".join(paragraph.split()), DOCSTRING_CHARACTERS_MAX - len(indent))
        for paragraph in text.split("\n\n")
    ]
    lines = [line for paragraph in paragraphs for line in (*paragraph, "")][:-1]
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}".rstrip() for line in lines[1:]), f'{indent}"""']


def snake(wire: str) -> str:
    """A name of the wire as Python has it: `agentId` is `agent_id`, `Idempotency-Key` is `idempotency_key`."""
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", wire.replace("-", "_")).lower().replace("__", "_")
    return f"{name}_" if keyword.iskeyword(name) else name
