"""Home: the day at a glance, and the company's routines.

One routine is `routine`'s, changing it is `editor`'s.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
