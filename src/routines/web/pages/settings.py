"""Settings: the company, board tokens, and the viewer's time zone.

Who may sign in is `http.auth`'s.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
