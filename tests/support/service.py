"""A whole server in the test's process: real database file, real routes, a clock that the test moves.

The scheduler's thread does not run; `Service.tick` does what it would do at the clock's instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx2 import Client, Response
from starlette.routing import BaseRoute

from routines.core.access import AuthMode
from routines.keyring import BOARD_TOKEN_PREFIX, hash_token, new_token
from routines.settings import Role, Settings
from routines.storage.queries import board_tokens
from routines.storage.schema import metadata
from routines.wiring import Server
from support.calling import Transport
from support.clock import ManualClock

BASE_URL = "http://127.0.0.1:3100"
NOBODY = "00000000-0000-7000-8000-000000000000"
"""A well-formed id that nothing has."""


class Caller:
    """Calls the API as one caller: the local board, or whoever has the token."""

    def __init__(self, client: Client, token: str | None = None) -> None:
        self._client = client
        self.token = token

    def request(self, method: str, path: str, **how: Any) -> Response:
        """Any call below `/api`; `json`, `content`, `params` and `headers` as the HTTP client takes them."""
        headers = dict(how.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self._client.request(method, f"/api{path}", headers=headers, **how)

    def get(self, path: str, **how: Any) -> Response:
        """GET."""
        return self.request("GET", path, **how)

    def post(self, path: str, json: Any = None, **how: Any) -> Response:
        """POST of a JSON body."""
        return self.request("POST", path, json={} if json is None else json, **how)

    def patch(self, path: str, json: Any, **how: Any) -> Response:
        """PATCH of a JSON body."""
        return self.request("PATCH", path, json=json, **how)

    def delete(self, path: str, **how: Any) -> Response:
        """DELETE."""
        return self.request("DELETE", path, **how)


@dataclass
class Company:
    """A company with a project, two agents and their callers."""

    board: Caller
    id: str
    project_id: str
    agent_id: str
    agent: Caller
    colleague_id: str
    colleague: Caller

    def routine(self, **fields: Any) -> dict[str, Any]:
        """A new routine of `agent`, with the fields given over the defaults; with `triggers` if they are named."""
        body = {"title": "Look around", "assigneeAgentId": self.agent_id, "projectId": self.project_id, **fields}
        return created(self.board.post(f"/companies/{self.id}/routines", body))

    def trigger(self, routine_id: str, **fields: Any) -> dict[str, Any]:
        """A new trigger of a routine: `{trigger, secretMaterial}`."""
        return created(self.board.post(f"/routines/{routine_id}/triggers", fields))

    def runs(self, routine_id: str, limit: int = 200) -> list[dict[str, Any]]:
        """A routine's runs, newest first."""
        return ok(self.board.get(f"/routines/{routine_id}/runs", params={"limit": limit}))

    def issues(self, routine_id: str) -> list[dict[str, Any]]:
        """A routine's execution issues, newest first."""
        return ok(self.board.get(f"/companies/{self.id}/issues", params={"originId": routine_id}))

    def close(self, issue_id: str, status: str = "done") -> dict[str, Any]:
        """Move an issue."""
        return ok(self.board.patch(f"/issues/{issue_id}", {"status": status}))


@dataclass(frozen=True)
class Place:
    """Where a service keeps all that it has: its data folder, and the database if that is no file in the folder."""

    data_dir: Path
    database_url: str | None = None


class Service:
    """A server in the test's process; `board` calls it as the local board."""

    def __init__(self, place: Place, clock: ManualClock | None = None, **settings: Any) -> None:
        self.place = place
        self.clock = clock or ManualClock()
        configured = Settings(data_dir=place.data_dir, database_url=place.database_url, **settings)
        self.server = self._make(configured)
        if Role.API in configured.roles:
            _share_routes(self.server.app)
        self.server.batcher.start()
        self.client = Client(transport=Transport(self.server.app), base_url=BASE_URL, follow_redirects=True)
        self.board = Caller(self.client)
        if self.server.settings.auth is AuthMode.AUTHENTICATED:
            self.board.token = self.board_token("tester")

    def _make(self, settings: Settings) -> Server:
        return Server(settings, self.clock)

    def as_agent(self, token: str) -> Caller:
        """A caller with an agent's key, or with whatever else is put in its place."""
        return Caller(self.client, token)

    def tick(self, by: timedelta = timedelta(0)) -> None:
        """Move the clock and fire what is due then."""
        self.clock.advance(by)
        self.server.scheduler.fire_due()

    def board_token(self, name: str) -> str:
        """A new board token."""
        token = new_token(BOARD_TOKEN_PREFIX)
        with self.server.database.write() as transaction:
            token_id = "0190" + NOBODY[4:-12] + hash_token(token)[:12]
            board_tokens.add(transaction.connection, token_id, name, hash_token(token), self.clock.now())
        return token

    def company(self, name: str = "Acme") -> Company:
        """A company with a project and two agents."""
        company_id = created(self.board.post("/companies", {"name": name}))["id"]
        project_id = created(self.board.post(f"/companies/{company_id}/projects", {"name": "Web"}))["id"]
        agent_id, agent = self.hire(company_id, "Ada")
        colleague_id, colleague = self.hire(company_id, "Bob")
        return Company(self.board, company_id, project_id, agent_id, agent, colleague_id, colleague)

    def hire(self, company_id: str, name: str) -> tuple[str, Caller]:
        """A new agent of a company, and a caller with its key."""
        agent_id = created(self.board.post(f"/companies/{company_id}/agents", {"name": name}))["id"]
        key = created(self.board.post(f"/agents/{agent_id}/keys", {}))
        return agent_id, self.as_agent(key["token"])

    def kept(self) -> list[bytes]:
        """All that it has written: every file of its data folder, and every table."""
        with self.server.database.read() as connection:
            tables = [repr(connection.execute(table.select()).all()).encode() for table in metadata.sorted_tables]
        return tables + [file.read_bytes() for file in self.place.data_dir.rglob("*") if file.is_file()]

    def close(self) -> None:
        """Stop, as a server does that was told to."""
        self.client.close()
        self.server.stop()


_routes: list[BaseRoute] = []


def _share_routes(app: FastAPI) -> None:
    """Give an application the routes of the first one.

    FastAPI builds them on the first call, in ten times the time that the call takes, and nothing of a server is in
    them: handlers find their server by the request.
    """
    if not _routes:
        _routes.extend(app.router.routes)
    app.router.routes[:] = _routes


def ok(response: Response, status: int = 200) -> Any:
    """The reply's JSON, of a call that must have succeeded."""
    assert response.status_code == status, response.text
    return response.json()


def created(response: Response) -> Any:
    """The reply's JSON, of a call that must have created something."""
    return ok(response, 201)


def error(response: Response, status: int) -> str:
    """The sentence of a call that must have been refused so."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    sentence = response.json()["error"]
    assert isinstance(sentence, str)
    return sentence
