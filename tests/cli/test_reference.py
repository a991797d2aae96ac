"""The page of every command is as the program describes itself now."""

from __future__ import annotations

import runpy
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_of_every_command_is_up_to_date() -> None:
    made = runpy.run_path(str(FOLDER / "cli_page.py"))["cli"]()
    assert (FOLDER / "cli.md").read_text(encoding="utf-8") == made, "write docs/reference/cli.md anew with cli_page.cli"
