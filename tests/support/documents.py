"""The documentation as tests read it: its pages, their examples, headings and links.

What must be true of them is the tests' own affair. A comment before an example says what is particular to it:
`<!-- not run: REASON -->` keeps it from being run, `<!-- file: NAME -->` puts it into a file of the reader's folder,
and `<!-- as in: PATH -->` says that it quotes a file of the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "examples" / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(REPOSITORY)) for page in PAGES]
_REMARK = re.compile(r"<!-- (not run|file|as in): (.+) -->\s*")
_ADDRESS = re.compile(r'(?:href|src|srcset)="([^" ]+)')
_ANCHOR = re.compile(r'<a id="([^"]+)">')
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


class Example(NamedTuple):
    """A fenced block: where it is, in which language, what it says, and the remark before it."""

    page: str
    line: int
    language: str
    text: str
    remark: str | None
    value: str

    @property
    def place(self) -> str:
        """Where it is, as editors have it."""
        return f"{self.page}:{self.line}"

    @property
    def is_dialogue(self) -> bool:
        """Whether it is what somebody types into Python, with what is answered."""
        return ">>> " in self.text


@cache
def tokens_of(page: str) -> list[Token]:
    """A page, read as Markdown."""
    return MarkdownIt("commonmark").enable("table").parse((REPOSITORY / page).read_text(encoding="utf-8"))


def examples_of(page: str) -> list[Example]:
    """The examples of a page, from top to bottom."""
    return list(_examples(page))


def all_examples() -> list[Example]:
    """The examples of every page."""
    return [example for page in NAMES for example in _examples(page)]


def _examples(page: str) -> Iterator[Example]:
    before: Token | None = None
    for token in tokens_of(page):
        if token.type == "fence":
            assert token.map is not None
            found = _REMARK.fullmatch(before.content) if before is not None and before.type == "html_block" else None
            remark, value = (found[1], found[2]) if found else (None, "")
            yield Example(page, token.map[0] + 1, token.info.partition(" ")[0], token.content, remark, value)
        before = token


def anchors_of(page: str) -> set[str]:
    """What a page's headings are called in links to them, as GitHub makes it of their texts, and anchors of its own."""
    tokens = tokens_of(page)
    texts = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    anchors = {found for token in tokens for found in _ANCHOR.findall(token.content)}
    for text in texts:
        anchor = wanted = _NOT_IN_ANCHORS.sub("", text.lower()).replace(" ", "-")
        number = 0
        while anchor in anchors:
            number += 1
            anchor = f"{wanted}-{number}"
        anchors.add(anchor)
    return anchors


def links_of(page: str) -> set[str]:
    """The addresses of what a page links to and shows."""
    links: set[str] = set()
    for token in tokens_of(page):
        for part in [token, *(token.children or [])]:
            links |= {str(part.attrs[name]) for name in ("href", "src") if name in part.attrs}
            if part.type in {"html_block", "html_inline"}:
                links |= set(_ADDRESS.findall(part.content))
    return links


def code_of(page: str) -> list[str]:
    """What a page sets as code within its sentences."""
    return [part.content for token in tokens_of(page) for part in token.children or [] if part.type == "code_inline"]


def rows_of(page: str) -> list[list[str]]:
    """The rows of a page's tables, headings left out, each a list of its cells' Markdown."""
    rows: list[list[str]] = []
    in_body = False
    for token, after in pairwise(tokens_of(page)):
        in_body = (in_body or token.type == "tbody_open") and token.type != "tbody_close"
        if in_body and token.type == "tr_open":
            rows.append([])
        if in_body and token.type == "td_open":
            rows[-1].append(after.content)
    return rows
