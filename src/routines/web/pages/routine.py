"""A routine: its state, triggers, deliveries, runs and activity, and what can be done with it.

Changing its fields is `editor`'s.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
