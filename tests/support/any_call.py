"""Every call of the OpenAPI document as schemathesis tries it: generated requests, aimed at a world that exists.

Each request is sent by one of the callers to one of the databases, as the request itself decides: over all the requests
that are made up, every call meets all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.failures import AcceptedNegativeData, FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth
from starlette.types import Receive, Scope, Send

from routines.core.access import AuthMode
from support.calling import Session
from support.databases import Places
from support.readiness import counted_as_started
from support.service import BASE_URL, Place, Service, ok
from support.world import World

# For each call, besides the edge cases that are derived from the document.
EXAMPLES = 6
EXAMPLES_OF_IDS = 5  # where nothing but the ids in its path can be said to a call
CONFIG = {
    "checks": {
        # Section 5 of the contract: 422 is for what is well formed but cannot be, such as a cron expression for
        # 31 February, a zone that no data has, or a reference to another company's project.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422"]},
        # Stricter than by default: nothing that is sent may bring the service down, or be more than it can take.
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "409", "415", "422"]},
    },
    "operations": [
        {
            # Which fields a trigger takes depends on its kind, which only the trigger knows.
            "include-name": "PATCH /api/routine-triggers/{trigger_id}",
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "403", "404", "409", "422"]}},
        },
        *(
            {
                # Which targets are taken depends on the channel: a URL, or an address.
                "include-name": name,
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "422"]}
                },
            }
            for name in (
                "POST /api/companies/{company_id}/notification-subscriptions",
                "PATCH /api/notification-subscriptions/{subscription_id}",
            )
        ),
        {
            # To PATCH this path is to change the agent whose id is `me`, which is 404 rather than 405.
            "include-name": "GET /api/agents/me",
            "checks": {"unsupported_method": {"enabled": False}},
        },
    ],
}
REQUESTS_PER_WORLD = 500  # lists grow with what is created, and cost more to check
LONG_TEXT_CHARACTERS = 10_000  # texts at longer bounds take the generator seconds each; tests of validation reach them


class _Relay:
    """The application under test: whichever service is tried now, which was started already."""

    def __init__(self) -> None:
        self.service: Service | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assert scope["type"] == "http"
        assert self.service is not None
        await self.service.server.app(scope, receive, send)


_relay = _Relay()
_session = Session(_relay, BASE_URL)


class Target:
    """A service whose calls are tried as one caller, in a world that is new from time to time."""

    def __init__(self, kind: str, places: Places, *, as_agent: bool) -> None:
        self.name = f"{'an agent' if as_agent else 'the board'} on {kind}"
        self._places = places
        self._as_agent = as_agent
        self._lent = ExitStack()
        self._tried = 0
        self._guarded: set[str] = set()

    def try_out(self, case: schemathesis.Case[Any], made_up: dict[str, Any]) -> None:
        """Send a request, aimed at what there is, and hold the reply to everything that the document says."""
        if self._tried % REQUESTS_PER_WORLD == 0:
            self._begin_a_world()
        self._tried += 1
        _relay.service = self._service
        for part, value in made_up.items():
            aimed = self._world.aim(value)
            if aimed != getattr(case, part):
                setattr(case, part, aimed)
        headers = {"Authorization": f"Bearer {self._world.caller.token}"}
        # That a call is refused without a good token is a property of the call, and told by one success.
        known = [ignored_auth] if case.operation.label in self._guarded else []
        try:
            response = case.call_and_validate(
                base_url=BASE_URL, session=_session, headers=headers, excluded_checks=known
            )
        except FailureGroup as failures:
            # Bounds hold after trimming, which a schema cannot say: what is too long by its white space is taken.
            too_long = all(isinstance(each, AcceptedNegativeData) for each in failures.exceptions)
            if not (too_long and _is_trimmed(made_up)):
                raise
            return
        if response.status_code < 300:
            self._guarded.add(case.operation.label)
        if response.status_code == 204 or _is_at_its_end(response):
            for identity in case.path_parameters.values():
                self._world.replace(str(identity))

    def close(self) -> None:
        """Give back what was lent."""
        self._lent.close()

    def _begin_a_world(self) -> None:
        self._lent.close()
        place = self._lent.enter_context(self._places.lend())
        self._service = Service(place, auth=AuthMode.AUTHENTICATED, fires_per_minute=10**9)
        self._lent.callback(self._service.close)
        self._lent.enter_context(counted_as_started(self._service))  # or it would say that it is not ready
        self._world = World(self._service, as_agent=self._as_agent)


def try_out(case: schemathesis.Case[Any], targets: Sequence[Target]) -> None:
    """Send a request to one of the targets; what fails says at which.

    Which, the request itself decides, so that it can be made again.
    """
    made_up = {part: getattr(case, part) for part in ("path_parameters", "query", "body")}
    target = targets[crc32(repr(made_up).encode(errors="surrogatepass")) % len(targets)]
    try:
        target.try_out(case, made_up)
    except BaseException as failure:
        failure.add_note(f"Sent by {target.name}.")
        raise


def _is_trimmed(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_trimmed(each) for each in value.values())
    return isinstance(value, str) and value != value.strip()


def _is_at_its_end(response: schemathesis.Response) -> bool:
    ends = (b'"status":"archived"', b'"status":"terminated"')
    return response.status_code == 200 and any(end in response.content for end in ends)


def _served_document() -> Any:
    with TemporaryDirectory() as folder:
        service = Service(Place(Path(folder)), auth=AuthMode.AUTHENTICATED)
        document = ok(service.client.get("/openapi.json"))
        service.close()
    return document


def _without_long_bounds(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_long_bounds(each) for each in part]
    if not isinstance(part, dict):
        return part
    shown = {name: _without_long_bounds(value) for name, value in part.items()}
    if isinstance(shown.get("maxLength"), int) and shown["maxLength"] > LONG_TEXT_CHARACTERS:
        del shown["maxLength"]
    return shown


def _taking_more_than_ids(document: Any) -> list[str]:
    return [
        call["operationId"]
        for path in document["paths"].values()
        for call in path.values()
        if "requestBody" in call or any(each["in"] == "query" for each in call.get("parameters", []))
    ]


_document = _served_document()
_every_call = schemathesis.openapi.from_dict(
    _without_long_bounds(_document), config=schemathesis.Config.from_dict(CONFIG)
)
_every_call.app = _relay
_ending = _every_call.exclude(operation_id="follow_events")  # its reply has no end, for which a request waits
calls_with_more = _ending.include(operation_id=_taking_more_than_ids(_document))
calls_with_ids = _ending.exclude(operation_id=_taking_more_than_ids(_document))
with_examples = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
with_ids = settings(max_examples=EXAMPLES_OF_IDS, suppress_health_check=list(HealthCheck))
