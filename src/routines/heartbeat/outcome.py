"""How a heartbeat ended, from how its process ended and what its agent said.

Nothing here watches a process or writes a row; the words are for the person who looks why a heartbeat failed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from routines.core.heartbeats import ErrorCode, Outcome
from routines.core.model import HeartbeatStatus
from routines.heartbeat.report import Report

LAST_WORDS_CHARACTERS_MAX = 500  # the end of a traceback, not all of it
LAST_WORDS_BYTES_MAX = 8_192  # what is looked at to find them

# Colours and other sequences for terminals (ECMA-48), and what else no line shows.
_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


class Ended(NamedTuple):
    """How a process ended: one of exit code and signal, or the sentence why it could not be started.

    `cancelled` and `timed_out` say that it was made to end, whatever it ended with.
    """

    exit_code: int | None = None
    signal: str | None = None
    start_error: str | None = None
    timed_out: bool = False
    cancelled: bool = False


def outcome_of(ended: Ended, report: Report, *, timeout_seconds: float, last_words: bytes = b"") -> Outcome:
    """How the heartbeat ended; `last_words` is the end of what the process wrote to standard error.

    Why it was made to end comes before how it did, and what the agent says of itself before its exit code.
    """
    if ended.cancelled:
        return _outcome(HeartbeatStatus.CANCELLED, ended, report, ErrorCode.CANCELLED, "The heartbeat was cancelled.")
    if ended.timed_out:
        sentence = f"The agent took longer than its {timeout_seconds:g} seconds (timeoutSec) and was stopped."
        return _outcome(HeartbeatStatus.TIMED_OUT, ended, report, ErrorCode.TIMEOUT, sentence)
    failure = _failure(ended, report, _readable(last_words))
    if failure is None:
        return _outcome(HeartbeatStatus.SUCCEEDED, ended, report, None, None)
    return _outcome(HeartbeatStatus.FAILED, ended, report, *failure)


def _failure(ended: Ended, report: Report, last_words: str) -> tuple[ErrorCode, str] | None:
    end = f"; its last words: {last_words}" if last_words else "."
    if ended.start_error is not None:
        return ErrorCode.START_FAILED, ended.start_error
    if ended.signal is not None:
        return ErrorCode.SIGNAL, f"The command was ended by {ended.signal}{end}"
    if report.error is not None:
        return ErrorCode.AGENT_ERROR, report.error
    if ended.exit_code != 0:
        return ErrorCode.EXIT_CODE, f"The command exited with code {ended.exit_code}{end}"
    if not report.complete:
        return ErrorCode.AGENT_ERROR, f"The command exited with code 0 and never said how its work ended{end}"
    return None


def _outcome(
    status: HeartbeatStatus, ended: Ended, report: Report, error_code: ErrorCode | None, error: str | None
) -> Outcome:
    return Outcome(
        status=status,
        exit_code=ended.exit_code,
        signal=ended.signal,
        error_code=error_code,
        error=error,
        summary=report.summary,
        usage=report.usage,
    )


def _readable(written: bytes) -> str:
    """The end of what was written, in one line without colours; bytes that are no text are stood for."""
    seen = _UNSEEN.sub("", _TERMINAL_SEQUENCE.sub("", written[-LAST_WORDS_BYTES_MAX:].decode(errors="replace")))
    line = " ".join(seen.split())
    return line if len(line) <= LAST_WORDS_CHARACTERS_MAX else f"…{line[-LAST_WORDS_CHARACTERS_MAX + 1 :]}"
