"""`routines trigger`: what makes routines fire.

Secrets are shown by the command that makes them, once, because the service tells them once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from routines.cli import columns
from routines.cli.arguments import Before, Limit, Routine, Trigger, Yes, clearable, optional
from routines.cli.exits import WrongUseError
from routines.cli.nouns import group
from routines.cli.references import ROUTINE, TRIGGER
from routines.cli.remote import remote
from routines.cli.session import Session
from routines.client import Client
from routines.core.limits import REPLAY_WINDOW_SECONDS_MAX, REPLAY_WINDOW_SECONDS_MIN
from routines.core.model import TriggerKind
from routines.core.signing import SigningMode

app = group("Triggers of routines: schedules, webhooks, and what is fired by the API.")

Label = Annotated[str | None, typer.Option(help="What it is called.")]
Cron = Annotated[str | None, typer.Option(help='A schedule, such as "0 9 * * MON-FRI".')]
Timezone = Annotated[str | None, typer.Option(help="Of the schedule, such as Europe/Berlin; else UTC.")]
Webhook = Annotated[SigningMode | None, typer.Option(help="A webhook, and how its deliveries are signed.")]
ReplayWindow = Annotated[
    int | None,
    typer.Option(
        help="How old a signed delivery may be.", min=REPLAY_WINDOW_SECONDS_MIN, max=REPLAY_WINDOW_SECONDS_MAX
    ),
]


@app.command("list")
@remote
def list_triggers(session: Session, routine: Routine) -> None:
    """List a routine's triggers."""
    session.output.listing(
        columns.TRIGGERS, session.ask(Client.get_routine(None, session.find(ROUTINE, routine)))["triggers"]
    )


@app.command("add")
@remote
def add_trigger(
    session: Session,
    routine: Routine,
    *,
    cron: Cron = None,
    timezone: Timezone = None,
    webhook: Webhook = None,
    replay_window_seconds: ReplayWindow = None,
    api: Annotated[bool, typer.Option("--api", help="Fires only by a run that names it.")] = False,
    label: Label = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="It does not fire yet.")] = False,
) -> None:
    """Add a trigger: --cron, --webhook or --api. A webhook's secret is shown this once."""
    kinds = {TriggerKind.SCHEDULE: cron is not None, TriggerKind.WEBHOOK: webhook is not None, TriggerKind.API: api}
    if sum(kinds.values()) != 1:
        raise WrongUseError("A trigger is one of --cron EXPRESSION, --webhook MODE and --api")
    call = Client.add_trigger(
        None,
        session.find(ROUTINE, routine),
        kind=next(kind for kind, is_meant in kinds.items() if is_meant),
        label=optional(label),
        enabled=optional(False if disabled else None),
        cron_expression=optional(cron),
        timezone=optional(timezone),
        signing_mode=optional(webhook),
        replay_window_sec=optional(replay_window_seconds),
    )
    session.output.detail(session.ask(call))


@app.command("edit")
@remote
def edit_trigger(
    session: Session,
    trigger: Trigger,
    *,
    cron: Cron = None,
    timezone: Timezone = None,
    webhook: Webhook = None,
    replay_window_seconds: ReplayWindow = None,
    label: Label = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it fires.")] = None,
) -> None:
    """Change what is given of a trigger; its kind stays. An empty label takes it away."""
    call = Client.update_trigger(
        None,
        session.find(TRIGGER, trigger),
        label=clearable(label),
        enabled=optional(enabled),
        cron_expression=optional(cron),
        timezone=optional(timezone),
        signing_mode=optional(webhook),
        replay_window_sec=optional(replay_window_seconds),
    )
    session.output.detail(session.ask(call))


@app.command("rotate")
@remote
def rotate_secret(session: Session, trigger: Trigger, *, yes: Yes = False) -> None:
    """Give a webhook a new secret, shown this once; the old one is dead at once."""
    found = session.find(TRIGGER, trigger)
    session.confirm(f"Rotate the secret of {trigger!r}? Whoever sends with the old one is refused.", yes=yes)
    session.output.detail(session.ask(Client.rotate_secret(None, found)))


@app.command("delete")
@remote
def delete_trigger(session: Session, trigger: Trigger, *, yes: Yes = False) -> None:
    """Delete a trigger; its runs stay."""
    found = session.find(TRIGGER, trigger)
    session.confirm(f"Delete the trigger {trigger!r}?", yes=yes)
    session.ask(Client.delete_trigger(None, found))
    session.output.done(f"The trigger {trigger} is deleted")


@app.command("deliveries")
@remote
def list_deliveries(session: Session, trigger: Trigger, *, limit: Limit = None, before: Before = None) -> None:
    """List a webhook's recent deliveries, also those that made no run, and why."""
    call = Client.list_deliveries(None, session.find(TRIGGER, trigger), limit=optional(limit), before=optional(before))
    session.output.listing(columns.DELIVERIES, session.ask(call))
