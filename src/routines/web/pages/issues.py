"""Issues: the list, one with its comments and runs, and what can be done with it.

What an issue's moves mean is decided in the services.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
