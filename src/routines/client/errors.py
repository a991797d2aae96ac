"""What can go wrong with a call, as one tree: what the service refused, and what never reached it or came back.

When a call is made again is in `exchange`.
"""

from __future__ import annotations

from typing import Any

from routines.core.errors import RoutinesError


class RoutinesClientError(RoutinesError):
    """The root of all that the client raises; `sentence` is for whoever reads it."""


class ConfigurationError(RoutinesClientError):
    """The client was made with a value that cannot be used."""


class ConnectionFailedError(RoutinesClientError):
    """No reply came; unless `was_sent` is False, the service may have done what it was asked."""

    def __init__(self, sentence: str, *, was_sent: bool) -> None:
        super().__init__(sentence)
        self.was_sent = was_sent


class TimedOutError(ConnectionFailedError):
    """No reply came in time."""


class UnexpectedReplyError(RoutinesClientError):
    """A reply came that is not the service's, or is of another version of it."""


class WebhookRefusedError(RoutinesClientError):
    """A delivery is not authentic; the sentence says why, and is not for its sender."""


class ApiError(RoutinesClientError):
    """The service refused: `sentence` and `details` are its own, `status` the reply's."""

    details: Any

    def __init__(
        self,
        status: int,
        sentence: str,
        details: Any = None,  # noqa: ANN401 - whatever JSON the service says
        *,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(sentence, details)
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        faults = self.details if isinstance(self.details, list) else []
        told = [_fault(each) for each in faults if isinstance(each, dict) and "message" in each]
        return f"{self.sentence}: {'; '.join(told)}" if told else self.sentence


class BadRequestError(ApiError):
    """400: malformed, or a field is wrong; `details` names each."""


class NotAuthenticatedError(ApiError):
    """401: nobody can be told who is calling."""


class ForbiddenError(ApiError):
    """403: the caller may not do this."""


class NotFoundError(ApiError):
    """404: there is no such thing, or not for this caller."""


class ConflictError(ApiError):
    """409: the state of the thing forbids it."""


class TooLargeError(ApiError):
    """413: the body is larger than the service takes."""


class UnprocessableError(ApiError):
    """422: well formed, but cannot be."""


class TooManyRequestsError(ApiError):
    """429: too often; `retry_after_seconds` says when to try again."""


class ServerFaultError(ApiError):
    """500 and the like: a fault of the service, or of what stands before it."""


class UnavailableError(ServerFaultError):
    """503: the service cannot take this now; `retry_after_seconds` says when to try again."""


_KINDS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: NotAuthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    422: UnprocessableError,
    429: TooManyRequestsError,
    503: UnavailableError,
}
_SERVER_FAULTS = range(500, 600)


def refusal(status: int, sentence: str, details: Any, retry_after_seconds: float | None) -> ApiError:  # noqa: ANN401 - JSON
    """The error that a reply with this status is."""
    kind = _KINDS.get(status, ServerFaultError if status in _SERVER_FAULTS else ApiError)
    return kind(status, sentence, details, retry_after_seconds=retry_after_seconds)


def _fault(fault: dict[str, Any]) -> str:
    where = ".".join(map(str, fault.get("path", ())))
    return f"{where}: {fault['message']}" if where else str(fault["message"])
