"""Writes the pages of this folder that the program describes itself, each by a function, from what it says of itself.

What is written by hand, and what no program knows, is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from api_page import api
from cli_page import cli

PAGES: dict[str, Callable[[], str]] = {"api.md": api, "cli.md": cli}
"""The pages, and what makes the text of each."""

if __name__ == "__main__":
    for name, make in PAGES.items():
        Path(__file__).with_name(name).write_text(make(), encoding="utf-8")
        print(f"{name} is written")
