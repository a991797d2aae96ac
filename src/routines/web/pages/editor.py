"""A routine's fields and triggers as forms: new ones and changed ones, schedules explained.

When a schedule fires is the core's to say; the preview asks the same engine.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
