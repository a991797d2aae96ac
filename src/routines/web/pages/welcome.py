"""The first run: what a routine is, and company, project, agent and first routine in one short flow.

Each step is a use case that the API has too.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
