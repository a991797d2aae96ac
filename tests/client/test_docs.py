"""The page about the client is true: each of its examples runs against a real server, as somebody would type it."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import routines
from routines.client import errors
from support.nursery import Nursery
from support.process import ServerProcess

PAGE = Path(routines.__file__).parents[2] / "docs" / "client.md"


def test_every_example_of_the_page_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Nursery() as nursery:
        server = ServerProcess(tmp_path / "data", nursery=nursery)
        server.wait_until_up()
        monkeypatch.setenv("ROUTINES_API_URL", server.url)
        result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
        assert server.terminate() == 0
    assert result.failed == 0
    assert result.attempted > 30


def test_the_page_names_every_error() -> None:
    text = PAGE.read_text(encoding="utf-8")
    kinds = [
        name for name, member in vars(errors).items() if isinstance(member, type) and issubclass(member, Exception)
    ]
    assert [name for name in kinds if name != "RoutinesError" and f"`{name}`" not in text] == []
