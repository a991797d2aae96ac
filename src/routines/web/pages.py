"""The pages: the day at a glance, sign-in and sign-out.

Each page calls the services as its caller and renders a view; sessions are `http.auth`'s.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse

from routines.clock import Clock, monotonic_seconds
from routines.core.errors import RateLimitedError, UnauthorizedError
from routines.http.auth import SESSION_COOKIE, SESSION_SECONDS_MAX, Authentication, AuthMode
from routines.http.call import read_body
from routines.http.rate_limit import RateLimiter
from routines.http.services import UseCases
from routines.storage.queries.routines import RoutineQuery
from routines.web.views import company_day

HERE = Path(__file__).parent
DAY = timedelta(days=1)
SIGN_INS_PER_MINUTE = 10  # a person who mistypes is not stopped, one who guesses is
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

router = APIRouter(include_in_schema=False)
templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
sign_in_limiter = RateLimiter(SIGN_INS_PER_MINUTE)


@router.get("/")
def day(request: Request, use: UseCases) -> Response:
    """The day at a glance: what ran, what did not and why, what comes next."""
    authentication: Authentication = request.app.state.authentication
    try:
        actor = authentication.caller(request)
    except UnauthorizedError:
        return RedirectResponse("/login", status_code=303)
    clock: Clock = request.app.state.clock
    now = clock.now()
    days = [
        company_day(
            company,
            use.routines.search(actor, company.id, RoutineQuery),
            use.routines.recent_runs(actor, company.id, now - DAY),
            now,
        )
        for company in use.companies.every_company(actor)
    ]
    signed_in = authentication.mode is AuthMode.AUTHENTICATED
    return _page("day.html", days=days, now=f"{now:%Y-%m-%d %H:%M:%S} UTC", signed_in=signed_in)


@router.get("/login")
def login_page() -> Response:
    """The form that asks for a board token."""
    return _page("login.html", problem="")


@router.post("/login")
async def login(request: Request) -> Response:
    """Begin a session for the holder of a board token."""
    authentication: Authentication = request.app.state.authentication
    authentication.require_same_origin(request)
    client = request.client.host if request.client else ""
    try:
        sign_in_limiter.admit(client, monotonic_seconds())
    except RateLimitedError as error:
        limited = _page("login.html", 429, problem="Too many attempts; wait a moment and try again.")
        limited.headers["Retry-After"] = str(error.retry_after_seconds)
        return limited
    fields = parse_qs((await read_body(request)).decode("utf-8", "replace"))
    cookie = await run_in_threadpool(authentication.sign_in, fields.get("token", [""])[0].strip())
    if cookie is None:
        return _page("login.html", 401, problem="This is not a board token of this service, or it was revoked.")
    response = RedirectResponse("/", status_code=303)
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=SESSION_SECONDS_MAX,
        httponly=True,
        samesite="strict",
        secure=authentication.public_url.startswith("https:"),
    )
    return response


@router.post("/logout")
def logout(request: Request) -> Response:
    """End the session in this browser."""
    authentication: Authentication = request.app.state.authentication
    authentication.require_same_origin(request)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.get("/static/routines.css")
def stylesheet() -> Response:
    """The one stylesheet."""
    return FileResponse(HERE / "static" / "routines.css", headers={"X-Content-Type-Options": "nosniff"})


def _page(template: str, status: int = 200, **values: object) -> Response:
    return HTMLResponse(templates.get_template(template).render(**values), status, SECURITY_HEADERS)
