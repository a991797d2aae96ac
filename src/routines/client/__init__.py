"""The Python client: the service's calls as methods, their replies as typed values, refusals as exceptions.

It speaks HTTP only, and so may do what its token may; nothing of the server is imported but the core's rules.
"""

from routines.client.call import OMITTED, Omitted
from routines.client.clients import AsyncClient, Client
from routines.client.errors import (
    ApiError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ConnectionFailedError,
    ForbiddenError,
    NotAuthenticatedError,
    NotFoundError,
    RoutinesClientError,
    ServerFaultError,
    TimedOutError,
    TooLargeError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedReplyError,
    UnprocessableError,
    WebhookRefusedError,
)
from routines.client.webhooks import sign_webhook, verify_webhook

__all__ = [
    "OMITTED",
    "ApiError",
    "AsyncClient",
    "BadRequestError",
    "Client",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "ForbiddenError",
    "NotAuthenticatedError",
    "NotFoundError",
    "Omitted",
    "RoutinesClientError",
    "ServerFaultError",
    "TimedOutError",
    "TooLargeError",
    "TooManyRequestsError",
    "UnavailableError",
    "UnexpectedReplyError",
    "UnprocessableError",
    "WebhookRefusedError",
    "sign_webhook",
    "verify_webhook",
]
