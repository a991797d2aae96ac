"""What a shown curl line would send is what was sent."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from routines.cli.calls import Call


def sent_by(curl: str) -> tuple[list[str], str | None]:
    """The headers and the body that a line gives to curl."""
    words = shlex.split(curl.replace("\\\n", ""))
    headers = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
    body = next((words[at + 1] for at, word in enumerate(words) if word in {"-d", "--data-binary"}), None)
    return headers, body


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": 'Ender\'s "Game" `rm -rf` $HOME \\ !'},
        {"list": [1, 2.5, None, True, "é", {"deep": ["x" * 200, []]}], "empty": {}},
        {str(number): "long enough to need several lines" for number in range(9)},
    ],
)
def test_a_json_body_survives_the_shell(body: dict[str, Any]) -> None:
    headers, sent = sent_by(Call("POST", "http://127.0.0.1:1/api/x", body).curl())
    assert headers == ["Content-Type: application/json"]
    assert sent is not None
    assert json.loads(sent) == body


def test_a_file_is_sent_as_it_is_with_the_headers_given() -> None:
    line = Call("POST", "http://127.0.0.1:1/api/x", Path("/a folder/it's.json"), {"X-Signature": "sha256=1 2"}).curl()
    assert sent_by(line) == (["X-Signature: sha256=1 2"], "@/a folder/it's.json")


def test_a_url_with_a_query_is_one_word() -> None:
    words = shlex.split(Call("GET", "http://127.0.0.1:1/api/x?a=1&b=2").curl())
    assert words == ["curl", "-sS", "http://127.0.0.1:1/api/x?a=1&b=2", "|", "python3", "-m", "json.tool"]
