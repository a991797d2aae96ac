"""Activity: the audit of a company, newest first.

Entries are written by the use cases that they tell of.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
