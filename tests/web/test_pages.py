"""The pages: the day at a glance, sign-in and sign-out, and that nothing in them comes alive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpx2 import Response

from routines.http.auth import AuthMode
from support.clock import HOUR
from support.service import BASE_URL, Company, Place, Service, ok

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"


@pytest.fixture
def guarded(place: Place) -> Iterator[Service]:
    running = Service(place, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


def sign_in(service: Service, token: str, origin: str = BASE_URL) -> Response:
    return service.client.post("/login", data={"token": token}, headers={"Origin": origin}, follow_redirects=False)


def test_the_page_says_what_ran_what_did_not_and_why(service: Service, company: Company) -> None:
    company.routine(title="Hourly look", triggers=[{"kind": "schedule", "cronExpression": "0 * * * *"}])
    service.tick(5 * HOUR)  # four slots missed, one within the grace is fired
    page = service.client.get("/").text
    assert "Hourly look" in page
    assert "Missed" in page
    assert "skip_missed" in page
    assert "in 59 min" in page or "in 30 min" in page


def test_an_empty_service_shows_an_empty_day(service: Service) -> None:
    assert "No companies yet" in service.client.get("/").text


def test_text_from_outside_is_inert(service: Service, company: Company) -> None:
    routine = company.routine(title=HOSTILE)
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    page = service.client.get("/")
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


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
