"""What the OpenAPI document says and what the service does agree, for whatever can be sent to any call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.python.asgi import get_client
from starlette.types import Receive, Scope, Send
from support.service import BASE_URL, Service, ok
from support.world import World

from routines.http.auth import AuthMode

EXAMPLES = 200  # for each call, as the board and as an agent, besides the edge cases that are derived from the document
CALLERS = ("board", "agent")
CONFIG = {
    "checks": {
        # Section 5 of the contract: 422 is for what is well formed but cannot be, such as a cron expression for
        # 31 February, a zone that no data has, or a reference to another company's project.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422"]},
        # Nothing that is sent may bring the service down or be more than it can take.
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "409", "415", "422"]},
    },
}


class Target:
    """A service whose calls are tried as one caller, in a world that is new for each call."""

    def __init__(self, data_dir: Path, *, as_agent: bool) -> None:
        self.service = Service(data_dir, auth=AuthMode.AUTHENTICATED, fires_per_minute=10**9)
        self.as_agent = as_agent
        self.label = ""
        self.world = World(self.service, as_agent=as_agent)
        self.session = get_client(self.serve)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve requests alone: the service was started already."""
        assert scope["type"] == "http"
        await self.service.server.app(scope, receive, send)

    def try_out(self, case: schemathesis.Case) -> None:
        """Send a request, aimed at what there is, and hold the reply to everything that the document says."""
        if case.operation.label != self.label:
            self.label = case.operation.label
            self.world = World(self.service, as_agent=self.as_agent)
        case.path_parameters = self.world.aim(case.path_parameters)
        case.query = self.world.aim(case.query)
        case.body = self.world.aim(case.body)
        headers = {"Authorization": f"Bearer {self.world.caller.token}"}
        response = case.call_and_validate(app=self.serve, base_url=BASE_URL, session=self.session, headers=headers)
        if case.method == "DELETE" or _is_at_its_end(response):
            for identity in case.path_parameters.values():
                self.world.replace(str(identity))


def _is_at_its_end(response: schemathesis.Response) -> bool:
    return response.status_code == 200 and any(  # noqa: PLR2004
        word in response.content for word in (b'"status":"archived"', b'"status":"terminated"')
    )


def _served_document() -> Any:
    with TemporaryDirectory() as folder:
        service = Service(Path(folder), auth=AuthMode.AUTHENTICATED)
        document = ok(service.client.get("/openapi.json"))
        service.close()
    return document


every_call = schemathesis.openapi.from_dict(_served_document(), config=schemathesis.Config.from_dict(CONFIG))


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    made = {who: Target(tmp_path_factory.mktemp(who), as_agent=who == "agent") for who in CALLERS}
    yield made
    for target in made.values():
        target.service.close()


@pytest.mark.parametrize("caller", CALLERS)
@every_call.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_every_call_does_what_the_document_says(case: schemathesis.Case, caller: str, targets: dict[str, Target]) -> None:
    targets[caller].try_out(case)
