"""What a model is told of the tools: nothing that is not so, nothing twice, little enough to be read."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator

import routines
from routines.mcp.arguments import WORDS
from routines.mcp.tools import ADDS, CHANGES, MOVES, READS, REPLACES, TOOLS, Tool

PAGE = Path(routines.__file__).parents[2] / "docs" / "mcp.md"
EFFECTS = {"reads": READS, "adds": ADDS, "moves": MOVES, "changes": CHANGES, "replaces": REPLACES}
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


def test_the_page_lists_the_tools_that_there_are() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+ \S+)` \| (\w+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(tool.name, _call(tool), _effect(tool)) for tool in TOOLS.values()]


def _call(tool: Tool) -> str:
    """The call as the API's page writes it."""
    fields = {name: each.alias or "" for name, each in tool.arguments.model_fields.items()}
    needed = [name for name, each in tool.arguments.model_fields.items() if each.is_required()]
    call = tool.describe(None, **{name: f"{{{fields[name]}}}" for name in {*needed, *tool.own}})
    return f"{call.method} {unquote(call.path).removeprefix('/api')}"


def _effect(tool: Tool) -> str:
    return next(word for word, effect in EFFECTS.items() if effect is tool.effect)


def test_programs_can_read_the_examples_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    codex = [tomllib.loads(each) for each in re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]
    desktop, agent = (json.loads(each) for each in re.findall(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    option, config = agent["extraArgs"]
    assert option == "--mcp-config"
    started = [each["mcp_servers"]["routines"] for each in codex]
    started += [each["mcpServers"]["routines"] for each in (desktop, json.loads(config))]
    assert [[each["command"], *each["args"]] for each in started] == [["routines", "mcp"]] * 4


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
