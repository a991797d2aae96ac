"""The two clients, which differ only in how they wait.

What is sent, what a reply means and when to try again is decided in `exchange` and `events`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from routines.client.call import AsyncSender, Call, Sender
from routines.client.calls import Calls
from routines.client.connection import RETRIES, RETRIES_MAX, TIMEOUT_SECONDS, Connection
from routines.client.errors import ConfigurationError
from routines.client.events import SILENCE_SECONDS_MAX, Following, unreadable
from routines.client.exchange import PAUSES_SECONDS_MAX, SUCCESSES, Exchange

T = TypeVar("T")


class Client(Calls, Sender):
    """A service, called and waited for; close it, or use it in a `with` block.

    `base_url` and `token` are those of `ROUTINES_API_URL` and `ROUTINES_API_KEY` unless they are given, in a heartbeat
    those that it was started with, and else a service on this machine; an empty token is none. A call raises
    `RoutinesClientError`. It is sent again up to `retries` times where that cannot do it twice, with pauses that are
    together no longer than `pauses_seconds_max`; `timeout_seconds` is for each step of an attempt. `transport` and
    `sleep` are for tests.

    >>> with Client("http://127.0.0.1:3100") as client:  # doctest: +SKIP
    ...     print(client.get_health().status)
    ok
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        run_id: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        pauses_seconds_max: float = PAUSES_SECONDS_MAX,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = Connection.chosen(base_url, token, run_id, os.environ)
        self._retries = _checked(retries)
        self._pauses_seconds_max = pauses_seconds_max
        self._sleep = sleep
        trusting = not self.connection.is_loopback
        with _telling_of_proxies():
            self._http = httpx2.Client(timeout=timeout_seconds, transport=transport, trust_env=trusting)

    def send(self, call: Call[T]) -> T:
        """Make a call and return what came back; raises `RoutinesClientError`."""
        exchange = Exchange(call, self.connection, self._retries, self._pauses_seconds_max)
        while True:
            came: httpx2.Response | httpx2.RequestError
            try:
                came = self._http.send(exchange.request(self._http))
            except httpx2.RequestError as error:
                came = error
            pause = exchange.take(came)
            if pause is None:
                return exchange.reply
            self._sleep(pause)

    def follow(self, call: Call[T]) -> Generator[T, None, None]:
        """Follow a stream of events without end, across interruptions; raises `RoutinesClientError`."""
        following = Following(call, self.connection)
        while True:
            came: httpx2.Response | httpx2.RequestError
            try:
                request = following.request(self._http)
                request.extensions["timeout"]["read"] = SILENCE_SECONDS_MAX
                came = self._http.send(request, stream=True)
                try:
                    if came.status_code in SUCCESSES:
                        for message in httpx2.EventSource(came):
                            yield from following.read(message)
                    else:
                        came.read()
                finally:
                    came.close()
            except httpx2.SSEError as error:
                raise unreadable(error) from None
            except httpx2.RequestError as error:
                came = error
            self._sleep(following.pause(came))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Calls, AsyncSender):
    """A service, called and awaited; close it with `aclose`, or use it in an `async with` block.

    All else is as with `Client`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        run_id: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        pauses_seconds_max: float = PAUSES_SECONDS_MAX,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self.connection = Connection.chosen(base_url, token, run_id, os.environ)
        self._retries = _checked(retries)
        self._pauses_seconds_max = pauses_seconds_max
        self._sleep = sleep
        trusting = not self.connection.is_loopback
        with _telling_of_proxies():
            self._http = httpx2.AsyncClient(timeout=timeout_seconds, transport=transport, trust_env=trusting)

    async def send(self, call: Call[T]) -> T:
        """Make a call and return what came back; raises `RoutinesClientError`."""
        exchange = Exchange(call, self.connection, self._retries, self._pauses_seconds_max)
        while True:
            came: httpx2.Response | httpx2.RequestError
            try:
                came = await self._http.send(exchange.request(self._http))
            except httpx2.RequestError as error:
                came = error
            pause = exchange.take(came)
            if pause is None:
                return exchange.reply
            await self._sleep(pause)

    async def follow(self, call: Call[T]) -> AsyncGenerator[T, None]:
        """Follow a stream of events without end, across interruptions; raises `RoutinesClientError`."""
        following = Following(call, self.connection)
        while True:
            came: httpx2.Response | httpx2.RequestError
            try:
                request = following.request(self._http)
                request.extensions["timeout"]["read"] = SILENCE_SECONDS_MAX
                came = await self._http.send(request, stream=True)
                try:
                    if came.status_code in SUCCESSES:
                        async for message in httpx2.EventSource(came):
                            for entry in following.read(message):
                                yield entry
                    else:
                        await came.aread()
                finally:
                    await came.aclose()
            except httpx2.SSEError as error:
                raise unreadable(error) from None
            except httpx2.RequestError as error:
                came = error
            await self._sleep(following.pause(came))

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()


@contextmanager
def _telling_of_proxies() -> Iterator[None]:
    """Turns a fault of the environment's proxies into a sentence without addresses, which may hold passwords."""
    try:
        yield
    except ImportError:
        raise ConfigurationError(
            "The environment names a SOCKS proxy (ALL_PROXY, HTTPS_PROXY or HTTP_PROXY), which needs the package "
            "socksio; install it, name a proxy that begins with http://, or have NO_PROXY name the service's host"
        ) from None
    except (ValueError, httpx2.InvalidURL):
        raise ConfigurationError(
            "The environment names a proxy that cannot be used (ALL_PROXY, HTTPS_PROXY or HTTP_PROXY); its address is "
            "like http://proxy.example.com:3128"
        ) from None


def _checked(retries: int) -> int:
    if not 0 <= retries <= RETRIES_MAX:
        raise ConfigurationError(f"{retries} is no number of retries, which is from 0 to {RETRIES_MAX}")
    return retries
