"""Notifications: who is told of what, a subscription with its log, and the one page that shows a webhook's secret.

What is sent, and when it is tried again, is decided in the services and in `notify`.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from routines.core.errors import RoutinesError
from routines.core.limits import (
    NOTIFICATIONS_KEPT_DAYS,
    QUIET_AFTER_SECONDS_DEFAULT,
    RUNS_PAGE_DEFAULT,
)
from routines.core.notifications import Channel, NotificationEvent
from routines.http.call import PathId, canonical_id, validated
from routines.http.schemas.notifications import SubscriptionCreate, SubscriptionUpdate
from routines.services.context import PageQuery
from routines.services.notifications import SubscriptionWithSecret
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.views.notifications import CHANNELS, EVENTS, delivery_rows, subscription_rows, title_of

router = APIRouter(route_class=PageRoute)
_COMMON = ("target", "name", "routineId", "quietAfterSeconds")


@router.get("/companies/{company_id}/settings/notifications")
def list_subscriptions(page: BoardPage, company_id: PathId) -> Response:
    """Who is told of what, and a form for one more."""
    first = {"quietAfterSeconds": [str(QUIET_AFTER_SECONDS_DEFAULT)], "events": [NotificationEvent.RUN_FAILED.value]}
    return _list_page(page, company_id, Form(first))


@router.post("/companies/{company_id}/settings/notifications")
def create_subscription(page: BoardPage, company_id: PathId) -> Response:
    """Subscribe; a webhook's secret is shown this once."""
    try:
        body = {**_body(page.form), "channel": page.form.text("channel")}
        made = page.use.notifications.create(
            page.actor, company_id, lambda: validated(SubscriptionCreate, body).command()
        )
    except RoutinesError as refusal:
        return _list_page(page, company_id, page.form.refused(refusal))
    if made.secret is not None:
        return _secret_page(page, made)
    return page.go(_url(made.subscription.id), "The subscription was made. Send a test to see whether it arrives.")


@router.get("/notification-subscriptions/{subscription_id}")
def show_subscription(page: BoardPage, subscription_id: PathId) -> Response:
    """A subscription, to be changed, and what was sent to it."""
    found = page.use.notifications.get(page.actor, subscription_id)
    fields = {
        "target": ["" if found.channel is Channel.SLACK else found.target],
        "name": [found.name or ""],
        "routineId": [found.routine_id or ""],
        "quietAfterSeconds": [str(found.quiet_after_seconds)],
        "events": [event.value for event in found.events],
        **({"enabled": ["true"]} if found.enabled else {}),
    }
    return _subscription_page(page, subscription_id, Form(fields))


@router.post("/notification-subscriptions/{subscription_id}")
def change_subscription(page: BoardPage, subscription_id: PathId) -> Response:
    """Change a subscription; a Slack webhook's URL, which is not shown, stays unless another is typed."""
    try:
        body = {**_body(page.form), "enabled": page.form.ticked("enabled")}
        changed = page.use.notifications.update(
            page.actor, subscription_id, lambda: validated(SubscriptionUpdate, body).command()
        )
    except RoutinesError as refusal:
        return _subscription_page(page, subscription_id, page.form.refused(refusal))
    return page.go(_url(changed.id), "The subscription was changed.")


@router.post("/notification-subscriptions/{subscription_id}/test")
def send_test(page: BoardPage, subscription_id: PathId) -> Response:
    """Send a test notification."""
    return page.act(
        lambda: page.use.notifications.send_test(page.actor, subscription_id, lambda: None),
        _url(subscription_id),
        "A test is on its way; what became of it is told below.",
    )


@router.post("/notification-subscriptions/{subscription_id}/rotate-secret")
def rotate_secret(page: BoardPage, subscription_id: PathId) -> Response:
    """Make a new secret, and show it this once."""
    try:
        rotated = page.use.notifications.rotate_secret(page.actor, subscription_id, lambda: None)
    except RoutinesError as refusal:
        return _subscription_page(page, subscription_id, page.form.refused(refusal))
    return _secret_page(page, rotated)


@router.post("/notification-subscriptions/{subscription_id}/delete")
def delete_subscription(page: BoardPage, subscription_id: PathId) -> Response:
    """End a subscription."""
    company_id = page.use.notifications.get(page.actor, subscription_id).company_id
    return page.act(
        lambda: page.use.notifications.delete(page.actor, subscription_id, lambda: None),
        _list_url(company_id),
        "The subscription is ended; nothing more is sent to it.",
    )


@router.post("/notification-subscriptions/{subscription_id}/deliveries/{notification_id}/resend")
def resend(page: BoardPage, subscription_id: PathId, notification_id: PathId) -> Response:
    """Send a notification again."""
    return page.act(
        lambda: page.use.notifications.resend(page.actor, notification_id, lambda: None),
        _url(subscription_id),
        "It is sent again.",
    )


def _url(subscription_id: str) -> str:
    return f"/notification-subscriptions/{subscription_id}"


def _list_url(company_id: str) -> str:
    return f"/companies/{company_id}/settings/notifications"


def _body(form: Form) -> dict[str, Any]:
    """What the form says, as a body of the API."""
    body: dict[str, Any] = {**form.body("name", "routineId"), **form.filled("target", "quietAfterSeconds")}
    seconds = body.get("quietAfterSeconds", "")
    if seconds.isascii() and seconds.isdecimal():
        body["quietAfterSeconds"] = int(seconds[:20])
    return {**body, "events": form.every("events")}


def _choices(page: Page, company_id: str, chosen: str | None = None) -> dict[str, Any]:
    """What both forms offer."""
    return {"events": EVENTS, "routines": page.use.notifications.routines(page.actor, company_id, chosen)}


def _list_page(page: Page, company_id: str, form: Form) -> Response:
    found = page.use.notifications.of_company(page.actor, company_id)
    page.form.status = form.status
    return page.show(
        "notifications.html",
        company_id=company_id,
        section="settings",
        form=form,
        rows=subscription_rows(found),
        channels=CHANNELS,
        sends_mail=page.use.notifications.sends_mail,
        **_choices(page, company_id),
    )


def _subscription_page(page: Page, subscription_id: str, form: Form) -> Response:
    found = page.use.notifications.get(page.actor, subscription_id)
    before = page.query("before")
    query = PageQuery(RUNS_PAGE_DEFAULT, canonical_id(before) if before else None)
    sent = page.use.notifications.deliveries(page.actor, subscription_id, lambda: query)
    page.form.status = form.status
    return page.show(
        "notification_subscription.html",
        company_id=found.company_id,
        section="settings",
        about=found.id,
        form=form,
        subscription=found,
        title=title_of(found),
        rows=delivery_rows(sent, page.when),
        older=sent[-1].id if len(sent) == RUNS_PAGE_DEFAULT else "",
        is_first=not before,
        kept_days=NOTIFICATIONS_KEPT_DAYS,
        **_choices(page, found.company_id, found.routine_id),
    )


def _secret_page(page: Page, made: SubscriptionWithSecret) -> Response:
    return page.show(
        "notification_secret.html",
        company_id=made.subscription.company_id,
        section="settings",
        subscription=made.subscription,
        title=title_of(made.subscription),
        secret=made.secret,
    )
