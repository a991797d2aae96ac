"""Promises of `routines.core.payload`: every content type, every body, and nothing that cannot be stored.

Whether a delivery is authentic belongs to the tests of `routines.core.signing`.
"""

from __future__ import annotations

import base64
import json

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routines.core.errors import MalformedBodyError
from routines.core.limits import FORM_FIELDS_MAX
from routines.core.payload import payload_of
from routines.core.strict_json import dumps

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=cut"


def as_base64(content: bytes) -> dict[str, str]:
    return {"body": base64.b64encode(content).decode(), "encoding": "base64"}


def part(headers: str, content: bytes = b"value") -> bytes:
    return b"--cut\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


@pytest.mark.parametrize("content_type", [None, "", "application/json", FORM, MULTIPART, "text/plain", "junk"])
def test_an_empty_body_is_an_empty_payload(content_type: str | None) -> None:
    assert payload_of(content_type, b"") == {}


# JSON.


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;charset=latin-1",
        "application/vnd.x+json",
    ],
)
def test_a_json_object_is_the_payload_and_other_json_is_wrapped(content_type: str) -> None:
    assert payload_of(content_type, '{"a": ["é"]}'.encode()) == {"a": ["é"]}
    for value in ([1, 2], "text", 1.5, True, None):
        assert payload_of(content_type, json.dumps(value).encode()) == {"body": value}


@pytest.mark.parametrize("body", [b" ", b"{", b"a=1", b"[1e400]", rb'{"a": "\u0000"}', b"\xff", '"é"'.encode("utf-16")])
def test_malformed_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        payload_of("application/json", body)


@pytest.mark.parametrize("content_type", [None, "", FORM])
def test_an_object_without_a_content_type_or_with_curls_default_is_the_payload(content_type: str | None) -> None:
    assert payload_of(content_type, b' {"a": "1&b=2"}\n') == {"a": "1&b=2"}


@pytest.mark.parametrize("body", ['{"a": 1', "[1, 2]", "5", "hello", "a=1"])
def test_other_bodies_without_a_content_type_are_text(body: str) -> None:
    assert payload_of(None, body.encode()) == {"body": body}


# Text and bytes.


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/plain; charset=latin-1", "application/octet-stream", "x", ";"]
)
def test_text_is_wrapped_and_bytes_are_base64(content_type: str) -> None:
    assert payload_of(content_type, "é 😀\n".encode()) == {"body": "é 😀\n"}
    assert payload_of(content_type, b"\xff\xfe") == {"body": "//4=", "encoding": "base64"}
    assert payload_of(content_type, b"a\0b") == as_base64(b"a\0b")
    assert payload_of(content_type, b"\xed\xa0\x80") == as_base64(b"\xed\xa0\x80")


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
def test_json_that_is_declared_as_something_else_is_text(content_type: str) -> None:
    assert payload_of(content_type, b'{"a": 1}') == {"body": '{"a": 1}'}


# Forms.


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=1&b=two+words&c=%C3%A9", {"a": "1", "b": "two words", "c": "é"}),
        (b"a=1&a=2&a=3&b=4", {"a": ["1", "2", "3"], "b": "4"}),
        (b"a=&b&=c&&", {"a": "", "b": "", "": "c"}),
        (b"a=1=2;b", {"a": "1=2;b"}),
        (b"a=%zz%4", {"a": "%zz%4"}),
        ("é=ü".encode(), {"é": "ü"}),
        (b"a=%ff&b=%00", {"a": as_base64(b"\xff"), "b": as_base64(b"\0")}),
        (b"payload=%7B%22a%22%3A1%7D", {"payload": '{"a":1}'}),
        (b"&", {}),
    ],
)
def test_a_forms_fields_are_the_payload(body: bytes, fields: dict[str, object]) -> None:
    assert payload_of(FORM, body) == fields
    assert payload_of(f"{FORM.upper()}; charset=utf-8", body) == fields


@pytest.mark.parametrize("body", ["%00=1", "a=1&%ff=2", "a=1&" * FORM_FIELDS_MAX])
def test_a_form_that_cannot_be_kept_by_name_is_kept_whole(body: str) -> None:
    assert payload_of(FORM, body.encode()) == {"body": body}


@given(st.dictionaries(st.text(min_size=1), st.lists(st.text(), min_size=1, max_size=3), max_size=5))
@settings(deadline=None)
def test_what_a_client_encodes_as_a_form_comes_back(fields: dict[str, list[str]]) -> None:
    request = httpx2.Request("POST", "http://x", data=fields)
    payload = payload_of(request.headers.get("content-type"), request.read())
    if not any("\0" in name for name in fields):
        assert payload == {
            name: several if len(several) > 1 else several[0]
            for name, values in fields.items()
            if (several := [as_base64(value.encode()) if "\0" in value else value for value in values])
        }


def test_a_multipart_form_is_its_fields_and_files() -> None:
    request = httpx2.Request(
        "POST",
        "http://x",
        data={"title": "Grüße", "tag": ["a", "b"], "empty": ""},
        files={
            "log": ('a"b.txt', b"line\r\n--cut\r\n", "text/plain"),
            "image": ("ü.png", b"\x89PNG\r\n\0", "image/png"),
        },
    )
    assert payload_of(request.headers["content-type"], request.read()) == {
        "title": "Grüße",
        "tag": ["a", "b"],
        "empty": "",
        "log": {"filename": "a%22b.txt", "contentType": "text/plain", "body": "line\r\n--cut\r\n"},
        "image": {"filename": "ü.png", "contentType": "image/png", **as_base64(b"\x89PNG\r\n\0")},
    }


@pytest.mark.parametrize(
    ("disposition", "field"),
    [
        ("form-data; name=a", {"a": "value"}),
        ('Form-Data;NAME="a b; name=c"', {"a b; name=c": "value"}),
        (r'form-data; name="say \"hi\" \\ \d"', {r'say "hi" \ \d': "value"}),
        ('form-data; name=""', {"": "value"}),
        ('form-data; name="é"', {"é": "value"}),
        (
            'form-data; name=a; filename="C:\\dir\\x"',
            {"a": {"filename": r"C:\dir\x", "contentType": None, "body": "value"}},
        ),
        ('form-data; name=a; filename=""', {"a": {"filename": "", "contentType": None, "body": "value"}}),
    ],
)
def test_the_name_of_a_part_is_read_as_browsers_and_tools_write_it(disposition: str, field: dict[str, object]) -> None:
    assert payload_of(MULTIPART, part(f"Content-Disposition: {disposition}") + b"--cut--\r\n") == field


A_PART = part('content-disposition: form-data; name="a"')


def test_a_multipart_form_has_room_around_its_parts() -> None:
    body = b"preamble\r\n" + A_PART.replace(b"--cut", b"--cut \t") + b"--cut--\r\nepilogue"
    assert payload_of('multipart/form-data; charset=utf-8; boundary="cut"', body) == {"a": "value"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", A_PART + b"--cut--"),
        ("multipart/form-data; boundary=", A_PART + b"--cut--"),
        ("multipart/form-data; boundary=💥", A_PART + b"--cut--"),
        ("multipart/form-data; boundary=other", A_PART + b"--cut--"),
        ("multipart/mixed; boundary=cut", A_PART + b"--cut--"),
        (MULTIPART, A_PART),
        (MULTIPART, A_PART + b"--cut"),
        (MULTIPART, A_PART + b"--cut--\r\n--cut\r\n"),
        (MULTIPART, A_PART[:-10] + b"\r\n--cut--"),
        (MULTIPART, A_PART.replace(b"\r\n", b"\n") + b"--cut--"),
        (MULTIPART, part("content-type: text/plain") + b"--cut--"),
        (MULTIPART, part("content-disposition: form-data") + b"--cut--"),
        (MULTIPART, part('content-disposition: form-data; name="open') + b"--cut--"),
        (MULTIPART, part('content-disposition: form-data; name="a\0"') + b"--cut--"),
        (MULTIPART, part("content-disposition: form-data; name=a\r\ncontent-transfer-encoding: base64") + b"--cut--"),
        (MULTIPART, A_PART * (FORM_FIELDS_MAX + 1) + b"--cut--"),
        (MULTIPART, b"\xff"),
        (MULTIPART, b'{"a": 1}'),
    ],
)
def test_a_multipart_form_that_cannot_be_read_is_kept_whole(content_type: str, body: bytes) -> None:
    assert payload_of(content_type, body) == payload_of("text/plain", body)


def test_a_form_may_have_as_many_fields_as_the_bound_says() -> None:
    assert payload_of(FORM, b"&".join([b"a=1"] * FORM_FIELDS_MAX)) == {"a": ["1"] * FORM_FIELDS_MAX}
    assert payload_of(MULTIPART, A_PART * FORM_FIELDS_MAX + b"--cut--") == {"a": ["value"] * FORM_FIELDS_MAX}


# Everything.


def storable(value: object) -> bool:
    text = dumps(value)
    return "\\u0000" not in text.replace("\\\\", "") and json.loads(text.encode()) == value


@given(
    content_type=st.none()
    | st.text()
    | st.sampled_from(["application/json", "text/plain", FORM, MULTIPART, 'multipart/form-data; boundary="'])
    | st.text().map("multipart/form-data; boundary=cut; ".__add__),
    body=st.binary()
    | st.text(alphabet='{}[]"a=1&%0F\\u\0').map(str.encode)
    | st.lists(
        st.sampled_from([b"--cut", b"\r\n", b"--", b"content-disposition: ", b"form-data", b'; name="a"', b'"', b"\\"])
        | st.binary(max_size=3),
        max_size=30,
    ).map(b"".join),
)
@settings(deadline=None, max_examples=300)
def test_any_body_of_any_type_is_refused_as_malformed_json_or_can_be_stored(
    content_type: str | None, body: bytes
) -> None:
    try:
        payload = payload_of(content_type, body)
    except MalformedBodyError:
        assert "json" in (content_type or "").lower()
    else:
        assert storable(payload)


@given(
    disposition=st.text(st.characters(codec="utf-8", exclude_characters="\r\n")),
    content=st.binary(),
)
@settings(deadline=None)
def test_any_part_is_read_or_kept_whole(disposition: str, content: bytes) -> None:
    body = part(f"content-disposition: form-data; name=a; {disposition}", content) + b"--cut--"
    assert storable(payload_of(MULTIPART, body))
