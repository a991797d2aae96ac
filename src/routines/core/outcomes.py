"""What an agent says of how its heartbeat ended, read strictly.

Nothing here knows how it was said, or which heartbeat it is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from routines.core.errors import Fault, InvalidError
from routines.core.heartbeats import ErrorCode, Outcome, Usage
from routines.core.limits import COST_USD_MAX, OUTCOME_TEXT_CHARACTERS_MAX, TOKENS_MAX
from routines.core.model import HeartbeatStatus

ENDS = (HeartbeatStatus.SUCCEEDED.value, HeartbeatStatus.FAILED.value)
"""The statuses that an agent may give its own heartbeat."""
MICROS_PER_USD = 1_000_000

_FIELDS = ("status", "summary", "error", "usage")
_USAGE_FIELDS = ("inputTokens", "cachedInputTokens", "outputTokens", "costUsd")
_NO_REASON = "The agent said that it failed, and not why"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def parse_outcome(content: object) -> Outcome:
    """The outcome that an agent tells as JSON: `status`, and if it likes `summary`, `error` and `usage`.

    A field that is null counts as left out; costs are rounded to millionths of a dollar. Raises InvalidError, naming
    each field that is wrong or unknown.
    """
    outcome = _Reading(content, ())
    if outcome.faults:
        raise InvalidError(outcome.faults)
    outcome.refuse_other_than(_FIELDS)
    usage = _Reading(outcome.get("usage", {}), ("usage",))
    usage.refuse_other_than(_USAGE_FIELDS)
    status = outcome.one_of("status", ENDS)
    summary = outcome.text("summary")
    error = outcome.text("error")
    if error and status == HeartbeatStatus.SUCCEEDED:
        outcome.fault("error", "Must be left out of a heartbeat that succeeded", "unrecognized_keys")
    used = Usage(
        usage.whole_number("inputTokens"),
        usage.whole_number("cachedInputTokens"),
        usage.whole_number("outputTokens"),
        usage.micros("costUsd"),
    )
    if faults := [*outcome.faults, *usage.faults]:
        raise InvalidError(faults)
    if status == HeartbeatStatus.SUCCEEDED:
        return Outcome(HeartbeatStatus.SUCCEEDED, summary=summary, usage=used)
    why = error or _NO_REASON
    return Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.AGENT_ERROR, error=why, summary=summary, usage=used)


class _Reading:
    """One object that is being read, and what was found wrong with it."""

    def __init__(self, content: object, path: tuple[str, ...]) -> None:
        self.faults: list[Fault] = []
        self._path = path
        self._content: dict[object, object] = {}
        if isinstance(content, dict):
            self._content = content
        else:
            self.faults.append(Fault(path, "Must be an object", "dict_type"))

    def get(self, name: str, default: object = None) -> object:
        """The field's value, or the default where it is null or left out."""
        value = self._content.get(name)
        return default if value is None else value

    def fault(self, name: str, message: str, code: str) -> None:
        """Note what is wrong with a field."""
        self.faults.append(Fault((*self._path, name), message, code))

    def refuse_other_than(self, names: Sequence[str]) -> None:
        """Every key that is none of these names is a fault."""
        for key in self._content:
            if key not in names:
                self.fault(str(key), f"Unknown key {key!r}; the keys are {', '.join(names)}", "unrecognized_keys")

    def one_of(self, name: str, values: Sequence[str]) -> str | None:
        """The field's value, which must be there."""
        value = self.get(name)
        if isinstance(value, str) and value in values:
            return value
        code = "missing" if value is None else "enum"
        self.fault(name, f"Must be {' or '.join(values)}", code)
        return None

    def text(self, name: str) -> str | None:
        """The field's text; None where it is empty or left out."""
        value = self.get(name, "")
        if not isinstance(value, str):
            self.fault(name, "Must be text", "string_type")
        elif len(value) > OUTCOME_TEXT_CHARACTERS_MAX:
            message = f"Has {len(value)} characters; at most {OUTCOME_TEXT_CHARACTERS_MAX} are allowed"
            self.fault(name, message, "string_too_long")
        elif _UNSTORABLE.search(value):
            self.fault(name, "Has NUL or half of a surrogate pair in it, which no text can hold", "string_type")
        else:
            return value or None
        return None

    def whole_number(self, name: str) -> int:
        """The field's count of tokens; 0 where it is left out."""
        value = self.get(name, 0)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= TOKENS_MAX:
            return value
        self.fault(name, f"Must be a whole number from 0 to {TOKENS_MAX}", "int_type")
        return 0

    def micros(self, name: str) -> int:
        """The field's dollars in millionths; 0 where it is left out."""
        value = self.get(name, 0)
        # NaN compares with nothing, so that only finite numbers pass.
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= COST_USD_MAX:
            return round(value * MICROS_PER_USD)
        self.fault(name, f"Must be a number from 0 to {COST_USD_MAX}", "float_type")
        return 0
