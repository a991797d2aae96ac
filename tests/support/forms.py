"""Pages as tests read and use them: their words, the forms on them, and whether text from outside came alive.

No browser is asked here; what only one can tell is `browser`'s.
"""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from httpx2 import Response

from support.service import Service

DONE = 303


def text(service: Service, path: str) -> str:
    """A page as a person reads it: without tags, and any white space as one space."""
    reply = service.client.get(path)
    assert reply.status_code == 200, reply.text
    return words(reply)


def words(reply: Response) -> str:
    """As `text`, of a page that was answered already."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", reply.text)))


def send(service: Service, path: str, **fields: str) -> Response:
    """A form as a browser sends it, without going where the answer leads."""
    return service.client.post(path, data=fields, follow_redirects=False)


def done(reply: Response) -> str:
    """Where the browser is sent after a form that was taken."""
    assert reply.status_code == DONE, words(reply)
    return reply.headers["location"]


def filled(service: Service, path: str) -> dict[str, str]:
    """The fields of a page as a browser would send them back untouched."""
    reader = _Reader()
    reader.feed(service.client.get(path).text)
    return reader.fields


def check_inert(page: str) -> None:
    """Fail if there is an element, a handler or a link in a page that its template cannot have."""
    reader = _Reader()
    reader.feed(page)
    assert not reader.alive, reader.alive


class _Reader(HTMLParser):
    """Reads the fields of a page, and what in it is alive that should not be."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.alive: list[str] = []
        self._area = ""
        self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        own = {name: value or "" for name, value in attrs}
        self._look(tag, own)
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

    def _look(self, tag: str, own: dict[str, str]) -> None:
        is_foreign = tag in {"img", "iframe", "object", "embed", "base", "style"}
        is_inline = tag == "script" and not own.get("src", "").startswith("/static/")
        has_handler = any(name.startswith("on") or name == "style" for name in own)
        leads = [own[name] for name in ("href", "src", "action") if name in own]
        leads_away = any(not re.match(r"[/#?](?!/)", each) for each in leads if each)
        if is_foreign or is_inline or has_handler or leads_away:
            self.alive.append(self.get_starttag_text() or tag)
