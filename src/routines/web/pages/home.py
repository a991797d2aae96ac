"""The way in: the routines of the company that is shown first.

What is on that page is `routines`'.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.web.page import BoardPage, PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/")
def home(page: BoardPage) -> Response:
    """Send the board to its first company, or to where the first one is made."""
    companies = page.use.companies.every_company(page.actor)
    return page.go(f"/companies/{companies[0].id}/routines" if companies else "/welcome")
