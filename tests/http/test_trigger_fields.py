"""The fields of each kind of trigger: what create and update take, and how everything else is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Response

from support.databases import Places
from support.schedules import schedule
from support.service import Company, Service, error, ok

WEBHOOK, API = {"kind": "webhook"}, {"kind": "api"}
EVERY_KIND = [schedule(), WEBHOOK, API]
OWN_FIELDS: dict[str, dict[str, object]] = {
    "schedule": {"cronExpression": "5 * * * *", "timezone": "Europe/Berlin"},
    "webhook": {"signingMode": "hmac_sha256", "replayWindowSec": 60},
    "api": {},
}
FOREIGN_FIELDS = [
    (kind, field, value)
    for kind in OWN_FIELDS
    for other, fields in OWN_FIELDS.items()
    if other != kind
    for field, value in fields.items()
]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def service(places: Places) -> Iterator[Service]:
    """One service for all cases: each makes a routine of its own."""
    with places.lend() as place:
        running = Service(place)
        yield running
        running.close()


@pytest.fixture(scope="module")
def company(service: Service) -> Company:
    return service.company()


def add(company: Company, routine: Json, body: Json) -> Response:
    """An attempt to add a trigger."""
    return company.board.post(f"/routines/{routine['id']}/triggers", body)


def change(company: Company, trigger: Json, **fields: object) -> Response:
    """An attempt to change a trigger."""
    return company.board.patch(f"/routine-triggers/{trigger['id']}", fields)


def stored(company: Company, routine: Json) -> list[Json]:
    """The routine's triggers as they now are."""
    found: list[Json] = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"]
    return found


def faults(reply: Response) -> list[list[str | int]]:
    """The paths of the fields that a refusal names."""
    assert error(reply, 400) == "Validation error"
    return [detail["path"] for detail in reply.json()["details"]]


@pytest.mark.parametrize(("kind", "field", "value"), FOREIGN_FIELDS)
def test_a_field_of_another_kind_is_refused_in_create_and_update(
    company: Company, kind: str, field: str, value: object
) -> None:
    body = next(each for each in EVERY_KIND if each["kind"] == kind)
    routine = company.routine(triggers=[body])
    assert faults(add(company, routine, {**body, field: value})) == [[field]]
    assert faults(change(company, routine["triggers"][0], **{field: value})) == [[field]]
    assert stored(company, routine) == routine["triggers"]


@pytest.mark.parametrize("body", EVERY_KIND, ids=list(OWN_FIELDS))
def test_an_update_takes_label_enabled_and_the_fields_of_its_kind(company: Company, body: Json) -> None:
    routine = company.routine(triggers=[body])
    fields = {"label": " mine ", "enabled": False, **OWN_FIELDS[body["kind"]]}
    updated = ok(change(company, routine["triggers"][0], **fields))
    assert {name: updated[name] for name in fields} == {**fields, "label": "mine"}
    assert stored(company, routine) == [updated]
    assert ok(change(company, updated, label=None))["label"] is None


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (API, {"kind": "api"}),
        (API, {"enabled": None}),
        (API, {"enabled": "yes"}),
        (API, {"label": "x" * 121}),
        (API, {"label": 1}),
        (API, {"publicId": "x"}),
        (API, {"secret": "x"}),
        (schedule(), {"cronExpression": None}),
        (schedule(), {"cronExpression": ""}),
        (schedule(), {"timezone": None}),
        (schedule(), {"nextRunAt": "2026-03-02T13:00:00.000Z"}),
        (WEBHOOK, {"signingMode": "md5"}),
        (WEBHOOK, {"signingMode": None}),
        (WEBHOOK, {"replayWindowSec": 29}),
        (WEBHOOK, {"replayWindowSec": 86_401}),
        (WEBHOOK, {"replayWindowSec": 60.5}),
        (WEBHOOK, {"replayWindowSec": "60"}),
        (WEBHOOK, {"replayWindowSec": None}),
    ],
)
def test_a_wrong_field_is_refused_by_name(company: Company, body: Json, fields: Json) -> None:
    routine = company.routine(triggers=[body])
    assert faults(change(company, routine["triggers"][0], **fields)) == [list(fields)]
    if "kind" not in fields:
        assert faults(add(company, routine, {**body, **fields})) == [list(fields)]
    assert stored(company, routine) == routine["triggers"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ["kind"]),
        ({"kind": "poll"}, ["kind"]),
        ({"kind": None}, ["kind"]),
        ({"kind": "schedule"}, ["cronExpression"]),
    ],
)
def test_a_trigger_needs_a_kind_and_what_its_kind_needs(company: Company, body: Json, path: list[str]) -> None:
    assert faults(add(company, company.routine(), body)) == [path]


@pytest.mark.parametrize("seconds", [30, 86_400])
def test_the_edges_of_the_replay_window(company: Company, seconds: int) -> None:
    made = ok(add(company, company.routine(), {**WEBHOOK, "replayWindowSec": seconds}), 201)
    assert made["trigger"]["replayWindowSec"] == seconds


@pytest.mark.parametrize(
    "fields",
    [
        {"cronExpression": "61 * * * *"},
        {"cronExpression": "* * * * * *"},
        {"cronExpression": "0 0 31 2 *"},
        {"cronExpression": "1x * * * *"},
        {"cronExpression": "@reboot"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "europe/berlin"},
        {"timezone": "../../etc/passwd"},
    ],
)
def test_a_schedule_that_cannot_be_is_422_in_create_and_update(company: Company, fields: Json) -> None:
    routine = company.routine(triggers=[schedule()])
    error(add(company, routine, {**schedule(), **fields}), 422)
    error(change(company, routine["triggers"][0], **fields), 422)
    assert stored(company, routine) == routine["triggers"]


@pytest.mark.parametrize("expression", ["0 9 * * mon-FRI", " 0  9 * * * ", "0 9 * * 7", "@Daily", "*/5\t* * * *"])
def test_the_text_of_an_expression_is_kept_byte_for_byte(company: Company, expression: str) -> None:
    routine = company.routine()
    made = ok(add(company, routine, schedule(expression)), 201)
    assert made["trigger"]["cronExpression"] == expression
    assert stored(company, routine)[0]["cronExpression"] == expression
