"""In `local_trusted` whoever reaches the service is the board, and no foreign web page reaches it (section 4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from routines.settings import Settings, SettingsError
from support.service import Caller, Company, Place, Service, error, ok

OWN = "http://127.0.0.1:3100"
READ, CHANGE = ("GET", None), ("POST", {"name": "New"})
CALLS = pytest.mark.parametrize(("method", "body"), [READ, CHANGE, ("DELETE", None)], ids=["read", "change", "no body"])
BAD_TOKENS = {
    "an unknown agent key": "Bearer pcp_" + "0" * 48,
    "an unknown board token": "Bearer rtb_" + "0" * 48,
    "no token": "Bearer",
    "an empty token": "Bearer ",
    "nothing": "",
    "another scheme": "Basic Ym9hcmQ6Ym9hcmQ=",
    "a bare word": "board",
    "non-ASCII": "Bearer pcp_ü".encode(),
    "no UTF-8": b"Bearer \xff",
    "huge": "Bearer pcp_" + "0" * 60_000,
}


def test_a_request_without_authorization_is_the_board(board: Caller) -> None:
    company = ok(board.post("/companies", {"name": "New"}), 201)
    entry = ok(board.get(f"/companies/{company['id']}/activity"))[0]
    assert (entry["actorType"], entry["actorId"]) == ("user", "local-board")


@pytest.mark.parametrize("authorization", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_bad_token_never_falls_back_to_the_board(
    service: Service, company: Company, authorization: str | bytes
) -> None:
    headers = {"Authorization": authorization}
    for method, path in (
        ("GET", "/companies"),
        ("POST", "/companies"),
        ("GET", "/agents/me"),
        ("GET", f"/companies/{company.id}/routines"),
        ("PATCH", f"/agents/{company.agent_id}"),
        ("DELETE", f"/routines/{company.id}"),
        ("GET", "/health"),
        ("GET", "/no-such-path"),
        ("PUT", "/companies"),
    ):
        reply = company.board.request(method, path, headers=headers)
        assert (method, path, error(reply, 401)) == (method, path, "Unauthorized")
    raw = {b"Authorization": authorization if isinstance(authorization, bytes) else authorization.encode()}
    assert error(service.client.get("/openapi.json", headers=raw), 401) == "Unauthorized"


def test_a_webhooks_secret_and_a_keys_prefix_are_bad_tokens(service: Service, company: Company) -> None:
    material = company.trigger(company.routine()["id"], kind="webhook")["secretMaterial"]
    for token in (material["webhookSecret"], (company.agent.token or "")[:-1], "pcp_", "rtb_"):
        error(service.as_agent(token).get("/companies"), 401)


@CALLS
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:3100", "127.0.0.1", "localhost:3100", "localhost", "LOCALHOST:1", "[::1]:3100", "[::1]", "127.9.9.9"],
)
def test_a_loopback_host_is_let_in(board: Caller, host: str, method: str, body: dict[str, str] | None) -> None:
    assert board.request(method, "/companies", headers={"Host": host}, json=body).status_code in {200, 201, 405}


@CALLS
@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:3100",
        "localhost.example",
        "127.0.0.1.example:3100",
        "0.0.0.0:3100",
        "10.0.0.1",
        "127.0.0.1:port",
        "[::1",
        "",
        "\xfc.example".encode("latin-1"),
    ],
)
def test_any_other_host_is_403(board: Caller, host: str | bytes, method: str, body: dict[str, str] | None) -> None:
    error(board.request(method, "/companies", headers={"Host": host}, json=body), 403)
    error(board.request(method, "/health", headers={"Host": host}, json=body), 403)


@CALLS
@pytest.mark.parametrize(
    "origin",
    ["https://foreign.example", "http://127.0.0.1:9999", "http://localhost.example", "null", "file://", "[", ""],
)
def test_a_foreign_origin_is_403(board: Caller, origin: str, method: str, body: dict[str, str] | None) -> None:
    error(board.request(method, "/companies", headers={"Origin": origin}, json=body), 403)


@CALLS
def test_a_request_of_another_site_is_403(board: Caller, method: str, body: dict[str, str] | None) -> None:
    error(board.request(method, "/companies", headers={"Sec-Fetch-Site": "cross-site"}, json=body), 403)
    error(board.request(method, "/companies", headers={"Sec-Fetch-Site": "cross-site", "Origin": OWN}, json=body), 403)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_services_own_pages_are_let_in(board: Caller, site: str) -> None:
    headers = {"Origin": OWN, "Sec-Fetch-Site": site}
    ok(board.post("/companies", {"name": "New"}, headers=headers), 201)


def test_the_public_address_is_an_own_origin(place: Place) -> None:
    service = Service(place, public_url="http://localhost:8080")
    ok(service.board.get("/companies", headers={"Origin": "http://localhost:8080"}))
    error(service.board.get("/companies", headers={"Origin": "http://localhost:8081"}), 403)
    service.close()


def test_an_agents_key_makes_no_foreign_page_welcome(company: Company) -> None:
    error(company.agent.get("/agents/me", headers={"Origin": "https://foreign.example"}), 403)
    error(company.agent.get("/agents/me", headers={"Host": "rebound.example"}), 403)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "application/jsonp",
        "",
        None,
    ],
)
def test_a_body_that_is_no_json_by_its_type_is_415(company: Company, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    routine = company.routine()["id"]
    for method, path in (
        ("POST", "/companies"),
        ("PATCH", f"/companies/{company.id}"),
        ("POST", f"/companies/{company.id}/routines"),
        ("PATCH", f"/routines/{routine}"),
        ("POST", f"/routines/{routine}/triggers"),
        ("POST", f"/routines/{routine}/run"),
        ("POST", f"/agents/{company.agent_id}/pause"),
        ("POST", f"/agents/{company.agent_id}/keys"),
        ("DELETE", f"/routines/{routine}"),
    ):
        reply = company.board.request(method, path, content=b'{"name":"New"}', headers=headers)
        assert (method, path, error(reply, 415)) == (method, path, reply.json()["error"])
    ok(company.board.get(f"/routines/{routine}"))
    assert company.runs(routine) == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
def test_json_under_any_of_its_types_is_read(board: Caller, content_type: str) -> None:
    reply = board.request("POST", "/companies", content=b'{"name":"New"}', headers={"Content-Type": content_type})
    ok(reply, 201)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "routines.example"])  # noqa: S104 - refused below
def test_it_is_served_on_a_loopback_address_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="authenticated"):
        Service(Place(tmp_path), host=host)
    Settings(host=host, data_dir=tmp_path, auth="authenticated").check()  # type: ignore[arg-type]  # a StrEnum's text
