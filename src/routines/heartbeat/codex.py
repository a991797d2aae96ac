"""Codex as an agent: its command line, and what its stream of JSON lines says.

Both are those of https://developers.openai.com/codex/noninteractive; the lines' types are declared in
https://github.com/openai/codex/blob/main/codex-rs/exec/src/exec_events.rs. Nothing here starts it, and its session is
not resumed: each heartbeat begins afresh.
"""

from __future__ import annotations

from routines.core.adapters import CodexConfig
from routines.core.heartbeats import NO_USAGE, Usage
from routines.heartbeat.report import (
    ERROR_CHARACTERS_MAX,
    SUMMARY_CHARACTERS_MAX,
    Report,
    json_object,
    part,
    said,
    tokens,
)


def command(config: CodexConfig) -> list[str]:
    """The command line that reads a prompt from standard input, which `-` stands for, and prints JSON lines.

    The check for a git repository is skipped: it protects work that a person could lose, and a heartbeat may begin in
    any folder.
    """
    line = [config.program, "exec", "--json", "--skip-git-repo-check"]
    if config.model is not None:
        line += ["--model", config.model]
    if config.bypasses_approvals_and_sandbox:
        line += ["--dangerously-bypass-approvals-and-sandbox"]
    return [*line, *config.extra_args, "-"]


class CodexReader:
    """Reads the stream: its last message is the summary, and how its turn ended is how it went.

    A line of type `error` may be one of a connection that was lost and found again (openai/codex#32984), so it counts
    only when the turn never ended.
    """

    def __init__(self) -> None:
        self._summary: str | None = None
        self._usage = NO_USAGE
        self._completed = False
        self._failure: str | None = None
        self._trouble: str | None = None

    def feed(self, line: bytes) -> None:
        """Take one line; types that are not known are passed over."""
        event = json_object(line)
        if event is None:
            return
        match event.get("type"):
            case "turn.started":
                self._completed, self._failure, self._trouble = False, None, None
            case "item.completed":
                item = part(event, "item")
                if item.get("type") == "agent_message":
                    self._summary = said(item.get("text"), SUMMARY_CHARACTERS_MAX) or self._summary
            case "turn.completed":
                self._completed, self._usage = True, _usage(part(event, "usage"))
            case "turn.failed":
                message = said(part(event, "error").get("message"), ERROR_CHARACTERS_MAX)
                self._failure = message or "Codex says that it failed, and not why."
            case "error":
                self._trouble = said(event.get("message"), ERROR_CHARACTERS_MAX) or self._trouble

    def report(self) -> Report:
        """What was said of the last turn; incomplete when it never ended."""
        error = self._failure or (None if self._completed else self._trouble)
        complete = self._completed or error is not None
        return Report(summary=self._summary, usage=self._usage, error=error, complete=complete)


def _usage(usage: dict[str, object]) -> Usage:
    """What the heartbeat took; Codex counts tokens read from its cache among those of the input, and we apart.

    Its numbers are totals since it was started, so the last ones stand for all. It names no price.
    """
    cached = tokens(usage.get("cached_input_tokens"))
    return Usage(
        input_tokens=max(tokens(usage.get("input_tokens")) - cached, 0),
        cached_input_tokens=cached,
        output_tokens=tokens(usage.get("output_tokens")),
    )
