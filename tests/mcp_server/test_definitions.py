"""What a model is told of the tools: nothing that is not so, nothing twice, little enough to be read."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from routines.mcp.arguments import WORDS
from routines.mcp.tools import TOOLS, Tool

DEFINITIONS_CHARACTERS_MAX = 25_000  # of what a model reads, which is all but the schemas of results: some 6,000 tokens


def test_each_tool_says_what_its_call_does_and_takes() -> None:
    for tool in TOOLS.values():
        _compare(tool)


def _compare(tool: Tool) -> None:
    needed = [name for name, each in tool.arguments.model_fields.items() if each.is_required()]
    call = tool.describe(None, **dict.fromkeys([*needed, *tool.own], "x"))
    hints = tool.definition.annotations
    assert hints is not None
    assert hints.read_only_hint is (call.method == "GET" or tool.name == "explain_cron")
    assert bool(hints.destructive_hint) is (call.method in {"PATCH", "DELETE"} or tool.name == "rotate_secret")
    assert (tool.definition.output_schema is None) is (call.reply is None)
    for schema in filter(None, (tool.definition.input_schema, tool.definition.output_schema)):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
    assert tool.definition.input_schema["additionalProperties"] is False
    assert "Omitted" not in json.dumps(tool.definition.input_schema)


def test_choices_are_named_once_and_triggers_by_their_kind() -> None:
    takes = TOOLS["create_routine"].definition.input_schema
    assert takes["properties"]["priority"] == {"type": "string", "enum": ["critical", "high", "medium", "low"]}
    assert takes["required"] == ["title", "projectId"], "who and in which company is the caller's own"
    body: dict[str, Any] = {"title": "Look", "projectId": "x"}
    valid = Draft202012Validator(takes).is_valid
    assert valid(body | {"triggers": [{"kind": "schedule", "cronExpression": "@daily"}, {"kind": "webhook"}]})
    for wrong in ({}, {"kind": "schedule"}, {"cronExpression": "@daily"}, {"kind": "api", "timezone": "UTC"}):
        assert not valid(body | {"triggers": [wrong]})


def test_words_are_for_fields_that_there_are_and_few_enough_to_be_read() -> None:
    told = [tool.definition.model_dump_json(exclude={"output_schema"}) for tool in TOOLS.values()]
    assert [name for name in WORDS if not any(f'"{name}":{{' in each for each in told)] == []
    assert sum(map(len, told)) <= DEFINITIONS_CHARACTERS_MAX
