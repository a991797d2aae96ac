"""Pages as a test without a browser sees them: fetched, posted to, and read for what anybody could click."""

from __future__ import annotations

from html.parser import HTMLParser

from httpx2 import Response

from routines.web.page import NOTICE_COOKIE
from support.service import Service

SCRIPTS = {"/static/zone.js", "/static/app.js"}


def shown(service: Service, path: str, status: int = 200) -> str:
    """The text of a page."""
    reply = service.client.get(path, follow_redirects=False)
    assert reply.status_code == status, f"{path}: {reply.status_code} {reply.text[:500]}"
    return reply.text


def posted(service: Service, path: str, **fields: str) -> Response:
    """What a form is answered with, which may be the way to another page."""
    return service.client.post(path, data=fields, follow_redirects=False)


def said(service: Service, path: str, **fields: str) -> str:
    """The page that a form leads to, with what it says was done."""
    reply = posted(service, path, **fields)
    assert reply.status_code == 303, reply.text[:500]
    assert NOTICE_COOKIE in reply.headers.get("set-cookie", "")
    return shown(service, reply.headers["location"])


class Inert(HTMLParser):
    """Reads a page and fails at once over what could come alive in it: foreign scripts, handlers, styles, links."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        given = {name: value or "" for name, value in attrs}
        assert tag not in {"img", "iframe", "object", "embed", "style", "base"}, tag
        assert not [name for name in given if name.startswith("on") or name in {"style", "srcdoc"}], given
        if tag == "script":
            assert given["src"].startswith("/static/"), given
        for name in ("href", "action", "src"):
            assert given.get(name, "/").startswith(("/", "#")), given
            assert not given.get(name, "/").startswith("//"), given


def check_inert(page: str) -> None:
    """Fail if anything but our own could act in a page."""
    assert "javascript:" not in "".join(part for part in page.split('"') if part.startswith("javascript:"))
    Inert().feed(page)
