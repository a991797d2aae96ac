"""Which service is called and as whom: what was given, then what the environment says.

Nothing is sent here, and no call is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Self

import httpx2

from routines.client.errors import ConfigurationError
from routines.core.addresses import is_loopback_name

DEFAULT_URL = "http://127.0.0.1:3100"
TIMEOUT_SECONDS = 30.0  # the service answers in milliseconds, and says 503 before this when its database is away
RETRIES = 4  # with the pauses between them, a server that restarts is there again
RETRIES_MAX = 100


@dataclass(frozen=True, slots=True)
class Connection:
    """A service and its caller: `base_url` without `/api` and without a slash at its end.

    `run_id` is the heartbeat in which an agent calls. An empty token is none.
    """

    base_url: str
    token: str = field(default="", repr=False)
    run_id: str = ""

    @classmethod
    def chosen(
        cls, base_url: str | None, token: str | None, run_id: str | None, environment: Mapping[str, str]
    ) -> Self:
        """What was given, over `ROUTINES_API_URL` and `ROUTINES_API_KEY`, over what a heartbeat sets.

        A token of the environment goes only to the service that the environment names with it: one that is given with
        another address gets none. Raises `ConfigurationError` for what is no address or cannot be in a header.
        """
        named, of_heartbeat = environment.get("ROUTINES_API_URL"), environment.get("PAPERCLIP_API_URL")
        url = _url(base_url or named or of_heartbeat or DEFAULT_URL)
        if token is None and (not named or _url(named) == url):
            token = environment.get("ROUTINES_API_KEY") or None
        if token is None and of_heartbeat and _url(of_heartbeat) == url:
            token = environment.get("PAPERCLIP_API_KEY")
            run_id = environment.get("PAPERCLIP_RUN_ID") if run_id is None else run_id
        return cls(url, _in_header(token or "", "token"), _in_header(run_id or "", "run id"))

    @property
    def is_loopback(self) -> bool:
        """Whether the service is on this machine, whatever proxy the environment names."""
        return is_loopback_name(httpx2.URL(self.base_url).netloc.decode())

    def headers(self, *, as_caller: bool) -> dict[str, str]:
        """What every request says of this program, and of its caller where that is asked."""
        headers = {"User-Agent": f"routines-python/{_version()}", "Accept": "application/json"}
        if as_caller and self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if as_caller and self.run_id:
            headers["X-Paperclip-Run-Id"] = self.run_id
        return headers


def _url(text: str) -> str:
    """An address in the form in which two can be compared."""
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment or url.userinfo:
        raise ConfigurationError(
            f"{text!r} is not the address of a service, which begins with http:// or https:// and ends before /api"
        )
    return str(url).rstrip("/").removesuffix("/api").rstrip("/")


def _in_header(value: str, what: str) -> str:
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ConfigurationError(
            f"The {what} has characters that no header can have; was it copied with more around it?"
        )
    return value


def _version() -> str:
    try:
        return version("routines")
    except PackageNotFoundError:  # run from its source
        return "0"
