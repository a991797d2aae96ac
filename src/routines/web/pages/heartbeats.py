"""A heartbeat: how it went, and what the agent printed, while it runs too.

Starting and ending them is `heartbeat`'s.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
