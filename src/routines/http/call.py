"""A request as the routes see it: who calls, and a body and a query that are read when a use case asks for them.

Reading late keeps the contract's order of errors: what is wrong with the path or the caller is told first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Request, Response
from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import to_json

from routines.core import strict_json
from routines.core.errors import (
    Fault,
    InvalidError,
    MalformedBodyError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from routines.core.limits import BODY_BYTES_MAX
from routines.core.model import Actor, TriggerKind
from routines.http.auth import SAFE_METHODS, Authentication
from routines.http.schemas.common import UUID_PATTERN, RequestModel
from routines.http.schemas.reply import Written
from routines.http.schemas.triggers import (
    ApiTriggerCreate,
    ScheduleTriggerCreate,
    TriggerCreate,
    WebhookTriggerCreate,
)
from routines.services.triggers import NewTrigger

M = TypeVar("M", bound=RequestModel)
Q = TypeVar("Q", bound=RequestModel)
T = TypeVar("T")


NOBODY = "00000000-0000-0000-0000-000000000000"
"""The nil UUID (RFC 9562, section 5.9), which no id is."""


def canonical_id(text: str) -> str:
    """A UUID as ids are stored, or the nil UUID, which is nobody's id, for anything else."""
    return NOBODY if UUID_PATTERN.fullmatch(text) is None else text.lower()


PathId = Annotated[str, AfterValidator(canonical_id), Path(json_schema_extra={"format": "uuid"})]
"""An id in a path; a malformed one is unknown, like any other that does not exist."""


async def read_body(request: Request) -> bytes:
    """The raw body; raises `TooLargeError` as soon as it is known to be over the bound."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > BODY_BYTES_MAX:
        raise _too_large()
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> TooLargeError:
    return TooLargeError(f"The body is larger than {BODY_BYTES_MAX} bytes, which is the most that is read")


def _caller(request: Request) -> Actor:
    authentication: Authentication = request.app.state.authentication
    return authentication.caller(request)


def _no_bad_token(request: Request) -> None:
    if "authorization" in request.headers:
        _caller(request)


async def for_anybody(_: Annotated[None, Depends(_no_bad_token)], request: Request) -> None:
    """Refuse, where no caller need be known, what is refused everywhere: a bad token and a body over the bound."""
    await read_body(request)


async def _call(actor: Annotated[Actor, Depends(_caller)], request: Request) -> Call:
    return Call(request, actor, await read_body(request))


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a known caller."""

    request: Request
    actor: Actor
    raw: bytes

    def trigger(self) -> Callable[[], NewTrigger]:
        """The body as a trigger to be made, once asked for; its kind says which fields it has."""
        return lambda: validated_by(_TRIGGER, self._json_object(), frozenset()).command()

    def body(self, model: type[M], command: Callable[[M], T]) -> Callable[[], T]:
        """The body as a use case takes it, once asked for; then raises 415 and 400 for what is wrong with it."""
        return lambda: command(self._parse_body(model))

    def query(self, model: type[Q], command: Callable[[Q], T]) -> Callable[[], T]:
        """The query as a use case takes it, once asked for; then raises 400 for what is wrong with it.

        A call that changes something takes no body besides.
        """
        return lambda: command(self._parse_query(model))

    def no_body(self) -> None:
        """Raise for a body that says anything, where the call takes none: nothing is dropped in silence."""
        self._parse_body(RequestModel)

    def _parse_query(self, model: type[Q]) -> Q:
        if self.request.method not in SAFE_METHODS:
            self.no_body()
        return validated(model, dict(self.request.query_params))

    def _parse_body(self, model: type[M]) -> M:
        return validated(model, self._json_object())

    def _json_object(self) -> dict[str, Any]:
        """The body's object; an empty body is an empty object."""
        if not self.raw.strip():
            return {}
        media_type = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaTypeError(f"Content-Type is {media_type!r}; send application/json")
        content = strict_json.loads(self.raw)
        if not isinstance(content, dict):
            raise MalformedBodyError("The body must be a JSON object")
        return content


_TRIGGER: TypeAdapter[ScheduleTriggerCreate | WebhookTriggerCreate | ApiTriggerCreate] = TypeAdapter(TriggerCreate)
Caller = Annotated[Call, Depends(_call)]


def validated(model: type[M], content: dict[str, Any]) -> M:
    """The content as a model; raises `InvalidError` naming each field that is wrong."""
    adapter: TypeAdapter[M] = _adapter(model)
    return validated_by(adapter, content, model.reference_fields)


def validated_by(adapter: TypeAdapter[T], content: dict[str, Any], reference_fields: frozenset[str]) -> T:
    """The content as whatever an adapter makes of it; as `validated`."""
    absent = reference_fields & content.keys()
    empty = {name for name in absent if content[name] in (None, "", [], {})}
    try:
        return adapter.validate_python({name: value for name, value in content.items() if name not in empty})
    except ValidationError as error:
        raise InvalidError([_fault(each, absent) for each in error.errors(include_url=False)]) from None


@cache
def _adapter(model: type[M]) -> TypeAdapter[M]:
    return TypeAdapter(model)


def _fault(error: Any, absent: frozenset[str]) -> Fault:  # noqa: ANN401 - pydantic's own shape
    code = error["type"]
    path = _path(error["loc"], code)
    if code != "extra_forbidden":
        return Fault(path, error["msg"].removeprefix("Value error, "), code)
    if path[-1] in absent:
        return Fault(path, f"{path[-1]} is not supported yet; leave it out, or null", "unrecognized_keys")
    return Fault(path, f"Unknown key {path[-1]!r}", "unrecognized_keys")


def _path(location: tuple[str | int, ...], code: str) -> tuple[str | int, ...]:
    """The way to a field as the caller wrote it: without the kinds by which pydantic tells triggers apart."""
    if code in {"union_tag_invalid", "union_tag_not_found"}:
        return (*location, "kind")
    kinds = set(TriggerKind)
    return (*(step for step in location[:-1] if step not in kinds), *location[-1:])


def reply(status: int, content: Written, headers: dict[str, str] | None = None) -> Response:
    """A JSON reply with one object."""
    return Response(to_json(content), status, headers, "application/json")


def reply_list(content: list[Written]) -> Response:
    """A JSON reply with a bare array."""
    return Response(to_json(content), media_type="application/json")


NO_CONTENT = 204


def nothing() -> Response:
    """The reply that says only that it is done."""
    return Response(status_code=NO_CONTENT)
