"""Promises of `routines.http.schemas.reply`: what a reply looks like, whatever the services answer with.

That each call's reply is what the document says belongs to the tests of every call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from routines.core.model import IssueStatus
from routines.http.schemas.reply import Instant, ReplyModel, StoredObject


class Part(ReplyModel):
    """A reply inside another."""

    name: str


class Whole(ReplyModel):
    """A reply with a field of each kind."""

    first_name: str
    made_at: Instant
    ended_at: Instant | None
    status: IssueStatus | None
    payload: StoredObject | None
    part: Part | None
    parts: list[Part | None]
    notice: str = "Always said."


@dataclass(frozen=True)
class APart:
    """What a service would answer with."""

    name: str


@dataclass(frozen=True)
class AWhole:
    """As `APart`, for the whole."""

    first_name: str = "Ada"
    made_at: datetime = datetime(2026, 3, 2, 13, 0, 0, 5_999, tzinfo=timezone(timedelta(hours=1)))
    ended_at: datetime | None = None
    status: IssueStatus | None = IssueStatus.IN_REVIEW
    payload: str | None = '{"n": [1, null]}'
    part: APart | None = APart("inner")
    parts: tuple[APart | None, ...] = (APart("one"), None)
    more_than_is_shown: str = "left out"


def test_each_field_is_written_as_json_has_it_under_its_name_on_the_wire() -> None:
    assert Whole.written(AWhole()) == {
        "firstName": "Ada",
        "madeAt": "2026-03-02T12:00:00.005Z",
        "endedAt": None,
        "status": "in_review",
        "payload": {"n": [1, None]},
        "part": {"name": "inner"},
        "parts": [{"name": "one"}, None],
        "notice": "Always said.",
    }


def test_nothing_is_null() -> None:
    written = Whole.written(AWhole(status=None, payload=None, part=None, parts=()))
    assert [written[name] for name in ("status", "payload", "part", "parts")] == [None, None, None, []]


def test_what_is_given_goes_before_the_attributes_and_may_be_written_already() -> None:
    given = Whole.written(
        AWhole(), first_name="Eve", part={"name": "written"}, ended_at=datetime(2027, 1, 1, tzinfo=UTC), notice="Now."
    )
    assert (given["firstName"], given["part"], given["notice"]) == ("Eve", {"name": "written"}, "Now.")
    assert given["endedAt"] == "2027-01-01T00:00:00.000Z"


def test_a_reply_may_be_made_of_what_is_given_alone() -> None:
    assert Part.written(name="alone") == {"name": "alone"}
