"""All pages under one router, and the files that they load.

Each page is a module of `pages`; where the API has a call for the same, the path is mostly the call's without `/api`.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.staticfiles import StaticFiles

from routines.web.page import html, shorten
from routines.web.pages import (
    activity,
    agents,
    editor,
    heartbeats,
    hiring,
    home,
    issues,
    login,
    notifications,
    projects,
    routine,
    routines,
    runs,
    settings,
    trigger_editor,
    triggers,
    upcoming,
    welcome,
)
from routines.web.rendering import STATIC, render

PAGES = (
    activity,
    agents,
    editor,
    heartbeats,
    hiring,
    home,
    issues,
    login,
    notifications,
    projects,
    routine,
    routines,
    runs,
    settings,
    trigger_editor,
    triggers,
    upcoming,
    welcome,
)

router = APIRouter(include_in_schema=False)
for module in PAGES:
    router.include_router(module.router)

_files = StaticFiles(directory=STATIC)


class _OutsideTheApi(PathConvertor):
    """Any path but those of the API, which tells of errors in its own way."""

    regex = r"(?!api(?:/|$)|openapi\.json$).*"


register_url_convertor("outside_the_api", _OutsideTheApi())


@router.get("/static/{name}")
async def static_file(request: Request, name: str) -> Response:
    """A stylesheet, script or picture of ours; the browser asks whether it is still the same."""
    response = await _files.get_response(name, request.scope)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-cache"
    return response


@router.get("/{path:outside_the_api}")
def nothing_here(path: str) -> Response:
    """What a person sees who asks for a page that there is not, or for the address of a form."""
    return html(render("error.html", status=404, sentence=f"There is no page /{shorten(path, 100)}."), 404)
