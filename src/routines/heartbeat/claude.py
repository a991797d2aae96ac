"""Claude Code as an agent: its command line, and what its stream of JSON lines says.

The flags are those of https://code.claude.com/docs/en/cli-reference, the lines those of
https://code.claude.com/docs/en/headless and of `SDKResultMessage` in https://code.claude.com/docs/en/agent-sdk/typescript.
Nothing here starts it, and its session is not resumed: each heartbeat begins afresh.
"""

from __future__ import annotations

from typing import Any

from routines.core.adapters import ClaudeConfig
from routines.core.heartbeats import Usage
from routines.heartbeat.report import (
    ERROR_CHARACTERS_MAX,
    SUMMARY_CHARACTERS_MAX,
    Report,
    cost_micros,
    json_object,
    part,
    said,
    tokens,
)

_REASONS = {
    "error_max_turns": "Claude used up its turns; raise maxTurnsPerRun, or ask for less at once.",
    "error_max_budget_usd": "Claude used up its budget (--max-budget-usd).",
    "error_during_execution": "Claude met an error in the middle of its work.",
}
"""What the subtypes mean. Before 2.1 Claude Code gave no `errors` with some (anthropics/claude-code-action#823)."""


def command(config: ClaudeConfig) -> list[str]:
    """The command line that reads a prompt from standard input and prints JSON lines; `--verbose` is what they need."""
    line = [config.program, "-p", "--output-format", "stream-json", "--verbose"]
    if config.model is not None:
        line += ["--model", config.model]
    if config.turns_max is not None:
        line += ["--max-turns", str(config.turns_max)]
    if config.skips_permissions:
        line += ["--dangerously-skip-permissions"]
    return [*line, *config.extra_args]


class ClaudeReader:
    """Reads the stream; the last line of type `result` is what counts."""

    def __init__(self) -> None:
        self._report = Report(complete=False)

    def feed(self, line: bytes) -> None:
        """Take one line; whatever is no result is passed over."""
        event = json_object(line)
        if event is not None and event.get("type") == "result":
            self._report = _report(event)

    def report(self) -> Report:
        """What the result said; incomplete when there was none."""
        return self._report


def _report(event: dict[str, Any]) -> Report:
    """A result may be an error and yet a `success`: then its text is the error, such as one of the model's API."""
    subtype = event.get("subtype")
    failed = event.get("is_error") is True or subtype != "success"
    text = event.get("result")
    return Report(
        summary=None if failed else said(text, SUMMARY_CHARACTERS_MAX),
        usage=_usage(event),
        error=_error(event) if failed else None,
    )


def _error(event: dict[str, Any]) -> str:
    subtype, errors = event.get("subtype"), event.get("errors")
    listed = "; ".join(each for each in errors if isinstance(each, str)) if isinstance(errors, list) else ""
    words = said(event.get("result"), ERROR_CHARACTERS_MAX) or said(listed, ERROR_CHARACTERS_MAX)
    reason = _REASONS.get(subtype) if isinstance(subtype, str) else None
    if reason is None:
        return words or "Claude says that it failed, and not why."
    return f"{reason} It says: {words}" if words else reason


def _usage(event: dict[str, Any]) -> Usage:
    """What the heartbeat took; Claude counts tokens read from its cache apart, and so do we.

    Those written to the cache were sent like any others. The cost is the program's own estimate.
    """
    usage = part(event, "usage")
    return Usage(
        input_tokens=tokens(usage.get("input_tokens")) + tokens(usage.get("cache_creation_input_tokens")),
        cached_input_tokens=tokens(usage.get("cache_read_input_tokens")),
        output_tokens=tokens(usage.get("output_tokens")),
        cost_micros=cost_micros(event.get("total_cost_usd")),
    )
