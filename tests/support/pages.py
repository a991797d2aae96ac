"""Pages as tests without a browser read and use them: fetched, read as words, their forms filled in and sent.

Whether text from outside came alive in one is `inert`'s to say.
"""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from httpx2 import Response

from routines.web.page import NOTICE_COOKIE
from support.service import Service

SEE_OTHER = 303


def shown(service: Service, path: str, status: int = 200) -> str:
    """The text of a page, as the browser gets it."""
    reply = service.client.get(path, follow_redirects=False)
    assert reply.status_code == status, f"{path}: {reply.status_code} {reply.text[:500]}"
    return reply.text


def text(service: Service, path: str) -> str:
    """A page as a person reads it: without tags, and any white space as one space."""
    return words(shown(service, path))


def words(page: Response | str) -> str:
    """As `text`, of a page that is there already."""
    source = page if isinstance(page, str) else page.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", source)))


def posted(service: Service, path: str, **fields: str) -> Response:
    """What a form is answered with, which may be the way to another page."""
    return service.client.post(path, data=fields, follow_redirects=False)


def done(reply: Response) -> str:
    """Where the browser is sent after a form that was taken."""
    assert reply.status_code == SEE_OTHER, words(reply)
    return reply.headers["location"]


def said(service: Service, path: str, **fields: str) -> str:
    """The page that a form leads to, with what it says was done."""
    reply = posted(service, path, **fields)
    assert NOTICE_COOKIE in reply.headers.get("set-cookie", "")
    return shown(service, done(reply))


def filled(service: Service, path: str) -> dict[str, str]:
    """The fields of a page as a browser would send them back untouched."""
    reader = _Fields()
    reader.feed(shown(service, path))
    return reader.fields


class _Fields(HTMLParser):
    """Reads what the fields of a page hold."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._area = ""
        self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        own = {name: value or "" for name, value in attrs}
        if tag == "input" and (own.get("type") not in {"checkbox", "radio"} or "checked" in own):
            self.fields[own["name"]] = own.get("value", "")
        elif tag == "textarea":
            self._area = own["name"]
            self.fields[self._area] = ""
        elif tag == "select":
            self._choice = own["name"]
            self.fields[self._choice] = ""
        elif tag == "option" and "selected" in own:
            self.fields[self._choice] = own["value"]

    def handle_endtag(self, tag: str) -> None:
        """The end of one."""
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        """Text, of which that of a text area is a field's."""
        if self._area:
            self.fields[self._area] += data.replace("\n", "\r\n")
