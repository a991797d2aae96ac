"""`routines mcp` as programs start it: over standard input and output, and over HTTP, against a real port."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from routines.client import ConfigurationError
from routines.mcp.serving import security, serve_stdio
from routines.mcp.tools import TOOLS
from support.databases import on_sqlite
from support.process import free_port
from support.service import Caller, Company, Service
from support.site import serving

START_SECONDS_MAX = 60
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

    with serving(service) as site:
        asyncio.run(story(site.url))


def test_without_a_key_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROUTINES_API_URL", "ROUTINES_API_KEY", "PAPERCLIP_API_URL", "PAPERCLIP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match=r"There is no key for http://127\.0\.0\.1:3100 in the environment"):
        serve_stdio()


@contextmanager
def over_http(service_url: str, log: Path) -> Iterator[str]:
    """`routines mcp --http`, which has a key in its environment that it must not use, until the end of the block."""
    port = free_port()
    variables = environment(ROUTINES_API_URL=service_url, ROUTINES_API_KEY="pcp_of_whoever_started_it")
    with log.open("wb") as written:
        program = subprocess.Popen(  # noqa: S603 - our own program
            [*PROGRAM, "--http", "--port", str(port)], env=variables, stdout=written, stderr=written
        )
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                httpx2.get(url, trust_env=False)
                break
            except httpx2.ConnectError:
                assert program.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.02)
        yield url
    finally:
        program.terminate()
        program.wait(timeout=START_SECONDS_MAX)


@on_sqlite
def test_over_http_each_caller_acts_with_its_own_key(service: Service, company: Company, tmp_path: Path) -> None:
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

    with serving(service) as site, over_http(site.url, tmp_path / "log") as url:
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


def test_an_address_that_says_no_name_needs_one() -> None:
    with pytest.raises(ConfigurationError, match="say by which name with --name"):
        security("0.0.0.0", ())  # noqa: S104 - it is refused
    named = security("0.0.0.0", ["mcp.example.com"])  # noqa: S104 - with a name it is not
    assert {"mcp.example.com", "mcp.example.com:*"} <= set(named.allowed_hosts)
    assert "https://mcp.example.com" in named.allowed_origins
    assert "[fd00::5]:*" in security("fd00::5", ()).allowed_hosts
