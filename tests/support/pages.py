"""Pages as a test without a browser sees them: fetched, and posted to as their forms are."""

from __future__ import annotations

from httpx2 import Response

from routines.web.page import NOTICE_COOKIE
from support.service import Service


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
