"""The skill: the text that an agent reads to use the API well, served as the file that it is.

What the API does is in no other words here.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Depends, Response

from routines.http.call import for_anybody

PATH = "/skills/routines/SKILL.md"
TEXT = files("routines").joinpath(PATH.removeprefix("/")).read_bytes()

router = APIRouter(include_in_schema=False)


@router.get(PATH, dependencies=[Depends(for_anybody)])
def get_skill() -> Response:
    """The text, to anybody who can reach the service."""
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(TEXT, media_type="text/markdown; charset=utf-8", headers=headers)
