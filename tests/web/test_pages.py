"""Signing in and out of the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpx2 import Response

from routines.http.auth import AuthMode
from support.service import BASE_URL, Place, Service


@pytest.fixture
def guarded(place: Place) -> Iterator[Service]:
    running = Service(place, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


def sign_in(service: Service, token: str, origin: str = BASE_URL) -> Response:
    return service.client.post("/login", data={"token": token}, headers={"Origin": origin}, follow_redirects=False)


def test_signing_in_with_a_board_token_opens_the_page_and_signing_out_closes_it(guarded: Service) -> None:
    assert guarded.client.get("/", follow_redirects=False).headers["location"] == "/login"
    reply = sign_in(guarded, guarded.board_token("Grace"))
    assert reply.status_code == 303
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.client.get("/").status_code == 200
    assert guarded.client.get("/api/companies").status_code == 200
    guarded.client.post("/logout", headers={"Origin": BASE_URL}, follow_redirects=False)
    assert guarded.client.get("/api/companies").status_code == 401


def test_a_wrong_token_is_told_so_and_guessing_is_slowed(guarded: Service) -> None:
    statuses = [sign_in(guarded, f"rtb_{n}").status_code for n in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_a_foreign_page_can_sign_nobody_in(guarded: Service) -> None:
    assert sign_in(guarded, guarded.board_token("Grace"), origin="https://evil.example").status_code == 403
