"""Settings: the company, another company, the viewer's time zone, and the board's tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from routines.cli import tokens
from routines.core.access import AuthMode
from routines.http.auth import SESSION_COOKIE
from support.clock import ManualClock
from support.databases import on_sqlite
from support.heartbeats import process_agent
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.inert import require_inert
from support.pages import done, filled, posted, text, words
from support.service import BASE_URL, Caller, Company, Place, Service, ok

ZONE_COOKIE = "routines_zone"


@pytest.fixture
def guarded(place: Place, clock: ManualClock) -> Iterator[Service]:
    running = Service(place, clock, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


def settings(company_id: str) -> str:
    return f"/companies/{company_id}/settings"


def test_the_company_is_changed(service: Service, company: Company) -> None:
    form = {"name": "Acme & Sons", "description": "All\r\nof it", "status": "paused", "issuePrefix": "SONS"}
    assert done(posted(service, settings(company.id), **form)) == settings(company.id)
    after = ok(company.board.get(f"/companies/{company.id}"))
    assert {name: after[name] for name in form} == {**form, "description": "All\nof it"}
    assert "each fire is recorded as skipped" in text(service, settings(company.id))


def test_another_company_is_made(service: Service, company: Company) -> None:
    url = done(
        posted(service, f"{settings(company.id)}/companies", newName="Second", newDescription="", newIssuePrefix="")
    )
    made = ok(company.board.get(url.removesuffix("/settings")))
    assert (made["name"], made["issuePrefix"], made["description"]) == ("Second", "SECO", None)


@on_sqlite
@pytest.mark.parametrize(
    ("path", "fields", "fault", "status"),
    [
        ("", {"name": "", "issuePrefix": "ACME", "status": "active"}, "name", 400),
        ("", {"name": "x", "issuePrefix": "lower", "status": "active"}, "issuePrefix", 400),
        ("", {"name": "x", "issuePrefix": "OTHER", "status": "odd"}, "status", 400),
        ("/companies", {"newName": ""}, "newName", 400),
        ("/companies", {"newName": "x", "newIssuePrefix": "a b"}, "newIssuePrefix", 400),
        ("/companies", {"newName": "x", "newIssuePrefix": "ACME"}, "", 409),
        ("/zone", {"timezone": "Middle/Earth"}, "timezone", 400),
        ("/tokens", {"tokenName": " "}, "tokenName", 400),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    service: Service, company: Company, path: str, fields: dict[str, str], fault: str, status: int
) -> None:
    refused = posted(service, f"{settings(company.id)}{path}", **fields)
    assert refused.status_code == status
    assert re.findall(r'id="([A-Za-z]+)-fault"', refused.text) == ([fault] if fault else [])
    for typed in fields.values():
        assert f'value="{typed.strip()}"' in refused.text or typed in {"odd", "Middle/Earth"}


def test_times_on_pages_are_in_the_zone_that_was_chosen(service: Service, company: Company) -> None:
    agent = f"/agents/{process_agent(company)}"
    assert "Hired Mon 2 Mar 12:00" in text(service, agent)  # UTC, until the browser says more
    done(posted(service, f"{settings(company.id)}/zone", timezone="Asia/Tokyo"))
    assert service.client.cookies[ZONE_COOKIE] == "Asia%2FTokyo"
    assert "Hired Mon 2 Mar 21:00" in text(service, agent)
    assert filled(service, settings(company.id))["timezone"] == "Asia/Tokyo"
    assert "are shown in Asia/Tokyo , it is Mon 2 Mar 21:00 there" in text(service, settings(company.id))
    done(posted(service, f"{settings(company.id)}/zone", timezone=""))
    assert ZONE_COOKIE not in service.client.cookies
    assert "Hired Mon 2 Mar 12:00" in text(service, agent)


def test_a_zone_cookie_that_is_none_counts_as_none(service: Service, company: Company) -> None:
    for value in ("Middle%2FEarth", "..%2F..%2Fetc%2Fpasswd", "%FF", "x" * 3000):
        page = service.client.get(settings(company.id), headers={"Cookie": f"{ZONE_COOKIE}={value}"})
        assert "are shown in UTC , it is Mon 2 Mar 12:00 there" in words(page)


def test_a_board_token_is_shown_once_and_is_the_board_until_it_is_revoked(guarded: Service) -> None:
    company_id = ok(guarded.board.post("/companies", {"name": "Acme"}), 201)["id"]
    board = {"Authorization": f"Bearer {guarded.board.token}"}
    shown = guarded.client.post(f"{settings(company_id)}/tokens", data={"tokenName": "Grace"}, headers=board)
    assert shown.headers["cache-control"] == "no-store"
    [token] = re.findall(r">(rtb_[^<]+)<", shown.text)
    ok(Caller(guarded.client, token).post(f"/companies/{company_id}/projects", {"name": "Hers"}), 201)
    assert ok(guarded.board.get(f"/companies/{company_id}/activity"))[0]["actorId"] == "Grace"
    page = guarded.client.get(settings(company_id), headers=board).text
    assert token not in page
    assert "local_trusted" not in page
    [revoke] = re.findall(r"<summary>Revoke Grace</summary>.*?action=\"([^\"]*)\"", page, re.DOTALL)
    guarded.client.post(revoke, headers=board)
    assert Caller(guarded.client, token).get("/companies").status_code == 401
    assert guarded.client.post(revoke, headers=board).status_code == 404
    assert "Grace revoked now" in words(guarded.client.get(settings(company_id), headers=board))


def test_revoking_the_token_of_ones_own_session_is_said_before_and_signs_one_out(guarded: Service) -> None:
    company_id = ok(guarded.board.post("/companies", {"name": "Acme"}), 201)["id"]
    cookie = guarded.server.app.state.authentication.sign_in(guarded.board_token("Grace"))
    session = {"Cookie": f"{SESSION_COOKIE}={cookie}", "Origin": BASE_URL}
    page = guarded.client.get(settings(company_id), headers=session)
    assert "You are signed in with this very token: revoking it signs you out here" in words(page)
    assert words(page).count("You are signed in with this very token") == 1
    own = re.findall(r'action="([^"]*)" class="inline"><button class="danger">Revoke it and sign out', page.text)
    assert len(own) == 1
    reply = guarded.client.post(own[0], headers=session, follow_redirects=False)
    assert reply.status_code == 303
    after = guarded.client.get(settings(company_id), headers=session, follow_redirects=False)
    assert after.headers["location"].startswith("/login")


def test_where_nobody_needs_a_token_that_is_said_and_tokens_are_listed(service: Service, company: Company) -> None:
    service.board_token("Grace")
    page = text(service, settings(company.id))
    assert "This service is served as local_trusted : whoever can reach it is the board, and needs none." in page
    assert "Revoke Grace" in page


def test_the_command_line_and_the_page_keep_the_same_tokens(service: Service, company: Company) -> None:
    configured = service.server.settings
    tokens.create(configured, "Ada")
    assert "Revoke Ada" in text(service, settings(company.id))
    service.client.post(f"{settings(company.id)}/tokens", data={"tokenName": "Grace"})
    assert {each.name for each in tokens.listed(configured)} == {"Ada", "Grace"}


def test_an_agent_manages_no_tokens(service: Service, company: Company) -> None:
    key = {"Authorization": f"Bearer {company.agent.token}"}
    for reply in (
        service.client.get(settings(company.id), headers=key),
        service.client.post(f"{settings(company.id)}/tokens", data={"tokenName": "Eve"}, headers=key),
    ):
        assert reply.status_code == 403
    assert tokens.listed(service.server.settings) == []


@on_sqlite
def test_text_from_outside_is_inert(service: Service, company: Company) -> None:
    for hostile in (*HOSTILE, ALL_AT_ONCE):
        name = hostile[:200]
        ok(company.board.patch(f"/companies/{company.id}", {"name": name, "description": hostile}))
        shown = service.client.post(f"{settings(company.id)}/tokens", data={"tokenName": name})
        wrong = {"newName": hostile * 30, "newDescription": hostile, "newIssuePrefix": hostile}
        pages = [
            shown,
            service.client.get(settings(company.id)),
            service.client.post(f"{settings(company.id)}/companies", data=wrong),
            service.client.post(f"{settings(company.id)}/zone", data={"timezone": hostile}),
        ]
        assert [page.status_code for page in pages] == [200, 200, 400, 400]
        for page in pages:
            require_inert(page.text)
