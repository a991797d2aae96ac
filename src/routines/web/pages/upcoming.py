"""What comes next: the slots of the coming day and week.

Which slots there are is reckoned by the services.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
