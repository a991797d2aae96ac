"""The types that a user's editor finds of the client's methods; `make check` reads this, and nobody runs it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import assert_type

from routines import AsyncClient, Client
from routines.client import models


def blocking(client: Client) -> None:
    """What the methods of a client return."""
    assert_type(client.run_routine("id", payload={"n": 1}), models.RunReply)
    assert_type(client.list_runs("id", limit=5), list[models.ListedRun])
    assert_type(client.list_runs.every("id"), Generator[models.ListedRun, None, None])
    assert_type(client.follow_events("id"), Generator[models.ActivityReply, None, None])
    client.delete_trigger("id")
    client.list_routines(1)  # type: ignore[arg-type]
    client.list_routines("id", colour="red")  # type: ignore[call-arg]
    client.update_routine("id", priority="urgent")  # type: ignore[arg-type]


async def awaited(client: AsyncClient) -> None:
    """What the methods of an asynchronous client return, once they are awaited."""
    assert_type(await client.run_routine("id", payload={"n": 1}), models.RunReply)
    assert_type(await client.list_runs("id", limit=5), list[models.ListedRun])
    assert_type(client.list_runs.every("id"), AsyncGenerator[models.ListedRun, None])
    assert_type(client.follow_events("id"), AsyncGenerator[models.ActivityReply, None])
    await client.delete_trigger("id")
    await client.list_routines("id", colour="red")  # type: ignore[call-arg]
