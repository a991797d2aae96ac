"""Promises of `routines.heartbeat.claude`, `codex`, `report` and `outcome`: what an agent prints, and how it ends.

The stand-ins speak as the real programs do; the streams written out here are shortened from what those print.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routines.core.adapters import claude_config, codex_config
from routines.core.heartbeats import NO_USAGE, ErrorCode, Outcome, Usage
from routines.core.model import HeartbeatStatus
from routines.heartbeat import claude, codex
from routines.heartbeat.claude import ClaudeReader
from routines.heartbeat.codex import CodexReader
from routines.heartbeat.environment import RunFacts, child_environment
from routines.heartbeat.outcome import LAST_WORDS_CHARACTERS_MAX, Ended, outcome_of
from routines.heartbeat.report import (
    ERROR_CHARACTERS_MAX,
    LINE_BYTES_MAX,
    SUMMARY_CHARACTERS_MAX,
    TOKENS_MAX,
    Reader,
    Report,
    SilentReader,
)

STAND_INS = Path(__file__).parents[1] / "support" / "stand_ins"
TIMEOUT_SECONDS = 30
PROMPT = "# Your issue: ACME-12 Look for broken links\n\né 😀 {{ not a template }}\n" + "x" * 200_000

CLAUDE_STREAM = b"""{"type":"system","subtype":"init","session_id":"0","tools":["Bash"],"model":"m"}
{"type":"assistant","message":{"content":[{"type":"text","text":"On it."}],"usage":{"input_tokens":9}},"session_id":"0"}
{"type":"user","message":{"content":[{"type":"tool_result","content":"{\\"type\\":\\"result\\",\\"subtype\\":\\"success\\"}"}]}}
{"type":"result","subtype":"success","is_error":false,"duration_ms":3,"num_turns":2,"result":"All links work.","session_id":"0","total_cost_usd":0.0412345,"usage":{"input_tokens":12,"cache_creation_input_tokens":3400,"cache_read_input_tokens":56000,"output_tokens":789}}
"""  # noqa: E501 - lines as they are printed
CODEX_STREAM = b"""{"type":"thread.started","thread_id":"0199a213"}
{"type":"turn.started"}
{"type":"item.completed","item":{"id":"item_0","type":"reasoning","text":"**Searching**"}}
{"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"ls","aggregated_output":"a","exit_code":0}}
{"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"I look at the links."}}
{"type":"item.completed","item":{"id":"item_3","type":"agent_message","text":"All links work."}}
{"type":"turn.completed","usage":{"input_tokens":24763,"cached_input_tokens":24448,"output_tokens":122}}
"""
CLAUDE_USAGE = Usage(input_tokens=3_412, cached_input_tokens=56_000, output_tokens=789, cost_micros=41_234)
CODEX_USAGE = Usage(input_tokens=315, cached_input_tokens=24_448, output_tokens=122)
GARBAGE = [
    b"",
    b"\n",
    b"{",
    b"null",
    b"[]",
    b'"result"',
    b"\xff\xfe{}",
    b"{" * 100_000,
    b'{"a":' + b"[" * 100_000,
    b'{"type":"result"',
    b'{"type":["result"]}',
    b'{"type":{"turn.failed":1}}',
    b'{"type":"item.completed"}',
    b'{"type":"item.completed","item":[]}',
    b'{"type":"item.completed","item":{"type":"agent_message"}}',
    b'{"type":"item.completed","item":{"type":"agent_message","text":" "}}',
    b'{"n":' + b"9" * 10_000 + b"}",
    b'{"type":"result","subtype":"success","result":"' + b"x" * LINE_BYTES_MAX + b'"}',
    b'{"type":"turn.failed","error":{"message":"' + b"x" * LINE_BYTES_MAX + b'"}}',
]
READERS: list[Callable[[], Reader]] = [ClaudeReader, CodexReader, SilentReader]


def read(reader: Reader, *lines: bytes | dict[str, Any]) -> Report:
    for line in lines:
        reader.feed(line if isinstance(line, bytes) else json.dumps(line).encode())
    return reader.report()


def result(**fields: object) -> dict[str, object]:
    return {"type": "result", "subtype": "success", "is_error": False, **fields}


def ended(report: Report, **facts: Any) -> Outcome:
    last_words = facts.pop("last_words", b"")
    return outcome_of(Ended(**facts), report, timeout_seconds=60, last_words=last_words)


def test_the_command_line_of_claude() -> None:
    assert claude.command(claude_config({})) == [
        "claude",
        "-p",
        "--output-format",
        "stream-json",
        "--verbose",
        "--dangerously-skip-permissions",
    ]
    config = claude_config(
        {
            "command": "/opt/claude",
            "model": "opus",
            "maxTurnsPerRun": 7,
            "dangerouslySkipPermissions": False,
            "extraArgs": ["--append-system-prompt", "Be brief."],
        }
    )
    assert claude.command(config)[5:] == ["--model", "opus", "--max-turns", "7", "--append-system-prompt", "Be brief."]
    assert claude.command(config)[0] == "/opt/claude"


def test_the_command_line_of_codex() -> None:
    assert codex.command(codex_config({})) == [
        "codex",
        "exec",
        "--json",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
        "-",
    ]
    config = codex_config(
        {"model": "o9", "dangerouslyBypassApprovalsAndSandbox": False, "extraArgs": ["--sandbox", "read-only"]}
    )
    assert codex.command(config)[4:] == ["--model", "o9", "--sandbox", "read-only", "-"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_stream_is_read_to_its_summary_and_usage(end: bytes) -> None:
    for reader, stream, usage in (
        (ClaudeReader(), CLAUDE_STREAM, CLAUDE_USAGE),
        (CodexReader(), CODEX_STREAM, CODEX_USAGE),
    ):
        report = read(reader, *(line + end for line in stream.splitlines()))
        assert report == Report(summary="All links work.", usage=usage)


@pytest.mark.parametrize("make", READERS)
@pytest.mark.parametrize("stream", [b"", CLAUDE_STREAM, CODEX_STREAM])
def test_garbage_among_the_lines_changes_nothing(make: Callable[[], Reader], stream: bytes) -> None:
    lines = stream.splitlines()
    mixed = [each for line in lines for each in (*GARBAGE, line)] + GARBAGE
    assert read(make(), *mixed) == read(make(), *lines)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([*CLAUDE_STREAM.splitlines(), *CODEX_STREAM.splitlines()])))
def test_no_line_makes_a_reader_fail(lines: list[bytes]) -> None:
    for make in READERS:
        read(make(), *lines)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
FIELDS = st.sampled_from(
    ["subtype", "is_error", "result", "errors", "usage", "total_cost_usd", "item", "error", "message"]
)


@given(
    st.sampled_from(["result", "item.completed", "turn.started", "turn.completed", "turn.failed", "error"]),
    st.dictionaries(FIELDS, VALUES),
)
def test_a_line_with_any_values_gives_a_report_that_can_be_stored(kind: str, fields: dict[str, object]) -> None:
    for make in READERS:
        report = read(make(), {**fields, "type": kind})
        assert all(isinstance(count, int) and 0 <= count <= TOKENS_MAX for count in report.usage)
        for text in (report.summary, report.error):
            assert text is None or ("\0" not in text and text.encode() and text.strip())


@pytest.mark.parametrize(
    ("line", "report"),
    [
        (
            {"type": "result", "subtype": "error_max_turns", "is_error": True, "total_cost_usd": 1},
            Report(
                error="Claude used up its turns; raise maxTurnsPerRun, or ask for less at once.",
                usage=Usage(cost_micros=1_000_000),
            ),
        ),
        (
            result(subtype="error_during_execution", errors=["Tool crashed", 7, "again"]),
            Report(error="Claude met an error in the middle of its work. It says: Tool crashed; again"),
        ),
        (result(is_error=True, result="API Error: 529"), Report(error="API Error: 529")),
        (result(subtype="error_of_the_future"), Report(error="Claude says that it failed, and not why.")),
        (result(subtype=["x"]), Report(error="Claude says that it failed, and not why.")),
        (result(result=""), Report()),
        (result(result="a\0b\ud800"), Report(summary="a\ufffdb?")),
        (result(result="x" * 30_000), Report(summary="x" * (SUMMARY_CHARACTERS_MAX - 1) + "…")),
        (result(is_error=True, result="x" * 3_000), Report(error="x" * (ERROR_CHARACTERS_MAX - 1) + "…")),
        (result(usage={"input_tokens": -1, "output_tokens": True}, total_cost_usd=float("nan")), Report()),
        (result(usage={"input_tokens": 10**30}), Report(usage=Usage(input_tokens=TOKENS_MAX))),
        (result(usage=[], total_cost_usd="1"), Report()),
    ],
)
def test_what_a_result_of_claude_says(line: dict[str, Any], report: Report) -> None:
    assert read(ClaudeReader(), line) == report


def test_of_several_results_the_last_one_counts() -> None:
    assert read(ClaudeReader(), result(is_error=True), result(result="Done.")) == Report(summary="Done.")


STARTED = {"type": "turn.started"}
DONE = {"type": "turn.completed", "usage": {"input_tokens": 5, "cached_input_tokens": 9, "output_tokens": 1}}
LOST = {"type": "error", "message": "Reconnecting... 1/5"}
FAILED = {"type": "turn.failed", "error": {"message": "You have hit your usage limit."}}
DONE_USAGE = Usage(cached_input_tokens=9, output_tokens=1)


@pytest.mark.parametrize(
    ("lines", "report"),
    [
        ([], Report(complete=False)),
        ([STARTED], Report(complete=False)),
        ([STARTED, DONE], Report(usage=DONE_USAGE)),
        ([STARTED, LOST, DONE], Report(usage=DONE_USAGE)),
        ([STARTED, LOST], Report(error="Reconnecting... 1/5")),
        ([STARTED, LOST, FAILED], Report(error="You have hit your usage limit.")),
        ([STARTED, FAILED, STARTED, DONE], Report(usage=DONE_USAGE)),
        ([STARTED, DONE, STARTED], Report(usage=DONE_USAGE, complete=False)),
        ([{"type": "turn.failed"}], Report(error="Codex says that it failed, and not why.")),
    ],
)
def test_how_a_turn_of_codex_ended_is_how_it_went(lines: list[dict[str, Any]], report: Report) -> None:
    assert read(CodexReader(), *lines) == report


def test_a_process_of_any_kind_says_nothing_but_its_exit_code() -> None:
    assert read(SilentReader(), *CLAUDE_STREAM.splitlines()) == Report()


SAID = Report(summary="Half of it.", usage=Usage(output_tokens=1))
FAILURE = Report(error="You have hit your usage limit.")


@pytest.mark.parametrize(
    ("facts", "report", "status", "code", "error"),
    [
        ({"exit_code": 0}, SAID, "succeeded", None, None),
        ({"exit_code": 3}, SAID, "failed", "exit_code", "The command exited with code 3."),
        (
            {"exit_code": 3, "last_words": b"Traceback\n  \x1b[31mKeyError\x1b[0m: 'x'\r\n"},
            SAID,
            "failed",
            "exit_code",
            "The command exited with code 3; its last words: Traceback KeyError: 'x'",
        ),
        ({"signal": "SIGKILL"}, SAID, "failed", "signal", "The command was ended by SIGKILL."),
        ({"exit_code": 1}, FAILURE, "failed", "agent_error", "You have hit your usage limit."),
        ({"exit_code": 0}, FAILURE, "failed", "agent_error", "You have hit your usage limit."),
        (
            {"exit_code": 0, "last_words": b"hm"},
            Report(complete=False),
            "failed",
            "agent_error",
            "The command exited with code 0 and never said how its work ended; its last words: hm",
        ),
        ({"exit_code": 2}, Report(complete=False), "failed", "exit_code", "The command exited with code 2."),
        (
            {"start_error": "There is no program claude."},
            Report(),
            "failed",
            "start_failed",
            "There is no program claude.",
        ),
        (
            {"timed_out": True, "signal": "SIGTERM"},
            SAID,
            "timed_out",
            "timeout",
            "The agent took longer than its 60 seconds (timeoutSec) and was stopped.",
        ),
        (
            {"timed_out": True, "exit_code": 0},
            FAILURE,
            "timed_out",
            "timeout",
            "The agent took longer than its 60 seconds",
        ),
        ({"cancelled": True, "timed_out": True}, SAID, "cancelled", "cancelled", "The heartbeat was cancelled."),
    ],
)
def test_how_a_heartbeat_ended(
    facts: dict[str, Any], report: Report, status: str, code: str | None, error: str | None
) -> None:
    outcome = ended(report, **facts)
    assert (outcome.status, outcome.error_code) == (status, code)
    assert outcome.error == error or (error is not None and str(outcome.error).startswith(error))
    assert (outcome.summary, outcome.usage) == (report.summary, report.usage)
    assert (outcome.exit_code, outcome.signal) == (facts.get("exit_code"), facts.get("signal"))


@given(st.binary(max_size=3_000))
def test_last_words_are_one_line_of_bounded_length(written: bytes) -> None:
    error = ended(Report(), exit_code=1, last_words=written).error
    assert error is not None
    assert len(error.splitlines()) == 1
    assert len(error) < LAST_WORDS_CHARACTERS_MAX + 100
    assert error.isprintable() or not written.isascii()


def test_only_the_end_of_many_last_words_is_kept() -> None:
    error = ended(Report(), exit_code=1, last_words=b"x" * 10**6 + b" the end").error
    assert error is not None
    assert error.startswith("The command exited with code 1; its last words: …xxx")
    assert error.endswith("x the end")


class Asked(list[tuple[str, str, dict[str, str], Any]]):
    """The calls that an API got: method, path, headers, body."""

    url = ""


@contextmanager
def api() -> Iterator[Asked]:
    """An API that keeps what it is asked and answers `{}`."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.command, self.path, dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        asked.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def start(name: str, tmp_path: Path, *, api_url: str = "http://127.0.0.1:1", **env: str) -> Outcome:
    """Start a stand-in as a heartbeat does, and read it to its end."""
    config = {"command": str(STAND_INS / name), "model": "a-model"}
    command = {
        "claude": lambda: claude.command(claude_config({**config, "maxTurnsPerRun": 2})),
        "codex": lambda: codex.command(codex_config(config)),
    }[name]()
    reader: Reader = {"claude": ClaudeReader, "codex": CodexReader}[name]()
    run = RunFacts("agent-1", "company-1", "run-1", api_url, "pcr_key", "issue_assigned", "issue-1")
    seen = str(tmp_path / "seen.json")
    process = subprocess.run(  # noqa: S603 - our own stand-ins
        command,
        input=PROMPT.encode(),
        capture_output=True,
        cwd=tmp_path,
        env=child_environment(os.environ, {"STAND_IN_SEES": seen, **env}, run),
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    for line in process.stdout.split(b"\n"):
        reader.feed(line)
    facts = Ended(exit_code=process.returncode)
    return outcome_of(facts, reader.report(), timeout_seconds=TIMEOUT_SECONDS, last_words=process.stderr)


STAND_IN_USAGE = {"claude": CLAUDE_USAGE, "codex": CODEX_USAGE}
NEEDS_PYTHON = pytest.mark.skipif(shutil.which("python3") is None, reason="the stand-ins are started with python3")


@NEEDS_PYTHON
@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize("mode", ["success", "garbage", "reconnect"])
def test_an_agent_that_succeeds(name: str, mode: str, tmp_path: Path) -> None:
    assert start(name, tmp_path, STAND_IN_MODE=mode) == Outcome(
        status=HeartbeatStatus.SUCCEEDED,
        exit_code=0,
        summary="Closed the issue: all links work.",
        usage=STAND_IN_USAGE[name],
    )
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert seen["prompt"] == PROMPT
    assert seen["environment"]["PAPERCLIP_TASK_ID"] == "issue-1"


@NEEDS_PYTHON
@pytest.mark.parametrize("name", ["claude", "codex"])
def test_an_agent_that_closes_its_issue(name: str, tmp_path: Path) -> None:
    with api() as asked:
        outcome = start(name, tmp_path, api_url=asked.url, STAND_IN_WORKS="1")
    assert outcome.status is HeartbeatStatus.SUCCEEDED
    ((method, path, headers, body),) = asked
    assert (method, path) == ("PATCH", "/api/issues/issue-1")
    assert headers["Authorization"] == "Bearer pcr_key"
    assert headers["X-paperclip-run-id".title()] == "run-1"
    assert body == {"status": "done", "comment": "All links work."}


@NEEDS_PYTHON
@pytest.mark.parametrize(
    ("name", "mode", "code", "error"),
    [
        ("claude", "max_turns", ErrorCode.AGENT_ERROR, "Claude used up its turns; raise maxTurnsPerRun, or ask"),
        ("claude", "error", ErrorCode.AGENT_ERROR, "API Error: 529 overloaded_error"),
        ("claude", "crash", ErrorCode.EXIT_CODE, "The command exited with code 3; its last words: TypeError: Cannot"),
        ("claude", "silent", ErrorCode.AGENT_ERROR, "The command exited with code 0 and never said how its work"),
        ("codex", "failed", ErrorCode.AGENT_ERROR, "You have hit your usage limit."),
        ("codex", "crash", ErrorCode.EXIT_CODE, "The command exited with code 3; its last words: Reading prompt"),
        ("codex", "silent", ErrorCode.AGENT_ERROR, "The command exited with code 0 and never said how its work"),
    ],
)
def test_an_agent_that_fails(name: str, mode: str, code: ErrorCode, error: str, tmp_path: Path) -> None:
    outcome = start(name, tmp_path, STAND_IN_MODE=mode)
    assert (outcome.status, outcome.error_code) == (HeartbeatStatus.FAILED, code)
    assert str(outcome.error).startswith(error)
    assert outcome.summary is None
    assert outcome.usage == (
        CLAUDE_USAGE if (name, code) == ("claude", ErrorCode.AGENT_ERROR) and mode != "silent" else NO_USAGE
    )


@NEEDS_PYTHON
@pytest.mark.parametrize("name", ["claude", "codex"])
def test_the_stand_ins_refuse_what_the_real_ones_do_not_know(name: str) -> None:
    process = subprocess.run(  # noqa: S603 - our own stand-ins
        [STAND_INS / name, "--no-such-flag"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert process.returncode != 0
    assert not process.stdout
