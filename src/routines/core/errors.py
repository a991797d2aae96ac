"""The whole error tree: what can go wrong, as data and a sentence for the person who reads it.

Status codes are not here; `routines.http.errors` holds the one table that maps these to HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class RoutinesError(Exception):
    """A refusal that the caller may read: `sentence` says what was wrong and what would be right.

    `why` says it to the owner of what was called, where the caller is told less or the sentence quotes what the caller
    sent. No reply to the caller has it, and it holds nothing of a body, a header or a secret.
    """

    def __init__(self, sentence: str, details: Mapping[str, Any] | None = None, *, why: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details
        self.why = why


class UnauthorizedError(RoutinesError):
    """Nobody can be told who is calling; the sentence is the same for every cause."""

    def __init__(self, why: str | None = None) -> None:
        super().__init__("Unauthorized", why=why)


class ForbiddenError(RoutinesError):
    """The caller is known and may not do this."""


class NotFoundError(RoutinesError):
    """The thing named does not exist, or not for this caller; both read alike."""


class ConflictError(RoutinesError):
    """The request is fine but the state of the thing forbids it."""


class ImpossibleError(RoutinesError):
    """The request is well formed but asks for what cannot be, such as a cron expression that never fires."""


class TooLargeError(RoutinesError):
    """The body is over its bound."""


class UnsupportedMediaTypeError(RoutinesError):
    """The body's content type is not one that this call reads."""


class RateLimitedError(RoutinesError):
    """Too many calls; `retry_after_seconds` says when the next will be served."""

    def __init__(self, sentence: str, *, retry_after_seconds: int) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(RoutinesError):
    """The service cannot take this now (database away, queue full); a retry is safe with an idempotency key."""

    def __init__(self, sentence: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class MalformedBodyError(RoutinesError):
    """The body cannot be read at all: not JSON, not UTF-8, or not an object."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field: `path` leads to it from the top of the body."""

    path: tuple[str | int, ...]
    message: str
    code: str


class InvalidError(RoutinesError):
    """One or more fields of the request are wrong; `faults` names each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("Validation error")
        self.faults = tuple(faults)
