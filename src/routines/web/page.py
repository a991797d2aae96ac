"""A page as its handler sees it: who looks, when, in which zone, and what the form on it said.

What a page shows is its handler's; what may be done, and what becomes of it, is decided by the services.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse

from routines.clock import Clock, first_id
from routines.core.access import AuthMode
from routines.core.errors import (
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RoutinesError,
    UnauthorizedError,
    UnavailableError,
)
from routines.core.model import Actor, ActorType, Company
from routines.core.zones import ZoneError, zone
from routines.http.auth import SAFE_METHODS, Authentication
from routines.http.call import read_body
from routines.http.errors import INTERNAL, on_fault, status_of
from routines.http.services import Services, UseCases
from routines.web.form import Form
from routines.web.rendering import render
from routines.web.security import SECURITY_HEADERS
from routines.web.times import When, when

ZONE_COOKIE = "routines_zone"
NOTICE_COOKIE = "routines_notice"
NOTICE_CHARACTERS_MAX = 300  # browsers drop a cookie of more than 4,096 bytes, and a character can take twelve
NOTICE_SECONDS = 60  # it is shown by the page that the browser is sent to, which is at once
SECTIONS = {
    "routines": "Routines",
    "upcoming": "What comes next",
    "issues": "Issues",
    "agents": "Agents",
    "projects": "Projects",
    "activity": "Activity",
    "settings": "Settings",
}
"""The navigation of a company: the last part of each path, and its words."""
SEE_OTHER = 303
STILL_BEING_WRITTEN = timedelta(seconds=10)  # what began earlier and is not written yet when a page is made


@dataclass(frozen=True, slots=True)
class Page:
    """One request for a page by the board; `now` is when, `zone` where the viewer's clock stands."""

    request: Request
    actor: Actor
    use: Services
    now: datetime
    zone: ZoneInfo
    form: Form

    def when(self, instant: datetime) -> When:
        """An instant as this viewer reads it."""
        return when(instant, self.now, self.zone)

    def query(self, name: str, default: str = "") -> str:
        """What the address says for a name."""
        return self.request.query_params.get(name, default).strip()

    def show(
        self, template: str, *, company_id: str | None = None, section: str = "", about: str = "", **values: object
    ) -> Response:
        """The page that a template makes of values, at the status of its form.

        Within a company it has the company's navigation, of which `section` is where it stands, and follows what
        happens there; `about` is the id of the one thing that it is about, if it is about one.
        """
        companies = self.use.companies.every_company(self.actor)
        company = next((each for each in companies if each.id == company_id), None)
        kind, _, notice = unquote(self.request.cookies.get(NOTICE_COOKIE, "")).partition(":")
        shell = {
            "page": self,
            "companies": companies,
            "company": company,
            "sections": SECTIONS,
            "section": section,
            "about": about,
            "events_after": first_id(self.now - STILL_BEING_WRITTEN),
            "notice": notice,
            "notice_kind": kind,
            "signed_in": self._authentication.mode is AuthMode.AUTHENTICATED,
        }
        response = html(render(template, **shell, **values), self.form.status)
        if notice:
            response.delete_cookie(NOTICE_COOKIE)
        return response

    def go(self, url: str, notice: str = "", *, problem: str = "") -> Response:
        """Send the browser on to a page of ours, which then says what was done, or what was not and why."""
        response = RedirectResponse(url, SEE_OTHER, SECURITY_HEADERS)
        said = f"problem:{problem}" if problem else f"notice:{notice}" if notice else ""
        if said:
            response.set_cookie(
                NOTICE_COOKIE,
                quote(shorten(said, NOTICE_CHARACTERS_MAX)),
                max_age=NOTICE_SECONDS,
                httponly=True,
                samesite="strict",
            )
        return response

    def act(self, action: Callable[[], object], url: str, notice: str) -> Response:
        """Do what a button is for, and send the browser on; if it is refused, the page says why."""
        try:
            action()
        except (UnauthorizedError, NotFoundError):
            raise
        except RoutinesError as refusal:
            return self.go(url, problem=refusal.sentence)
        return self.go(url, notice)

    def company(self, company_id: str) -> Company:
        """The company of a path, for whoever may see it."""
        return self.use.companies.get(self.actor, company_id)

    @property
    def _authentication(self) -> Authentication:
        authentication: Authentication = self.request.app.state.authentication
        return authentication


async def _form(request: Request) -> Form:
    return Form() if request.method in SAFE_METHODS else Form.parse(await read_body(request))


def _board(request: Request) -> Actor:
    authentication: Authentication = request.app.state.authentication
    actor = authentication.caller(request)
    if actor.type is not ActorType.USER:
        raise ForbiddenError("The pages are the board's; agents call the API, which is under /api")
    return actor


def _page(
    request: Request,
    use: UseCases,
    actor: Annotated[Actor, Depends(_board)],  # who calls is told before anything is read of what they send
    form: Annotated[Form, Depends(_form)],
) -> Page:
    clock: Clock = request.app.state.clock
    return Page(request, actor, use, clock.now(), _zone(request), form)


BoardPage = Annotated[Page, Depends(_page)]


def _zone(request: Request) -> ZoneInfo:
    """The viewer's zone, which a script tells or the viewer chooses; UTC until then."""
    try:
        return zone(unquote(request.cookies.get(ZONE_COOKIE, "")) or "UTC")
    except ZoneError:
        return zone("UTC")


class PageRoute(APIRoute):
    """A route of which the errors are pages: who is not signed in is sent there, and others are told what was wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, with errors shown."""
        handler = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handler(request)
            except UnauthorizedError:
                asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                wanted = quote(asked) if request.method in SAFE_METHODS else "/"
                return RedirectResponse(f"/login?next={wanted}", SEE_OTHER, SECURITY_HEADERS)
            except RoutinesError as error:
                return _error_page(error)
            except Exception as fault:  # noqa: BLE001 - logged as any other route's, and shown as a page
                on_fault(request, fault)
                return html(render("error.html", status=500, sentence=INTERNAL), 500)

        return shown


def shorten(text: str, characters_max: int) -> str:
    """A text, or as much of its beginning as fits, with a sign that there was more."""
    return text if len(text) <= characters_max else f"{text[: characters_max - 1]}…"


def own_path(url: str) -> str:
    """A path of ours that a parameter names, or `/` for anything that leads elsewhere."""
    is_path = url.startswith("/") and not url.startswith("//") and "\\" not in url
    return url if is_path and url.isprintable() else "/"


def html(text: str, status: int = 200) -> Response:
    """A page of ours, with what it tells the browser."""
    return HTMLResponse(text, status, SECURITY_HEADERS)


def _error_page(error: RoutinesError) -> Response:
    status = status_of(error)
    page = html(render("error.html", status=status, sentence=error.sentence), status)
    if isinstance(error, RateLimitedError | UnavailableError):
        page.headers["Retry-After"] = str(error.retry_after_seconds)
    return page
