"""The client and a service with a wire between them that loses what it can: no run is doubled, no entry missed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import islice

import httpx2
import pytest

from routines import AsyncClient, Client
from routines.client import ConnectionFailedError, ForbiddenError, UnavailableError, models
from routines.client.events import AWAY_SECONDS_MAX
from support.calling import Transport
from support.databases import Places, on_sqlite
from support.service import BASE_URL, Company, Service
from support.site import Site, serving
from support.streams import LiveService

pytestmark = on_sqlite
MESSAGES_BEFORE_A_CUT = 2
"""The first of a stream only says where it stands."""


class Losing(Transport):
    """Takes requests to an application, and loses most of them, or what it answers."""

    def __init__(self, service: Service, seed: int) -> None:
        super().__init__(service.server.app)
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self.lost_replies = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer, if it comes back."""
        luck = self._dice.random()
        if luck < 0.25:
            raise httpx2.ConnectError("refused", request=request)
        answer = super().handle_request(request)
        if luck < 0.75:
            self.lost_replies += 1
            raise httpx2.ReadError("cut off", request=request)
        return answer


def test_a_run_is_never_doubled_though_replies_are_lost(service: Service, company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue")["id"]
    wire = Losing(service, seed=6)
    client = Client(BASE_URL, transport=wire, retries=100, sleep=lambda _: None)
    returned = []
    for number in range(20):
        try:
            returned.append(client.run_routine(routine, payload={"number": number}).id)
        except ConnectionFailedError:  # it was unlucky for a minute
            returned.append("")
    recorded = [run["id"] for run in reversed(company.runs(routine))]
    assert wire.lost_replies > 10
    assert "" not in returned
    assert recorded == returned


def first_messages(part: bytes, count: int) -> bytes:
    """What is left of some messages when the wire is cut in the middle of the one after them."""
    messages = part.split(b"\n\n")
    return b"\n\n".join([*messages[:count], *(each[: len(each) // 2] for each in messages[count : count + 1])])


class Cut(httpx2.SyncByteStream):
    """A reply that is cut off after some messages."""

    def __init__(self, whole: httpx2.SyncByteStream) -> None:
        self._whole = whole

    def __iter__(self) -> Iterator[bytes]:
        left = MESSAGES_BEFORE_A_CUT
        for part in self._whole:
            yield first_messages(part, left)
            left -= part.count(b"\n\n")
            if left <= 0:
                raise httpx2.ReadError("cut off")

    def close(self) -> None:
        """Let go of it."""
        self._whole.close()


class AsyncCut(httpx2.AsyncByteStream):
    """The same, awaited."""

    def __init__(self, whole: httpx2.AsyncByteStream) -> None:
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MESSAGES_BEFORE_A_CUT
        async for part in self._whole:
            yield first_messages(part, left)
            left -= part.count(b"\n\n")
            if left <= 0:
                raise httpx2.ReadError("cut off")

    async def aclose(self) -> None:
        """Let go of it."""
        await self._whole.aclose()


class Cutting(httpx2.HTTPTransport):
    """A wire that cuts streams off."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The reply, of which only the beginning comes."""
        reply = super().handle_request(request)
        assert isinstance(reply.stream, httpx2.SyncByteStream)
        return httpx2.Response(reply.status_code, headers=reply.headers, stream=Cut(reply.stream))


class AsyncCutting(httpx2.AsyncHTTPTransport):
    """The same, awaited."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The reply, of which only the beginning comes."""
        reply = await super().handle_async_request(request)
        assert isinstance(reply.stream, httpx2.AsyncByteStream)
        return httpx2.Response(reply.status_code, headers=reply.headers, stream=AsyncCut(reply.stream))


@pytest.fixture(scope="module")
def site(places: Places) -> Iterator[Site]:
    with places.lend() as place:
        service = LiveService(place)
        with serving(service) as made:
            yield made
        service.close()


@pytest.fixture
def told(site: Site) -> list[models.ActivityReply]:
    """What happened in a company, oldest first."""
    company = site.service.company()
    for number in range(4):
        company.routine(title=f"Routine {number}")
    with Client(site.url) as client:
        return client.list_activity(company.id, limit=500)[::-1]


def test_events_are_followed_across_interruptions(site: Site, told: list[models.ActivityReply]) -> None:
    pauses: list[float] = []
    with Client(site.url, transport=Cutting(), sleep=pauses.append) as client:
        entries = client.follow_events(told[0].company_id, after=told[0].id)
        assert list(islice(entries, len(told) - 1)) == told[1:]
        entries.close()
    assert pauses
    assert min(pauses) >= 1, "the service asks for a second"


def test_events_are_followed_awaiting_them(site: Site, told: list[models.ActivityReply]) -> None:
    async def follow() -> list[models.ActivityReply]:
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        found = []
        async with (
            AsyncClient(site.url, transport=AsyncCutting(), sleep=sleep) as client,
            aclosing(client.follow_events(told[0].company_id, after=told[0].id)) as entries,
        ):
            async for entry in entries:
                found.append(entry)
                if len(found) == len(told) - 1:
                    break
        assert pauses
        return found

    assert asyncio.run(follow()) == told[1:]


def test_following_ends_with_a_refusal_and_when_nobody_answers_for_long(site: Site) -> None:
    company = site.service.company("Globex")
    another = site.service.company("Initech")
    with Client(site.url, another.agent.token) as client, pytest.raises(ForbiddenError):
        next(client.follow_events(company.id))
    pauses: list[float] = []
    away = httpx2.MockTransport(lambda _: httpx2.Response(503, json={"error": "The database is away"}))
    with pytest.raises(UnavailableError, match="The database is away"):
        next(Client(site.url, transport=away, sleep=pauses.append).follow_events(company.id))
    assert AWAY_SECONDS_MAX / 2 < sum(pauses) <= AWAY_SECONDS_MAX


def test_no_proxy_stands_before_a_service_on_this_machine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client(site.url, retries=0) as client:
        assert client.get_health().status == "ok"
    with (
        Client("http://routines.example.com", retries=0) as client,
        pytest.raises(ConnectionFailedError, match="running"),
    ):
        client.get_health()
