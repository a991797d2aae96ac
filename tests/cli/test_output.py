"""What is printed on a terminal that has not every character."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper

import pytest

from routines.cli.columns import Column, Form
from routines.cli.output import Output, Style
from support.clock import ManualClock


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "Gr\\xfc\\xdfe \\u2192"), ("utf-8", "Grüße →")])
def test_a_terminal_shows_what_its_encoding_has_and_escapes_the_rest(
    encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    written = BytesIO()
    stream = TextIOWrapper(written, encoding)
    output = Output(Style.TERMINAL, ManualClock(), stream)
    columns = [Column("title", "title", Form.TEXT), Column("word", "word")]
    output.listing(columns, [{"title": "Grüße →", "word": "w" * 20}])
    output.listing(columns[1:], [{"word": "w" * 70}])
    output.coloured("Grüße →", "green")
    output.done("Grüße →")
    stream.flush()
    said = written.getvalue().decode(encoding)
    assert said.count(shown) == 3, said
    assert "\x1b[32m" in said
