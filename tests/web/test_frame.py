"""What all pages have in common: who is let in, errors as pages, forms read safely, and where a page may lead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from routines.core.access import AuthMode
from routines.web.form import FIELDS_MAX, Form
from routines.web.page import own_path
from support.databases import on_sqlite
from support.service import BASE_URL, Company, Place, Service

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": BASE_URL}


@pytest.fixture
def guarded(place: Place) -> Iterator[Service]:
    running = Service(place, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


@on_sqlite
@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "//[", "//℀", "javascript:alert(1)", ""]
)
def test_no_parameter_leads_elsewhere(service: Service, elsewhere: str) -> None:
    assert own_path(elsewhere) == "/"
    assert service.client.get("/login", params={"next": elsewhere}).status_code == 200


@on_sqlite
def test_who_is_not_signed_in_comes_back_to_where_they_wanted_to_go(guarded: Service) -> None:
    asked = guarded.client.get("/companies/x/routines?q=look&page=2", follow_redirects=False)
    assert asked.headers["location"] == "/login?next=/companies/x/routines%3Fq%3Dlook%26page%3D2"


@on_sqlite
def test_nothing_is_read_of_what_a_stranger_sends(guarded: Service) -> None:
    sent = guarded.client.post("/companies/x/routines", content=b"x" * 2_000_000, headers=FORM, follow_redirects=False)
    assert sent.headers["location"].startswith("/login")


@on_sqlite
@pytest.mark.parametrize("path", ["/login", "/companies/x/projects"])
def test_a_form_of_too_many_fields_is_refused(service: Service, path: str) -> None:
    sent = service.client.post(path, content=b"a=1&" * (FIELDS_MAX + 1), headers=FORM)
    assert sent.status_code == 400
    assert f"more than {FIELDS_MAX} fields" in sent.text


@pytest.mark.parametrize("raw", [b"name=a%00b", b"name=a\x00b", b"name=a%%0000b"])
def test_no_field_of_a_form_holds_nul(raw: bytes) -> None:
    assert "\0" not in Form.parse(raw).text("name")


@on_sqlite
@pytest.mark.parametrize("path", ["/nowhere", "/routines/x/run", "/settings/tokens"])
def test_an_address_without_a_page_says_so_as_a_page(service: Service, path: str) -> None:
    asked = service.client.get(path)
    assert asked.status_code == 404
    assert "There is no page" in asked.text
    assert "default-src 'none'" in asked.headers["content-security-policy"]


@on_sqlite
def test_the_api_tells_of_its_errors_in_its_own_way(service: Service) -> None:
    assert service.client.get("/api/nowhere").json() == {"error": "Not found"}
    assert service.client.put("/api/companies").status_code == 405


@on_sqlite
@pytest.mark.parametrize("after", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "x"])
def test_a_place_that_is_none_is_the_beginning(service: Service, company: Company, after: str) -> None:
    place = f"{after},{company.id}"
    assert service.client.get(f"/companies/{company.id}/upcoming", params={"after": place}).status_code == 200


@on_sqlite
def test_a_long_refusal_fits_a_cookie(service: Service, company: Company) -> None:
    routine = company.routine(title="ü" * 200)
    sent = service.client.post(
        f"/companies/{company.id}/routines", data={"do": "pause", "routine": routine["id"]}, follow_redirects=False
    )
    assert len(sent.headers["set-cookie"]) < 4_096
