"""Recurring work for AI agents: never loses or doubles a slot, and says why anything did not run.

Packages from the inside out: core, storage, dispatch, services, then http and web; cli starts them. The client, which
a program imports from here, is loaded when one of its names is first asked for, and loads nothing of the server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routines.client import AsyncClient, Client, RoutinesClientError, sign_webhook, verify_webhook

__all__ = ["AsyncClient", "Client", "RoutinesClientError", "sign_webhook", "verify_webhook"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the client's classes and functions
    if name in __all__:
        return getattr(import_module("routines.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
