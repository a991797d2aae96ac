"""What the client decides by itself: when to try again, what an answer means, as whom it calls and what it loads.

What the service answers is made up here; the real one is in `test_calls`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx2
import pytest

from routines import Client
from routines.client import (
    ApiError,
    AsyncClient,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ConnectionFailedError,
    ServerFaultError,
    TimedOutError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedReplyError,
)
from routines.client.call import Call
from routines.client.connection import Connection
from routines.client.exchange import PAUSE_SECONDS_MIN, PAUSES_SECONDS_MAX, Pauses

URL = "http://127.0.0.1:3100"
ID = "0192f0c1-2c5e-7d4a-8c3f-1b2a3c4d5e6f"


class Answering(Client):
    """A client of a service that says this, one after another, and of which it is known what it asked."""

    def __init__(self, *answers: httpx2.Response | type[httpx2.TransportError], retries: int = 3, **more: Any) -> None:
        left = list(answers)
        self.requests: list[httpx2.Request] = []
        self.pauses_seconds: list[float] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            self.requests.append(request)
            said = left.pop(0)
            if isinstance(said, httpx2.Response):
                return said
            raise said("lost", request=request)

        sleep = self.pauses_seconds.append
        super().__init__(URL, transport=httpx2.MockTransport(answer), sleep=sleep, retries=retries, **more)


def refused(status: int, sentence: str = "No", details: Any = None, **headers: str) -> httpx2.Response:
    """A refusal in the service's form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json={"error": sentence, "details": details}, headers=named)


def companies() -> httpx2.Response:
    """A success."""
    return httpx2.Response(200, json=[])


LOST = (httpx2.ReadError, httpx2.RemoteProtocolError, httpx2.ReadTimeout, httpx2.WriteError)
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@pytest.mark.parametrize("failure", [*LOST, *NEVER_SENT, refused(503, Retry_After="1"), refused(429, Retry_After="1")])
def test_what_only_reads_is_asked_again(failure: Any) -> None:
    client = Answering(failure, failure, companies())
    assert client.list_companies() == []
    assert len(client.pauses_seconds) == 2
    if isinstance(failure, httpx2.Response):
        assert min(client.pauses_seconds) >= 1


CHANGES: dict[str, Callable[[Client], object]] = {
    "create": lambda client: client.create_issue(ID, title="Look"),
    "update": lambda client: client.update_issue(ID, comment="Look"),
    "delete": lambda client: client.delete_trigger(ID),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("failure", [*LOST, refused(503, Retry_After="1")])
def test_what_may_have_been_done_is_not_sent_again(failure: Any, change: str) -> None:
    client = Answering(failure)
    with pytest.raises((ConnectionFailedError, UnavailableError)) as raised:
        CHANGES[change](client)
    assert getattr(raised.value, "was_sent", True)
    assert len(client.requests) == 1


@pytest.mark.parametrize("failure", [*NEVER_SENT, refused(429)])
def test_what_was_certainly_not_done_is_sent_again(failure: Any) -> None:
    client = Answering(failure, httpx2.Response(204))
    client.delete_trigger(ID)
    assert len(client.requests) == 2


def test_a_run_and_a_delivery_keep_their_key_when_they_are_sent_again() -> None:
    client = Answering(httpx2.ReadError, refused(503), refused(409, "Routine is archived"))
    with pytest.raises(ConflictError, match="Routine is archived"):
        client.run_routine(ID)
    assert len({json.loads(request.content)["idempotencyKey"] for request in client.requests}) == 1
    client = Answering(httpx2.ReadError, httpx2.Response(200, json={"ok": True}))
    client.fire_webhook("a" * 32, body=b"{}", headers={"X-GitHub-Event": "ping"})
    assert len({request.headers["idempotency-key"] for request in client.requests}) == 1
    chosen = Answering(refused(404))
    with pytest.raises(ApiError):
        chosen.run_routine(ID, idempotency_key="mine")
    assert json.loads(chosen.requests[0].content) == {"idempotencyKey": "mine"}
    without = Answering(httpx2.ReadError)
    with pytest.raises(ConnectionFailedError):
        without.run_routine(ID, idempotency_key=None)
    assert json.loads(without.requests[0].content) == {"idempotencyKey": None}


def test_trying_ends_after_the_retries_or_the_time_whichever_is_first() -> None:
    client = Answering(*[httpx2.ReadTimeout] * 5, retries=4)
    with pytest.raises(TimedOutError):
        client.list_companies()
    assert len(client.pauses_seconds) == 4
    patient = Answering(refused(503, Retry_After="3600"), retries=4)
    with pytest.raises(UnavailableError) as raised:
        patient.list_companies()
    assert (raised.value.retry_after_seconds, patient.pauses_seconds) == (3600, [])
    hurried = Answering(refused(503, Retry_After="4"), refused(503, Retry_After="4"), pauses_seconds_max=5.0)
    with pytest.raises(UnavailableError):
        hurried.list_companies()
    assert hurried.pauses_seconds == [4]
    pauses = Pauses(100, PAUSES_SECONDS_MAX, chance=lambda: 1.0)
    waited = list(iter(pauses.next_seconds, None))
    assert waited[:3] == [PAUSE_SECONDS_MIN, 2 * PAUSE_SECONDS_MIN, 4 * PAUSE_SECONDS_MIN]
    assert 30 < sum(waited) <= PAUSES_SECONDS_MAX


def test_a_refusal_is_told_in_the_services_words() -> None:
    faults = [{"path": ["triggers", 0, "timezone"], "message": "is no zone", "code": "zone"}]
    with pytest.raises(BadRequestError) as raised:
        Answering(refused(400, "Validation error", faults)).create_company(name="")
    assert str(raised.value) == "Validation error: triggers.0.timezone: is no zone"
    assert (raised.value.status, raised.value.sentence, raised.value.details) == (400, "Validation error", faults)
    with pytest.raises(ServerFaultError, match=r"status 502.*Bad gateway") as gateway:
        Answering(httpx2.Response(502, text="Bad gateway")).list_companies()
    assert gateway.value.status == 502
    with pytest.raises(TooManyRequestsError):
        Answering(refused(429), retries=0).list_companies()


HEARTBEAT = {"PAPERCLIP_API_URL": "http://10.0.0.1:3100", "PAPERCLIP_API_KEY": "pcr_1", "PAPERCLIP_RUN_ID": "run"}
OPERATOR = {"ROUTINES_API_URL": "https://routines.example.com/", "ROUTINES_API_KEY": "rtb_1"}


@pytest.mark.parametrize(
    ("url", "token", "environment", "expected"),
    [
        (None, None, {}, Connection(URL)),
        (None, None, OPERATOR, Connection("https://routines.example.com", "rtb_1")),
        (None, None, HEARTBEAT, Connection("http://10.0.0.1:3100", "pcr_1", "run")),
        (None, None, {**HEARTBEAT, **OPERATOR}, Connection("https://routines.example.com", "rtb_1")),
        (
            "http://10.0.0.1:3100/api/",
            None,
            {**HEARTBEAT, **OPERATOR},
            Connection("http://10.0.0.1:3100", "pcr_1", "run"),
        ),
        ("https://elsewhere.example.com", None, {**HEARTBEAT, **OPERATOR}, Connection("https://elsewhere.example.com")),
        (None, "", OPERATOR, Connection("https://routines.example.com")),
        (None, "mine", HEARTBEAT, Connection("http://10.0.0.1:3100", "mine")),
        (
            "https://elsewhere.example.com",
            None,
            {"ROUTINES_API_KEY": "k"},
            Connection("https://elsewhere.example.com", "k"),
        ),
    ],
)
def test_a_token_of_the_environment_goes_only_where_the_environment_says(
    url: str | None, token: str | None, environment: dict[str, str], expected: Connection
) -> None:
    assert Connection.chosen(url, token, None, environment) == expected


@pytest.mark.parametrize(
    "url", ["127.0.0.1:3100", "ftp://a", "http://", "http://a?b", "http://user:word@a", "http://a:b"]
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the address of a service"):
        Client(url)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("proxy", ["socks5://key@a:1", "ftp://key@a", "http://key@a:b"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_address(
    proxy: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigurationError, match=r"The environment names a .*proxy") as raised:
        kind("https://routines.example.com")
    assert "key@" not in raised.value.sentence
    kind(URL)


def test_a_token_that_was_copied_with_more_is_not_sent() -> None:
    with pytest.raises(ConfigurationError, match="token has characters"):
        Client(URL, "rtb_1\n")


@pytest.mark.parametrize("word", ["active", "resting"])
def test_a_newer_service_is_read_as_far_as_it_is_known(word: str) -> None:
    company = {"id": ID, "name": "A", "description": None, "status": word, "issuePrefix": "A", "mascot": "cat"}
    instants = dict.fromkeys(("createdAt", "updatedAt"), "2026-03-02T12:00:00.000Z")
    [read] = Answering(httpx2.Response(200, json=[company | instants])).list_companies()
    assert read.status == word
    assert not hasattr(read, "mascot")
    known = {name: value for name, value in (company | instants).items() if name != "mascot"}
    assert read.model_dump(mode="json", by_alias=True) == known


def test_a_reply_of_something_else_is_told_as_such() -> None:
    with pytest.raises(UnexpectedReplyError, match="Welcome"):
        Answering(httpx2.Response(200, text="<html>Welcome</html>")).list_companies()


def test_values_that_cannot_be_meant_are_refused_before_anything_is_sent() -> None:
    client = Answering()
    with pytest.raises(ValueError, match="no id"):
        client.get_routine("..")
    with pytest.raises(ValueError, match="no time zone"):
        client.explain_cron(cron_expression="* * * * *", from_=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_on_the_class_a_method_only_describes_its_call() -> None:
    call: Call[Any] = Client.run_routine(None, ID, idempotency_key="k")
    assert (call.method, call.path, call.body) == ("POST", f"/api/routines/{ID}/run", {"idempotencyKey": "k"})


def test_importing_the_client_loads_nothing_of_a_server() -> None:
    look = "import sys, routines; assert 'pydantic' not in sys.modules; routines.Client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    assert "httpx2" in loaded
    assert not {"sqlalchemy", "fastapi", "starlette", "typer", "structlog"} & set(loaded)
    ours = {name.split(".")[1] for name in loaded if name.startswith("routines.")}
    assert ours == {"client", "core"}
