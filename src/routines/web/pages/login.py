"""Signing in and out: a board token begins a session, which its cookie carries.

Sessions themselves are `http.auth`'s.
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from routines.clock import monotonic_seconds
from routines.core.errors import RateLimitedError
from routines.http.auth import SESSION_COOKIE, SESSION_SECONDS_MAX, Authentication
from routines.http.call import read_body
from routines.http.rate_limit import RateLimiter
from routines.web.form import Form
from routines.web.page import SEE_OTHER, PageRoute, html, own_path
from routines.web.rendering import render
from routines.web.security import SECURITY_HEADERS

SIGN_INS_PER_MINUTE = 10  # a person who mistypes is not stopped, one who guesses is
TOO_MANY = "Too many attempts; wait a moment and try again."
UNKNOWN = "This is not a board token of this service, or it was revoked."

router = APIRouter(route_class=PageRoute)


@router.get("/login")
def login_page(request: Request) -> Response:
    """The form that asks for a board token."""
    return _login_page(own_path(request.query_params.get("next", "/")))


@router.post("/login")
async def login(request: Request) -> Response:
    """Begin a session for the holder of a board token."""
    authentication: Authentication = request.app.state.authentication
    authentication.require_same_origin(request)
    limiter: RateLimiter = request.app.state.sign_in_limiter
    client = request.client.host if request.client else ""
    try:
        limiter.admit(client, monotonic_seconds())
    except RateLimitedError as error:
        limited = _login_page("/", TOO_MANY, 429)
        limited.headers["Retry-After"] = str(error.retry_after_seconds)
        return limited
    form = Form.parse(await read_body(request))
    wanted = own_path(form.text("next", "/"))
    cookie = await run_in_threadpool(authentication.sign_in, form.text("token"))
    if cookie is None:
        return _login_page(wanted, UNKNOWN, 401)
    response = RedirectResponse(quote(wanted, safe="/?=&%"), SEE_OTHER, SECURITY_HEADERS)
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
    response = RedirectResponse("/login", SEE_OTHER, SECURITY_HEADERS)
    response.delete_cookie(SESSION_COOKIE)
    return response


def _login_page(wanted: str, problem: str = "", status: int = 200) -> Response:
    return html(render("login.html", wanted=wanted, problem=problem), status)
