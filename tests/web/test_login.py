"""Signing in and out, and that no foreign page can have a change made, whichever page's form it imitates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from httpx2 import Response

from routines.core.access import AuthMode
from routines.http.auth import SESSION_COOKIE, SESSION_SECONDS_MAX
from routines.web.router import router
from support.databases import on_sqlite
from support.inert import require_inert
from support.service import BASE_URL, NOBODY, Place, Service, ok

FOREIGN = ("https://evil.example", "null", "http://127.0.0.1:9999", "")
FOREIGN_BY_OTHER_SIGNS = ({"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"})
OURS = {"Origin": BASE_URL}


def _posts(within: APIRouter) -> Iterator[str]:
    """The paths of every form of the pages, those of included routers too."""
    for route in within.routes:
        if isinstance(route, APIRoute):
            yield from [route.path] if "POST" in route.methods else []
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from _posts(included)


POSTS = sorted(_posts(router))


@pytest.fixture
def guarded(place: Place) -> Iterator[Service]:
    running = Service(place, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


def sign_in(service: Service, token: str, wanted: str = "/", origin: str = BASE_URL) -> Response:
    form = {"token": token, "next": wanted}
    return service.client.post("/login", data=form, headers={"Origin": origin}, follow_redirects=False)


def cookie_of(reply: Response) -> tuple[str, set[str]]:
    """The value of the session's cookie, and its attributes."""
    value, *attributes = reply.headers["set-cookie"].split("; ")
    return value.removeprefix(f"{SESSION_COOKIE}="), {each.lower() for each in attributes}


def test_a_board_token_opens_the_pages_and_signing_out_closes_them(guarded: Service) -> None:
    wanted = guarded.client.get("/companies/x/agents?status=a", follow_redirects=False)
    assert wanted.headers["location"].startswith("/login?next=/companies/x/agents")
    reply = sign_in(guarded, guarded.board_token("Grace"), "/companies/x/agents")
    assert (reply.status_code, reply.headers["location"]) == (303, "/companies/x/agents")
    assert guarded.client.get("/", follow_redirects=False).headers["location"] == "/welcome"
    ok(guarded.client.get("/api/companies"))
    out = guarded.client.post("/logout", headers=OURS, follow_redirects=False)
    assert out.headers["location"] == "/login"
    assert guarded.client.get("/api/companies").status_code == 401


@on_sqlite
@pytest.mark.parametrize("public_url", [None, "http://routines.example", "https://routines.example"])
def test_the_sessions_cookie_is_for_our_pages_alone(place: Place, public_url: str | None) -> None:
    service = Service(place, auth=AuthMode.AUTHENTICATED, public_url=public_url)
    value, attributes = cookie_of(sign_in(service, service.board_token("Grace"), origin=public_url or BASE_URL))
    service.close()
    expected = {"httponly", "samesite=strict", "path=/", f"max-age={SESSION_SECONDS_MAX}"}
    assert attributes == (expected | {"secure"} if (public_url or "").startswith("https") else expected)
    assert "." in value  # its signature


@on_sqlite
def test_a_session_ends_by_itself(guarded: Service) -> None:
    sign_in(guarded, guarded.board_token("Grace"))
    assert guarded.client.get("/", follow_redirects=False).headers["location"] == "/welcome"
    guarded.clock.advance(timedelta(seconds=SESSION_SECONDS_MAX + 1))
    assert guarded.client.get("/", follow_redirects=False).headers["location"].startswith("/login")


@on_sqlite
@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "evil",
        "",
        "/\tevil",
        "///evil.example",
        '"><script>alert(1)</script>',
    ],
)
def test_one_is_sent_on_to_our_own_pages_only(guarded: Service, wanted: str) -> None:
    assert sign_in(guarded, guarded.board_token("Grace"), wanted).headers["location"] == "/"
    page = guarded.client.get("/login", params={"next": wanted})
    require_inert(page.text)
    assert 'name="next" value="/"' in page.text


@on_sqlite
def test_a_wrong_token_is_told_and_guessing_is_slowed(guarded: Service) -> None:
    replies = [sign_in(guarded, f"rtb_{number}") for number in range(12)]
    assert [reply.status_code for reply in replies] == [401] * 10 + [429] * 2
    assert "This is not a board token of this service" in replies[0].text
    assert "set-cookie" not in replies[0].headers
    assert int(replies[-1].headers["retry-after"]) > 0
    assert sign_in(guarded, guarded.board_token("Grace")).status_code == 429


@on_sqlite
def test_an_agents_key_and_nothing_at_all_sign_nobody_in(guarded: Service) -> None:
    company = guarded.company()
    for token in (company.agent.token or "", "", " ", "rtb_", "x" * 10_000):
        assert sign_in(guarded, token).status_code == 401


def test_there_are_pages_that_change_things() -> None:
    assert {"/login", "/logout", "/agents/{agent_id}/terminate"} <= set(POSTS)


@on_sqlite
def test_no_page_takes_a_form_from_elsewhere(guarded: Service) -> None:
    company = guarded.company()
    cookie = guarded.server.app.state.authentication.sign_in(guarded.board_token("Grace"))
    session = {"Cookie": f"{SESSION_COOKIE}={cookie}"}
    before = guarded.kept()
    for path in POSTS:
        url = _filled(path, company.id, company.agent_id)
        for headers in (session, *({**session, "Origin": each} for each in FOREIGN)):
            reply = guarded.client.post(url, data={"name": "Evil"}, headers=headers, follow_redirects=False)
            assert (path, headers.get("Origin"), reply.status_code) == (path, headers.get("Origin"), 403)
    assert guarded.kept() == before


@on_sqlite
def test_where_everybody_is_trusted_no_page_takes_a_form_from_elsewhere_either(service: Service) -> None:
    company = service.company()
    before = service.kept()
    for path in POSTS:
        url = _filled(path, company.id, company.agent_id)
        for headers in (
            *({"Origin": each} for each in FOREIGN),
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.example"},
        ):
            reply = service.client.post(url, data={"name": "Evil"}, headers=headers, follow_redirects=False)
            assert (path, headers, reply.status_code) == (path, headers, 403)
    assert service.kept() == before


def _filled(path: str, company_id: str, agent_id: str) -> str:
    """A path with ids in it, of what there is where that is easy."""
    ids = {"company_id": company_id, "agent_id": agent_id}
    return "/".join(ids.get(part[1:-1], NOBODY) if part.startswith("{") else part for part in path.split("/"))
