"""A call of the service as a value, and the descriptors that make a described call a method of both clients.

Nothing is sent here; when a call is repeated and what its reply means is in `exchange`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import update_wrapper, wraps
from types import MethodType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, cast, overload
from urllib.parse import quote

from routines.client.values import BodyValue
from routines.core.instants import iso
from routines.core.limits import RUNS_PAGE_MAX

P = ParamSpec("P")
T = TypeVar("T")


class Omitted(Enum):
    """The type of `OMITTED`, the default of what need not be given; None is a value that can be sent."""

    OMITTED = "omitted"


OMITTED: Final = Omitted.OMITTED


class KeyIn(Enum):
    """Where a call has its idempotency key."""

    BODY = "idempotencyKey"
    HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call: what is sent, and the type of what comes back.

    `reply` is that type, None where nothing comes back. `key_in` is where the call has an idempotency key, if it can
    have one, and `key` is the one that was given: None is none by choice. `as_caller` says that the token is sent.
    """

    method: str
    path: str
    reply: Any
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    key_in: KeyIn | None = None
    key: str | Omitted | None = OMITTED
    as_caller: bool = True

    @property
    def can_be_repeated(self) -> bool:
        """Whether sending it twice does what sending it once does: it only reads, or a key tells the second one."""
        return self.method == "GET" or isinstance(self.key, str)

    def with_key(self, key: str) -> Call[T]:
        """The call by which a repetition is known, where it can have a key and none was chosen."""
        chosen = key if self.key is OMITTED else self.key
        match self.key_in:
            case KeyIn.BODY:
                body = {**(self.body or {}), **({} if chosen is None else {KeyIn.BODY.value: chosen})}
                return replace(self, key=chosen, body=body)
            case KeyIn.HEADER:
                headers = {**self.headers, **({} if chosen is None else {KeyIn.HEADER.value: chosen})}
                return replace(self, key=chosen, headers=headers)
            case None:
                return self


class Sender(ABC):
    """What makes calls and waits for them."""

    @abstractmethod
    def send(self, call: Call[T]) -> T:
        """Make a call and return what came back; raises `RoutinesClientError`."""

    @abstractmethod
    def follow(self, call: Call[T]) -> Generator[T, None, None]:
        """Follow a stream of events without end; raises `RoutinesClientError`."""


class AsyncSender(ABC):
    """What makes calls and awaits them."""

    @abstractmethod
    async def send(self, call: Call[T]) -> T:
        """Make a call and return what came back; raises `RoutinesClientError`."""

    @abstractmethod
    def follow(self, call: Call[T]) -> AsyncGenerator[T, None]:
        """Follow a stream of events without end; raises `RoutinesClientError`."""


def _document(method: object, describe: Callable[..., Any]) -> None:
    """Give what stands for a function its name, its words and its signature."""
    update_wrapper(cast("Callable[..., Any]", method), describe)


class operation(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method that describes a call one that makes it."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self._describe = describe
        _document(self, describe)

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Call[T]]: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Sender | AsyncSender | None, owner: type) -> Callable[..., Any]:
        if client is None:
            return self._describe
        describe = MethodType(self._describe, client)

        @wraps(describe)
        def made(*arguments: P.args, **keywords: P.kwargs) -> Any:  # noqa: ANN401 - as the overloads say
            return client.send(describe(*arguments, **keywords))

        return made


class streamed(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method that describes a call one that follows what it streams."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self._describe = describe
        _document(self, describe)

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Call[T]]: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, Generator[T, None, None]]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, client: Sender | AsyncSender | None, owner: type) -> Callable[..., Any]:
        if client is None:
            return self._describe
        describe = MethodType(self._describe, client)

        @wraps(describe)
        def followed(*arguments: P.args, **keywords: P.kwargs) -> Any:  # noqa: ANN401 - as the overloads say
            return client.follow(describe(*arguments, **keywords))

        return followed


class Identified(Protocol):
    """An entry of a list that is read in pages."""

    @property
    def id(self) -> str:
        """What the next page is asked for by."""
        ...


E = TypeVar("E", bound=Identified)


class Paged(Generic[P, E]):
    """A call that answers with one page of a list, newest first."""

    def __init__(self, client: Sender, describe: Callable[P, Call[list[E]]]) -> None:
        self._client = client
        self._describe = describe
        _document(self, describe)

    def __call__(self, *arguments: P.args, **keywords: P.kwargs) -> list[E]:
        """One page."""
        return self._client.send(self._describe(*arguments, **keywords))

    def every(self, *arguments: P.args, **keywords: P.kwargs) -> Generator[E, None, None]:
        """Every entry, page by page; `limit` is the size of a page, and `before` where to begin."""
        call: Call[list[E]] | None = _first_page(self._describe(*arguments, **keywords))
        while call is not None:
            page = self._client.send(call)
            yield from page
            call = _next_page(call, page)


class AsyncPaged(Generic[P, E]):
    """A call that answers with one page of a list, newest first."""

    def __init__(self, client: AsyncSender, describe: Callable[P, Call[list[E]]]) -> None:
        self._client = client
        self._describe = describe
        _document(self, describe)

    def __call__(self, *arguments: P.args, **keywords: P.kwargs) -> Coroutine[Any, Any, list[E]]:
        """One page."""
        return self._client.send(self._describe(*arguments, **keywords))

    async def every(self, *arguments: P.args, **keywords: P.kwargs) -> AsyncGenerator[E, None]:
        """Every entry, page by page; `limit` is the size of a page, and `before` where to begin."""
        call: Call[list[E]] | None = _first_page(self._describe(*arguments, **keywords))
        while call is not None:
            page = await self._client.send(call)
            for entry in page:
                yield entry
            call = _next_page(call, page)


class paged(Generic[P, E]):  # noqa: N801 - a decorator
    """Makes a method that describes a call one that makes it, and whose `every` reads all pages."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[list[E]]]) -> None:
        self._describe = describe
        _document(self, describe)

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Call[list[E]]]: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Paged[P, E]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> AsyncPaged[P, E]: ...
    def __get__(self, client: Sender | AsyncSender | None, owner: type) -> Callable[..., Any]:
        if client is None:
            return self._describe
        describe = MethodType(self._describe, client)
        return Paged(client, describe) if isinstance(client, Sender) else AsyncPaged(client, describe)


def _first_page(call: Call[list[E]]) -> Call[list[E]]:
    """The call with a size of its page, from which the end of the list can be told."""
    return replace(call, query={"limit": str(RUNS_PAGE_MAX), **call.query})


def _next_page(call: Call[list[E]], page: list[E]) -> Call[list[E]] | None:
    """The call for what comes after a page; None once the list is at its end.

    The service answers with fewer entries than a large limit asks for, but with no fewer than the smallest of its
    bounds while there are more.
    """
    if len(page) < max(1, min(int(call.query["limit"]), RUNS_PAGE_MAX)):
        return None
    return replace(call, query={**call.query, "before": page[-1].id})


def segment(name: str) -> str:
    """An id or name as a part of a path; raises ValueError for one that would lead elsewhere."""
    if not name.strip("."):
        raise ValueError(f"{name!r} is no id; an id is a UUID, such as 0192f0c1-2c5e-7d4a-8c3f-1b2a3c4d5e6f")
    return quote(name, safe="")


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A body of what was given, as JSON has it."""
    return {name: _json(value) for name, value in fields.items() if value is not OMITTED}


def queried(fields: Mapping[str, Any]) -> dict[str, str]:
    """A query of what was given, as text; several values stand in one with commas."""
    return {name: _text(value) for name, value in fields.items() if value is not OMITTED}


def _json(value: Any) -> Any:  # noqa: ANN401 - whatever can be given
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, BodyValue):
        return value.on_the_wire()
    return [_json(each) for each in value] if isinstance(value, list | tuple) else value


def _text(value: Any) -> str:  # noqa: ANN401 - whatever can be given
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ",".join(map(_text, value))


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone; give an aware datetime, such as datetime.now(UTC)")
    return iso(value)
