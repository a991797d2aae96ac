"""The service with one thing taken away, served like the whole: what that one thing costs.

`python -m benchmarks.variants NAME` reads its settings from the environment, as `routines serve` does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from unittest.mock import patch

from routines.cli.serving import serve
from routines.core.fires import Fire
from routines.core.model import Run, RunStatus
from routines.observer import NOBODY
from routines.services.firing import Fired, FireSets, WebhookRequest
from routines.settings import from_environment
from routines.storage.database import Database, Webhook


class VerifyingOnly:
    """In place of the batcher: checks signature and payload as it does, and answers with a run that is nowhere."""

    def __init__(self, database: Database, handle: Callable[..., object]) -> None:
        sets = getattr(handle, "__self__", None)
        assert isinstance(sets, FireSets)  # noqa: S101 - tells the type checker whose method `handle` is
        self._sets = sets
        self._database = database
        self._webhooks: dict[str, Webhook] = {}

    def start(self) -> None:
        """Nothing waits."""

    def stop(self) -> None:
        """Nothing waited."""

    def submit_from_loop(self, request: WebhookRequest) -> asyncio.Future[Fired]:
        """The answer, at once."""
        trigger = self._webhooks.get(request.public_id)
        if trigger is None:
            with self._database.write() as transaction:
                trigger = transaction.hot.webhooks([request.public_id])[request.public_id]
            self._webhooks[request.public_id] = trigger
        context = self._sets.context
        now = context.clock.now()
        fire = self._sets._webhook(request, trigger, now)  # noqa: SLF001 - the very check that the service makes
        assert isinstance(fire, Fire)  # noqa: S101 - the benchmark signs its webhooks
        run = Run(
            id=context.ids.new(now),
            company_id=trigger.routine_id,
            routine_id=trigger.routine_id,
            trigger_id=trigger.id,
            source=fire.source,
            status=RunStatus.COALESCED,
            triggered_at=now,
            scheduled_for=None,
            cause=fire.cause,
            idempotency_key=None,
            trigger_payload=fire.payload,
            linked_issue_id=trigger.id,
            coalesced_into_run_id=trigger.id,
            failure_reason=None,
            details=None,
            completed_at=now,
            actor_type=fire.actor.type,
            actor_id=fire.actor.id,
            updated_at=now,
        )
        answer: asyncio.Future[Fired] = asyncio.get_running_loop().create_future()
        answer.set_result(Fired(run, replayed=False))
        return answer


def no_storing() -> None:
    """Verify and answer; no queue, no thread, no database."""
    patch("routines.wiring.Batcher", VerifyingOnly).start()


def one_per_transaction() -> None:
    """A transaction for each request."""
    patch("routines.dispatch.batcher.FIRES_PER_TRANSACTION_MAX", 1).start()


def unmeasured() -> None:
    """Nobody is told of what happens."""
    patch("routines.wiring.Everybody", lambda _: NOBODY).start()


def command(variant: Callable[[], None]) -> tuple[str, ...]:
    """The command that serves so."""
    return (sys.executable, "-m", "benchmarks.variants", variant.__name__)


if __name__ == "__main__":
    {each.__name__: each for each in (no_storing, one_per_transaction, unmeasured)}[sys.argv[1]]()
    serve(from_environment(os.environ))
