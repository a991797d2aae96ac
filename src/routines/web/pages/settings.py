"""Settings: the company, board tokens, and the viewer's time zone.

Who may sign in is `http.auth`'s.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response

from routines.core.access import AuthMode
from routines.core.errors import Fault, InvalidError, RoutinesError
from routines.core.model import CompanyStatus
from routines.core.zones import ZONE_NAMES, ZoneError, zone
from routines.http.auth import Authentication
from routines.http.call import PathId, validated
from routines.http.schemas.board_tokens import BoardTokenCreate
from routines.http.schemas.companies import CompanyCreate, CompanyUpdate
from routines.web.form import Form
from routines.web.page import ZONE_COOKIE, BoardPage, Page, PageRoute
from routines.web.rendering import options

REVOKED_MAX = 20  # revoked tokens that are still listed, the newest
ZONE_COOKIE_SECONDS = 365 * 86_400  # as the script that tells the browser's zone keeps it
_NEW_COMPANY = {"newName": "name", "newDescription": "description", "newIssuePrefix": "issuePrefix"}
_NEW_TOKEN = {"tokenName": "name"}
"""Fields that stand on the page beside others of the same name on the wire."""

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/settings")
def show_settings(page: BoardPage, company_id: PathId) -> Response:
    """All settings, as they are."""
    return _settings_page(page, company_id, Form.of(_stored(page, company_id)))


@router.post("/companies/{company_id}/settings")
def change_company(page: BoardPage, company_id: PathId) -> Response:
    """Change the company."""
    try:
        body = page.form.body("name", "description", "status", "issuePrefix")
        page.use.companies.update(page.actor, company_id, lambda: validated(CompanyUpdate, body).command())
    except RoutinesError as refusal:
        return _settings_page(page, company_id, page.form.refused(refusal))
    return page.go(_url(company_id), "The company was changed.")


@router.post("/companies/{company_id}/settings/companies")
def create_company(page: BoardPage, company_id: PathId) -> Response:
    """Make another company."""
    page.company(company_id)
    try:
        body = _body(page.form, _NEW_COMPANY)
        made = page.use.companies.create(page.actor, lambda: validated(CompanyCreate, body).command())
    except RoutinesError as refusal:
        return _settings_page(page, company_id, _refused(page, company_id, refusal, _NEW_COMPANY))
    return page.go(_url(made.id), f"Company {made.name} was made; this is it.")


@router.post("/companies/{company_id}/settings/zone")
def choose_zone(page: BoardPage, company_id: PathId) -> Response:
    """Show times in another zone in this browser, or as the browser itself says."""
    page.company(company_id)
    name = page.form.text("timezone")
    try:
        if name:
            zone(name)
    except ZoneError as refusal:
        wrong = InvalidError([Fault(("timezone",), refusal.sentence, "invalid_value")])
        return _settings_page(page, company_id, _refused(page, company_id, wrong, {}))
    if not name:
        response = page.go(_url(company_id), "Times are shown as this browser says.")
        response.delete_cookie(ZONE_COOKIE)
        return response
    response = page.go(_url(company_id), f"Times are shown in {name}.")
    # A script may read it: it tells the browser's own zone only where none was chosen.
    response.set_cookie(ZONE_COOKIE, quote(name, safe=""), max_age=ZONE_COOKIE_SECONDS, samesite="strict")
    return response


@router.post("/companies/{company_id}/settings/tokens")
def create_token(page: BoardPage, company_id: PathId) -> Response:
    """Make a board token, and show it this once."""
    page.company(company_id)
    try:
        body = _body(page.form, _NEW_TOKEN)
        new = page.use.board_tokens.create(page.actor, lambda: validated(BoardTokenCreate, body).command())
    except RoutinesError as refusal:
        return _settings_page(page, company_id, _refused(page, company_id, refusal, _NEW_TOKEN))
    return page.show("board_token.html", company_id=company_id, section="settings", record=new.record, token=new.token)


@router.post("/companies/{company_id}/settings/tokens/{token_id}/revoke")
def revoke_token(page: BoardPage, company_id: PathId, token_id: PathId) -> Response:
    """Make a board token worthless; the session that hangs on it ends with it."""
    page.company(company_id)
    return page.act(
        lambda: page.use.board_tokens.revoke(page.actor, token_id), _url(company_id), "The board token is revoked."
    )


def _url(company_id: str) -> str:
    return f"/companies/{company_id}/settings"


def _body(form: Form, names: dict[str, str]) -> dict[str, Any]:
    return {wire: text for field, wire in names.items() if (text := form.text(field))}


def _stored(page: Page, company_id: str) -> dict[str, str | None]:
    company = page.company(company_id)
    return {
        "name": company.name,
        "description": company.description,
        "status": company.status,
        "issuePrefix": company.issue_prefix,
        "timezone": page.zone.key if ZONE_COOKIE in page.request.cookies else None,
    }


def _refused(page: Page, company_id: str, refusal: RoutinesError, names: dict[str, str]) -> Form:
    """The page's form with what was typed into this one of its forms, and what is wrong with that."""
    typed = {name: page.form.text(name) for name in (*names, "timezone")}
    stored = _stored(page, company_id)
    form = Form.of({**stored, **{name: text for name, text in typed.items() if text}}).refused(refusal)
    fields = {wire: field for field, wire in names.items()}
    form.faults = {fields.get(path, path): message for path, message in form.faults.items()}
    return form


def _settings_page(page: Page, company_id: str, form: Form) -> Response:
    authentication: Authentication = page.request.app.state.authentication
    tokens = page.use.board_tokens.every_token(page.actor)
    page.form.status = form.status
    return page.show(
        "settings.html",
        company_id=company_id,
        section="settings",
        form=form,
        statuses=options(CompanyStatus),
        zones=[(name, name) for name in sorted(ZONE_NAMES)],
        shown_in=page.zone.key,
        is_trusting=authentication.mode is AuthMode.LOCAL_TRUSTED,
        own_token=authentication.session_token_id(page.request),
        tokens=[(each, page.when(each.created_at)) for each in tokens if each.revoked_at is None],
        revoked=[(each, page.when(each.revoked_at)) for each in reversed(tokens) if each.revoked_at][:REVOKED_MAX],
    )
