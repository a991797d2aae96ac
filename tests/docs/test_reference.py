"""The pages of the reference that the program describes itself are as it describes them now."""

from __future__ import annotations

import runpy

import pytest

from support.documents import REPOSITORY

FOLDER = REPOSITORY / "docs" / "reference"
PAGES = runpy.run_path(str(FOLDER), run_name="reference")["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_made_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), f"run `make reference`, which writes docs/reference/{name} anew"
