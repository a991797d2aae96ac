"""In `authenticated` the board proves itself, by a token or by the session of a browser (section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from routines.core.access import AuthMode
from routines.http.auth import SESSION_COOKIE, SESSION_SECONDS_MAX
from routines.keyring import hash_token
from routines.storage.schema import board_tokens
from support.clock import DAY, SECOND
from support.databases import Places
from support.service import BASE_URL, Caller, Place, Service, error, ok

OWN_ORIGIN = {"Origin": BASE_URL}
CHANGES = (("POST", "/companies"), ("PATCH", "/companies/{0}"), ("DELETE", "/routines/{0}"))


@pytest.fixture
def service(place: Place) -> Iterator[Service]:
    running = Service(place, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


@pytest.fixture
def nobody(service: Service) -> Caller:
    return Caller(service.client)


def revoke(service: Service, token: str) -> None:
    """Make a board token worthless."""
    with service.server.database.write() as transaction:
        statement = update(board_tokens).where(board_tokens.c.token_hash == hash_token(token))
        transaction.connection.execute(statement.values(revoked_at=service.clock.now()))


def session_of(service: Service, token: str) -> dict[str, str]:
    """The cookie header of a browser that has signed in with a board token."""
    cookie = service.server.app.state.authentication.sign_in(token)
    assert cookie is not None
    return {"Cookie": f"{SESSION_COOKIE}={cookie}"}


def test_a_board_token_is_the_board_under_its_name(service: Service, nobody: Caller) -> None:
    error(nobody.get("/companies"), 401)
    dana = Caller(service.client, service.board_token("dana"))
    company = ok(dana.post("/companies", {"name": "New"}), 201)
    entry = ok(dana.get(f"/companies/{company['id']}/activity"))[0]
    assert (entry["actorType"], entry["actorId"]) == ("user", "dana")


def test_a_refusal_says_how_to_prove_oneself(nobody: Caller) -> None:
    reply = nobody.get("/companies")
    assert error(reply, 401) == "Unauthorized"
    assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_board_token_and_its_sessions_are_401(service: Service, nobody: Caller) -> None:
    token = service.board_token("dana")
    session = session_of(service, token)
    ok(nobody.get("/companies", headers=session))
    revoke(service, token)
    error(Caller(service.client, token).get("/companies"), 401)
    error(nobody.get("/companies", headers=session), 401)


def test_an_agents_key_is_that_agent(service: Service) -> None:
    company = service.company()
    assert ok(company.agent.get("/agents/me"))["id"] == company.agent_id


def test_tokens_are_good_from_any_host_and_origin(service: Service) -> None:
    headers = {"Host": "routines.example", "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    ok(service.board.post("/companies", {"name": "New"}, headers=headers), 201)


def test_a_session_is_the_board(service: Service, nobody: Caller) -> None:
    session = session_of(service, service.board_token("dana"))
    ok(nobody.get("/companies", headers=session))
    company = ok(nobody.post("/companies", {"name": "New"}, headers={**session, **OWN_ORIGIN}), 201)
    entry = ok(nobody.get(f"/companies/{company['id']}/activity", headers=session))[0]
    assert (entry["actorType"], entry["actorId"]) == ("user", "dana")


@pytest.mark.parametrize(
    "origin", [None, "", "null", "https://elsewhere.example", "http://127.0.0.1:9999", "http://127.0.0.1:3100.example"]
)
def test_a_session_changes_nothing_without_a_matching_origin(
    service: Service, nobody: Caller, origin: str | None
) -> None:
    company_id = service.company().id
    headers = session_of(service, service.board_token("dana"))
    if origin is not None:
        headers["Origin"] = origin
    before = ok(service.board.get(f"/companies/{company_id}/activity"))
    for method, path in CHANGES:
        error(nobody.request(method, path.format(company_id), headers=headers, json={"name": "Renamed"}), 403)
    assert ok(service.board.get(f"/companies/{company_id}/activity")) == before


def test_the_public_address_is_a_matching_origin(place: Place) -> None:
    service = Service(place, auth=AuthMode.AUTHENTICATED, public_url="https://routines.example")
    session = session_of(service, service.board_token("dana"))
    headers = {**session, "Origin": "https://routines.example"}
    ok(Caller(service.client).post("/companies", {"name": "New"}, headers=headers), 201)
    service.close()


@pytest.mark.parametrize(
    ("age", "status"),
    [(timedelta(seconds=SESSION_SECONDS_MAX), 200), (timedelta(seconds=SESSION_SECONDS_MAX + 1), 401)],
)
def test_a_session_ends(service: Service, nobody: Caller, age: timedelta, status: int) -> None:
    session = session_of(service, service.board_token("dana"))
    service.clock.advance(age)
    assert nobody.get("/companies", headers=session).status_code == status


def test_a_forged_session_is_401(service: Service, nobody: Caller) -> None:
    cookie = session_of(service, service.board_token("dana"))["Cookie"].partition("=")[2]
    forged = [
        "",
        "x",
        "[]",
        "..",
        cookie[:-1],
        cookie[:-1] + ("Q" if cookie[-1] in "ABCD" else "A"),  # the last two bits of base64 say nothing
        "A" + cookie,
        cookie.partition(".")[0],
        "%00%FF",
        "x" * 8000,
    ]
    for value in forged:
        headers = {"Cookie": f"{SESSION_COOKIE}={value}", **OWN_ORIGIN}
        assert (value, nobody.get("/companies", headers=headers).status_code) == (value, 401)
    for raw in (b"\xff", '"ü"'.encode()):
        headers_raw = {b"Cookie": SESSION_COOKIE.encode() + b"=" + raw}
        assert service.client.get("/api/companies", headers=headers_raw).status_code == 401


def test_a_session_of_another_service_is_forged(service: Service, nobody: Caller, places: Places) -> None:
    with places.blank() as elsewhere:
        other = Service(elsewhere, auth=AuthMode.AUTHENTICATED)
        session = session_of(other, other.board_token("dana"))
        other.close()
    service.board_token("dana")
    error(nobody.get("/companies", headers=session), 401)


def test_a_bad_token_never_falls_back_to_a_session(service: Service, nobody: Caller) -> None:
    session = session_of(service, service.board_token("dana"))
    for authorization in ("Bearer rtb_nonsense", "Bearer", "Basic x", ""):
        error(nobody.get("/companies", headers={**session, "Authorization": authorization}), 401)


def test_a_good_token_goes_before_a_session(service: Service) -> None:
    company = service.company()
    session = session_of(service, service.board_token("dana"))
    assert ok(company.agent.get("/agents/me", headers=session))["id"] == company.agent_id


def test_a_session_outlives_a_restart(place: Place) -> None:
    first = Service(place, auth=AuthMode.AUTHENTICATED)
    session = session_of(first, first.board_token("dana"))
    first.close()
    second = Service(place, first.clock, auth=AuthMode.AUTHENTICATED)
    second.clock.advance(DAY + SECOND)
    ok(Caller(second.client).get("/companies", headers=session))
    second.close()


def test_health_needs_no_token_but_takes_no_bad_one(service: Service, nobody: Caller) -> None:
    assert ok(nobody.get("/health"))["deploymentMode"] == "authenticated"
    error(service.as_agent("pcp_nonsense").get("/health"), 401)


def test_a_path_that_does_not_exist_is_told_to_known_callers_only(service: Service, nobody: Caller) -> None:
    error(nobody.get("/no-such-path"), 401)
    error(service.board.get("/no-such-path"), 404)
