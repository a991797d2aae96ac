"""`routines mcp` as programs start it: over standard input and output, and over HTTP, against a real port."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from typer.testing import CliRunner

from routines.cli import main
from routines.client import AsyncClient, ConfigurationError
from routines.mcp import serving
from routines.mcp.tools import TOOLS
from support.databases import on_sqlite
from support.process import free_port
from support.service import Caller, Company, Service
from support.site import serving as on_a_port

SECONDS_MAX = 30
PROGRAM = (sys.executable, "-m", "routines", "mcp")


def environment(**variables: str) -> dict[str, str]:
    """What a program is started with: nothing of a service but what is given."""
    left = {name: value for name, value in os.environ.items() if not name.startswith(("ROUTINES_", "PAPERCLIP_"))}
    return left | variables


def token_of(caller: Caller) -> str:
    assert caller.token is not None
    return caller.token


@on_sqlite
def test_over_standard_input_and_output_as_a_heartbeat_starts_it(service: Service, company: Company) -> None:
    """With the key of the environment; nothing but the protocol is on standard output, or the client would choke."""

    async def story(url: str) -> None:
        variables = environment(PAPERCLIP_API_URL=url, PAPERCLIP_API_KEY=token_of(company.agent))
        started = StdioServerParameters(command=PROGRAM[0], args=list(PROGRAM[1:]), env=variables)
        async with Client(started) as session:
            assert [tool.name for tool in (await session.list_tools()).tools] == list(TOOLS)
            told = await session.call_tool("get_myself", {})
            assert told.structured_content["id"] == company.agent_id
            refused = await session.call_tool("get_routine", {"routineId": company.agent_id})
            assert (refused.is_error, refused.content[0].text) == (True, "Routine not found")

    with on_a_port(service) as site:
        asyncio.run(story(site.url))


def test_without_a_key_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROUTINES_API_URL", "ROUTINES_API_KEY", "PAPERCLIP_API_URL", "PAPERCLIP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match=r"There is no key for http://127\.0\.0\.1:3100 in the environment"):
        serving.serve_stdio()


@contextmanager
def over_http(monkeypatch: pytest.MonkeyPatch, service_url: str) -> Iterator[str]:
    """What `routines mcp --http` serves, on a free port and on a thread, until the end of the block.

    There is a key in the environment, which it must not use.
    """
    monkeypatch.setenv("ROUTINES_API_URL", service_url)
    monkeypatch.setenv("ROUTINES_API_KEY", "pcp_of_whoever_started_it")
    begun: list[uvicorn.Server] = []

    def run(app: Any, **options: Any) -> None:
        begun.append(uvicorn.Server(uvicorn.Config(app, **options)))
        begun[0].run()

    monkeypatch.setattr(serving.uvicorn, "run", run)
    monkeypatch.setattr(serving.signal, "signal", lambda *_: None)  # those are the main thread's
    port = free_port()
    thread = Thread(target=serving.serve_http, args=("127.0.0.1", port, ()), name="mcp", daemon=True)
    thread.start()
    deadline = time.monotonic() + SECONDS_MAX
    while not (begun and begun[0].started):
        assert thread.is_alive() and time.monotonic() < deadline, "it does not begin"  # noqa: PT018 - one question
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        begun[0].should_exit = True
        thread.join(SECONDS_MAX)
        assert not thread.is_alive()


@on_sqlite
def test_over_http_each_caller_acts_with_its_own_key(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def myself(url: str, caller: Caller, mode: str) -> Any:
        bearer = {"Authorization": f"Bearer {token_of(caller)}"}
        async with (
            httpx2.AsyncClient(headers=bearer, trust_env=False) as wire,
            Client(streamable_http_client(url, http_client=wire), mode=mode) as session,
        ):
            assert len((await session.list_tools()).tools) == len(TOOLS)
            return (await session.call_tool("get_myself", {})).structured_content["id"]

    async def both(url: str) -> list[Any]:
        return await asyncio.gather(myself(url, company.agent, "auto"), myself(url, company.colleague, "legacy"))

    with on_a_port(service) as site, over_http(monkeypatch, site.url) as url:
        assert asyncio.run(both(url)) == [company.agent_id, company.colleague_id]
        _refusals(url, token_of(company.agent))


def _refusals(url: str, token: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with httpx2.Client(headers={"Accept": "application/json, text/event-stream"}, trust_env=False) as wire:
        for nobody in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
            refused = wire.post(url, json=message, headers=nobody)
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "Send your key" in refused.json()["error"]
        known = {"Authorization": f"Bearer {token}"}
        assert wire.post(url, json=message, headers=known | {"Host": "evil.example.com"}).status_code == 421
        assert wire.post(url, json=message, headers=known | {"Origin": "https://evil.example.com"}).status_code == 403
        assert wire.post(url, content=b" " * (3 << 20), headers=known).status_code == 413
        assert wire.get(url, headers=known).headers["Allow"] == "POST"


def test_over_http_the_heartbeat_is_told_with_the_key() -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json=[])

    async def story() -> None:
        client = AsyncClient("http://127.0.0.1:3100", "", transport=httpx2.MockTransport(answer))
        app = serving.http_app(client, serving.security("127.0.0.1", ()))
        wire = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:3101")
        wanted = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_inbox", "arguments": {}}}
        headers = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer pcp_1"}
        async with app.router.lifespan_context(app), wire:
            for run_id in ("run-1", ""):
                told = await wire.post("/mcp", json=wanted, headers=headers | {"X-Paperclip-Run-Id": run_id})
                assert told.json()["result"]["structuredContent"] == {"issues": []}

    asyncio.run(story())
    assert [request.headers["authorization"] for request in sent] == ["Bearer pcp_1"] * 2
    assert [request.headers.get("x-paperclip-run-id") for request in sent] == ["run-1", None]


@pytest.mark.parametrize(
    ("flags", "served"),
    [
        ((), ("stdio",)),
        (("--http",), ("http", "127.0.0.1", 3101, ())),
        (
            ("--http", "--host", "::", "--port", "80", "--name", "a.example.com", "--name", "b.example.com"),
            ("http", "::", 80, ["a.example.com", "b.example.com"]),
        ),
    ],
)
def test_the_flags_say_what_is_served(
    flags: tuple[str, ...], served: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[Any, ...]] = []
    monkeypatch.setattr(serving, "serve_stdio", lambda: begun.append(("stdio",)))
    monkeypatch.setattr(serving, "serve_http", lambda *how: begun.append(("http", *how)))
    assert CliRunner().invoke(main.app, ["mcp", *flags]).exit_code == 0
    assert begun == [served]


def test_an_address_that_says_no_name_needs_one() -> None:
    with pytest.raises(ConfigurationError, match="say by which name with --name"):
        serving.security("0.0.0.0", ())  # noqa: S104 - it is refused
    named = serving.security("0.0.0.0", ["mcp.example.com"])  # noqa: S104 - with a name it is not
    assert {"mcp.example.com", "mcp.example.com:*"} <= set(named.allowed_hosts)
    assert "https://mcp.example.com" in named.allowed_origins
    assert "[fd00::5]:*" in serving.security("fd00::5", ()).allowed_hosts
