"""How a request proves who calls, in either mode, and how foreign web pages are kept out.

What the caller may then do is `core.access`. The fire route has an authentication of its own and is not seen here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from routines.clock import Clock
from routines.core.access import AuthMode
from routines.core.addresses import is_loopback_name
from routines.core.errors import ForbiddenError, UnauthorizedError
from routines.core.instants import to_milliseconds
from routines.core.model import LOCAL_BOARD, Actor
from routines.http.schemas.common import UUID_PATTERN
from routines.services.identity import Identity

SESSION_COOKIE = "routines_session"
SESSION_SECONDS_MAX = 14 * 86_400  # two weeks: an operator who looks in each Monday stays signed in
RUN_ID_HEADER = "x-paperclip-run-id"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Sessions:
    """Writes and reads signed session cookies; revoking its token ends a session."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._serializer = URLSafeSerializer(key, salt="session")
        self._clock = clock

    def cookie_for(self, token_id: str) -> str:
        """A cookie's value for a session that begins now."""
        return str(self._serializer.dumps([token_id, to_milliseconds(self._clock.now())]))

    def token_id(self, cookie: str) -> str | None:
        """The board token of a cookie's session, or None if it is forged or too old."""
        try:
            token_id, began_at = self._serializer.loads(cookie)
        except (BadSignature, ValueError, TypeError):
            return None
        age_milliseconds = to_milliseconds(self._clock.now()) - int(began_at)
        return str(token_id) if age_milliseconds <= SESSION_SECONDS_MAX * 1000 else None


class Authentication:
    """Tells who calls."""

    def __init__(self, mode: AuthMode, identity: Identity, sessions: Sessions, public_url: str) -> None:
        self.mode = mode
        self.sessions = sessions
        self.public_url = public_url
        self._identity = identity

    def caller(self, request: HTTPConnection) -> Actor:
        """The board or an agent; raises `UnauthorizedError`, alike for every cause.

        A token that is no good never falls back to what a request without one would be.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            holder = self._identity.holder(token.strip()) if scheme.lower() == "bearer" else None
            if holder is None:
                raise UnauthorizedError
            run_id = request.headers.get(RUN_ID_HEADER, "")
            if UUID_PATTERN.fullmatch(run_id):
                holder = self._identity.in_heartbeat(holder, run_id.lower())
            return holder
        if self.mode is AuthMode.LOCAL_TRUSTED:
            return LOCAL_BOARD
        return self._of_session(request)

    def sign_in(self, token: str) -> str | None:
        """The cookie of a new session for the holder of a board token, or None for a token that is no good."""
        token_id = self._identity.session_of(token)
        return None if token_id is None else self.sessions.cookie_for(token_id)

    def session_token_id(self, request: HTTPConnection) -> str | None:
        """The id of the board token on which the session of a browser hangs, or None where there is no session."""
        cookie = request.cookies.get(SESSION_COOKIE)
        return None if cookie is None else self.sessions.token_id(cookie)

    def _of_session(self, request: HTTPConnection) -> Actor:
        token_id = self.session_token_id(request)
        holder = None if token_id is None else self._identity.holder_of_session(token_id)
        if holder is None:
            raise UnauthorizedError
        method = request.scope.get("method", "GET")
        if method not in SAFE_METHODS:
            self.require_same_origin(request)
        return holder

    def require_same_origin(self, request: HTTPConnection) -> None:
        """Raise `ForbiddenError` unless a browser says that the request comes from one of our own pages."""
        origin = request.headers.get("origin")
        if origin is None or not same_origin(origin, request.headers, self.public_url):
            raise ForbiddenError("A change made with a session cookie needs the Origin header of this service's pages")


def require_local_caller(headers: Headers, public_url: str) -> None:
    """Keep foreign web pages from driving a service that trusts whoever reaches it; raises `ForbiddenError`.

    A page of another site gives itself away by the name it resolved (`Host`, against DNS rebinding), by its `Origin`,
    or by `Sec-Fetch-Site`.
    """
    host = headers.get("host", "")
    if not is_loopback_name(host):
        raise ForbiddenError(f"Host {host!r} is not a loopback name; call 127.0.0.1 or localhost, or use --auth")
    origin = headers.get("origin")
    if origin is not None and not same_origin(origin, headers, public_url):
        raise ForbiddenError(f"Origin {origin!r} is foreign; only this service's own pages may call it")
    if headers.get("sec-fetch-site") == "cross-site":
        raise ForbiddenError("A page of another site may not call this service")


def same_origin(origin: str, headers: Headers, public_url: str) -> bool:
    """True if an origin is the host that was called, or the public address of the service."""
    try:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"}:
            return False
        public = urlsplit(public_url)
    except ValueError:
        return False
    return parts.netloc == headers.get("host") or (parts.scheme, parts.netloc) == (public.scheme, public.netloc)
